//! The counters under test, as the checker sees them.

use crate::checker::Action;
use striped_counter::{Counter, CounterSet, Histogram, HistogramSnapshot, UpDownCounter};

/// An operation on a counter.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Adds to several columns at once.
    Add(Vec<(usize, u64)>),
    Sum(usize),
    Take(usize),
    /// Reads all columns at once.
    Snapshot,
    Takes,
}

pub(crate) trait Subject: Sync {
    fn columns(&self) -> usize;

    /// Takes a step, and returns the action with its result.
    fn act(&self, step: &Step) -> Action;
}

impl Subject for Counter {
    fn columns(&self) -> usize {
        1
    }

    fn act(&self, step: &Step) -> Action {
        match step {
            Step::Add(adds) => adds.iter().for_each(|&(_, n)| self.add(n)),
            Step::Sum(_) | Step::Snapshot => return Action::Sum(0, vec![self.sum()]),
            Step::Take(_) | Step::Takes => return Action::Take(0, vec![self.take()]),
        }
        added(step)
    }
}

/// Amounts with the top bit set are negative.
impl Subject for UpDownCounter {
    fn columns(&self) -> usize {
        1
    }

    fn act(&self, step: &Step) -> Action {
        match step {
            Step::Add(adds) => adds.iter().for_each(|&(_, n)| self.add(n.cast_signed())),
            Step::Sum(_) | Step::Snapshot => {
                return Action::Sum(0, vec![self.sum().cast_unsigned()]);
            }
            Step::Take(_) | Step::Takes => {
                return Action::Take(0, vec![self.take().cast_unsigned()]);
            }
        }
        added(step)
    }
}

/// A set whose columns are counters far apart.
pub(crate) struct Spread(pub(crate) CounterSet);

impl Spread {
    pub(crate) const LEN: usize = 1_000;
    /// The first and the last of a row, and one in a line of its own.
    const INDEXES: [usize; 3] = [0, 999, 500];

    fn pick(sums: &[u64]) -> Vec<u64> {
        Self::INDEXES.map(|index| sums[index]).to_vec()
    }

    fn sums(&self) -> Vec<u64> {
        Self::pick(&self.0.sums())
    }
}

impl Subject for Spread {
    fn columns(&self) -> usize {
        Self::INDEXES.len()
    }

    fn act(&self, step: &Step) -> Action {
        match *step {
            Step::Add(ref adds) => {
                let add = |&(column, n): &(usize, u64)| (Self::INDEXES[column], n);
                match adds[..] {
                    [(column, n)] => self.0.add(Self::INDEXES[column], n),
                    _ => self.0.add_many(&adds.iter().map(add).collect::<Vec<_>>()),
                }
                added(step)
            }
            Step::Sum(column) => Action::Sum(column, vec![self.0.sum(Self::INDEXES[column])]),
            Step::Take(column) => Action::Take(column, vec![self.0.take(Self::INDEXES[column])]),
            Step::Snapshot => Action::Sum(0, self.sums()),
            Step::Takes => Action::Take(0, Self::pick(&self.0.take_all())),
        }
    }
}

/// A histogram whose columns are three buckets and the sum. A record adds to a bucket and to the sum.
pub(crate) struct Recorder(pub(crate) Histogram);

impl Recorder {
    /// A value in the first line, one in the middle, and one in the open bucket at the end.
    const VALUES: [u64; 3] = [1, 300_000, 1 << 37];
    const SUM: usize = Self::VALUES.len();

    /// Records a value that often.
    pub(crate) fn step(bucket: usize, times: u64) -> Step {
        Step::Add(vec![(bucket, times), (Self::SUM, Self::VALUES[bucket].wrapping_mul(times))])
    }

    fn pick(snapshot: &HistogramSnapshot) -> Vec<u64> {
        let count = |value| {
            let mut buckets = snapshot.buckets();
            buckets.find(|(range, _)| range.contains(&value)).map(|(_, count)| count)
        };
        let counts = Self::VALUES.iter().map(|&value| count(value).expect("a bucket per value"));
        counts.chain(snapshot.sum()).collect()
    }
}

impl Subject for Recorder {
    fn columns(&self) -> usize {
        Self::SUM + 1
    }

    fn act(&self, step: &Step) -> Action {
        match *step {
            Step::Add(ref adds) => {
                let (bucket, times) = adds[0];
                self.0.record_n(Self::VALUES[bucket], times);
                added(step)
            }
            Step::Sum(_) | Step::Snapshot => Action::Sum(0, Self::pick(&self.0.snapshot())),
            Step::Take(_) | Step::Takes => Action::Take(0, Self::pick(&self.0.take())),
        }
    }
}

fn added(step: &Step) -> Action {
    match step {
        Step::Add(adds) => Action::Add(adds.clone()),
        _ => unreachable!("only adds come here"),
    }
}
