//! One run: threads that add, threads that read, and the check of the sums.
//!
//! Nothing is pinned: the scheduler moves threads as it would in a service.

use crate::{
    lab::{
        race::{Race, Tally, join, join_all, team},
        stats::float,
    },
    subjects::Subject,
};
use crossbeam_utils::CachePadded;
use std::{
    fmt,
    hint::black_box,
    io, iter,
    thread::{self, Builder},
    time::Duration,
};

/// Steps between two looks at the stop flag, and sums: a sum may walk thousands of shards.
const STEPS: u64 = 256;
const SUMS: u64 = 16;

/// What the threads of a run do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Threads that add.
    pub(crate) threads: usize,
    /// Threads that sum.
    pub(crate) readers: usize,
    /// Threads that add before the window, each to its own shard as long as there is one.
    pub(crate) fill: usize,
    pub(crate) window: Duration,
}

/// What a run has measured. Its sums were exact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) shards: Option<usize>,
    pub(crate) adds: Option<Cost>,
    pub(crate) sums: Option<Cost>,
}

/// What an operation costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Millions of operations a second, of all threads together.
    pub(crate) rate: f64,
    /// Wall time in ns that an operation takes its thread, waiting for a CPU included.
    pub(crate) wall: f64,
    /// CPU time in ns that an operation takes its thread.
    pub(crate) cpu: f64,
}

impl Cost {
    /// What all threads did, over the time from the first start to the last end, where a thread's
    /// tally is of so many operations `each`.
    fn of(tallies: &[Tally], each: u64) -> Option<Self> {
        let start = tallies.iter().map(|tally| tally.start).min()?;
        let end = tallies.iter().map(|tally| tally.end).max()?;
        let wall: Duration = tallies.iter().map(|tally| tally.end - tally.start).sum();
        let cpu: Duration = tallies.iter().map(|tally| tally.cpu).sum();
        let operations = float(tallies.iter().map(|tally| tally.timed * each).sum());
        Some(Self {
            rate: operations / (end - start).as_secs_f64() / 1e6,
            wall: wall.as_secs_f64() * 1e9 / operations,
            cpu: cpu.as_secs_f64() * 1e9 / operations,
        })
    }
}

/// Why a run has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    Sum { expected: u64, found: u64 },
    SumOf { counter: usize, expected: u64, found: u64 },
    Spawn(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Spawn(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum { expected, found } => {
                write!(f, "the sum is wrong: expected {expected}, found {found}")
            }
            Self::SumOf { counter, expected, found } => {
                write!(
                    f,
                    "the sum of counter {counter} is wrong: expected {expected}, found {found}"
                )
            }
            Self::Spawn(error) => write!(f, "cannot start another thread: {error}"),
        }
    }
}

/// Measures a subject that threads share.
pub(crate) fn shared<S: Subject + Sync>(subject: S, load: Load) -> Result<Sample, Failure> {
    let subject = CachePadded::new(subject);
    // The compiler is not to know what it is.
    let subject: &S = black_box(&subject);
    fill(subject, load.fill)?;
    let race = &Race::new(load.window);
    let adder = |number| {
        let mut hand = subject.hand(load.fill + number);
        race.run(STEPS, || add(subject, &mut hand))
    };
    let (adders, readers) = thread::scope(|scope| {
        let start = race.hold();
        let adders = team(scope, load.threads, adder)?;
        let readers = team(scope, load.readers, |_| race.run(SUMS, || read(subject)))?;
        start.go(load.threads + load.readers);
        Ok::<_, Failure>((join_all(adders), join_all(readers)))
    })?;
    let filled = iter::repeat_n(STEPS, load.fill);
    subject.verify(&filled.chain(adders.iter().map(steps)).collect::<Vec<_>>())?;
    Ok(Sample {
        shards: subject.shards(),
        adds: Cost::of(&adders, S::ADDS),
        sums: Cost::of(&readers, 1),
    })
}

/// Measures a subject that cannot be shared: the one thread makes its own.
pub(crate) fn alone<S: Subject>(
    make: impl FnOnce() -> S + Send,
    load: Load,
) -> Result<Sample, Failure> {
    let race = &Race::new(load.window);
    let job = || {
        let subject = CachePadded::new(make());
        let subject: &S = black_box(&subject);
        let mut hand = subject.hand(0);
        let tally = race.run(STEPS, || add(subject, &mut hand));
        subject.verify(&[steps(&tally)]).map(|()| tally)
    };
    let tally = thread::scope(|scope| {
        let start = race.hold();
        let adder = Builder::new().spawn_scoped(scope, job)?;
        start.go(1);
        join(adder)
    })?;
    Ok(Sample { shards: None, adds: Cost::of(&[tally], S::ADDS), sums: None })
}

/// A batch of steps, each as it would be done once: the compiler may neither merge them nor keep in
/// a register what they read or write.
fn add<S: Subject>(subject: &S, hand: &mut S::Hand) {
    for _ in 0..STEPS {
        subject.step(hand);
        black_box(());
    }
}

/// A batch of sums, likewise.
fn read(subject: &impl Subject) {
    for _ in 0..SUMS {
        subject.read();
        black_box(());
    }
}

/// Adds from `threads` threads. Each lives until the next has ended, so that no two of them go by
/// the same number.
fn fill<S: Subject + Sync>(subject: &S, threads: usize) -> io::Result<()> {
    let Some(number) = threads.checked_sub(1) else { return Ok(()) };
    let job = || {
        let mut hand = subject.hand(number);
        add(subject, &mut hand);
        fill(subject, number)
    };
    thread::scope(|scope| join(Builder::new().spawn_scoped(scope, job)?))
}

fn steps(tally: &Tally) -> u64 {
    tally.before + tally.timed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects::single::{AtomicCounter, Plain, Single};
    use std::time::Instant;

    const LOAD: Load = Load { threads: 2, readers: 1, fill: 3, window: Duration::from_millis(1) };

    /// Forgets its first add.
    struct Forgetful(AtomicCounter);

    impl Single for Forgetful {
        fn add(&self) {
            self.0.add();
        }
        fn sum(&self) -> u64 {
            self.0.sum() - 1
        }
    }

    #[test]
    fn an_exact_sum_passes() {
        let sample = shared(AtomicCounter::default(), LOAD).unwrap();
        assert!(sample.adds.is_some() && sample.sums.is_some());
        assert!(alone(Plain::default, LOAD).unwrap().sums.is_none());
    }

    #[test]
    fn a_lost_add_fails() {
        let failure = shared(Forgetful(AtomicCounter::default()), LOAD).unwrap_err();
        assert!(matches!(failure, Failure::Sum { expected, found } if expected == found + 1));
    }

    #[test]
    fn costs_are_of_all_threads_together() {
        let start = Instant::now();
        let tally = |ms: u64| Tally {
            before: 16,
            timed: 1_000_000,
            start,
            end: start + Duration::from_millis(ms),
            cpu: Duration::from_millis(2),
        };
        let cost = Cost::of(&[tally(10), tally(20)], 1).unwrap();
        let close = |figure: f64, expected: f64| (figure - expected).abs() < 1e-6;
        assert!(
            close(cost.rate, 100.0) && close(cost.wall, 15.0) && close(cost.cpu, 2.0),
            "{cost:?}"
        );
        let tripled = Cost::of(&[tally(10), tally(20)], 3).unwrap();
        assert!(close(tripled.rate, 300.0) && close(tripled.cpu * 3.0, 2.0), "{tripled:?}");
        assert!(Cost::of(&[], 1).is_none());
    }
}
