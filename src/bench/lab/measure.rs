//! One run: threads that add, threads that read, and the check of the sums.
//!
//! Threads are not pinned: the scheduler moves them as it would in a service.

use super::{
    race::{Race, Tally, join, join_all, team},
    stats::float,
};
use crossbeam_utils::CachePadded;
use std::{fmt, hint::black_box, io, iter, thread, time::Duration};

/// The number of steps, or of sums, between two checks of the stop flag: a sum may walk thousands
/// of shards.
pub const STEPS: u64 = 256;
const SUMS: u64 = 16;

/// Something to add to and to read. The loops are compiled for each type separately.
pub trait Subject {
    /// The number of adds in a step.
    const ADDS: u64 = 1;
    /// Returns what the thread with this number calls for each step. It may keep state, and do in
    /// advance what only a first add has to do. By the end of a batch of [`STEPS`] all adds must be
    /// in the sum.
    fn adder(&self, number: usize) -> impl FnMut();
    /// Performs one read.
    fn read(&self);
    /// Checks that the sums are exact, given the number of steps of each thread.
    fn verify(&self, steps: &[u64]) -> Result<(), Wrong>;
    /// Returns the number of shards, if the subject has any.
    fn shards(&self) -> Option<usize> {
        None
    }
}

/// What the threads of a run do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// The number of threads that add.
    pub threads: usize,
    /// The number of threads that sum.
    pub readers: usize,
    /// The number of threads that add before the window, each to its own shard as long as there is
    /// one.
    pub fill: usize,
    pub window: Duration,
}

/// What a run has measured.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub shards: Option<usize>,
    pub adds: Option<Cost>,
    pub sums: Option<Cost>,
    /// The result of checking the sums.
    pub wrong: Option<Wrong>,
}

/// A sum that is not exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The index of the counter, if there are many.
    pub counter: Option<usize>,
    pub expected: u64,
    pub found: u64,
}

impl Wrong {
    /// Compares the sum of a single counter.
    pub fn check(expected: u64, found: u64) -> Result<(), Self> {
        if found == expected { Ok(()) } else { Err(Self { counter: None, expected, found }) }
    }

    /// Returns how many adds are missing, or too many.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.expected.abs_diff(self.found)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counter, expected, found } = self;
        f.write_str("the sum")?;
        if let Some(counter) = counter {
            write!(f, " of counter {counter}")?;
        }
        write!(f, " is wrong: expected {expected}, found {found}")
    }
}

impl std::error::Error for Wrong {}

/// The cost of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Millions of operations per second, of all threads together.
    pub rate: f64,
    /// Wall time of an operation in ns, including the time that its thread waits for a CPU.
    pub wall: f64,
    /// CPU time of an operation in ns, or NaN if the clock has not moved in between.
    pub cpu: f64,
}

impl Cost {
    /// Returns the cost over the time from the first start to the last end of all threads, where
    /// each count in a tally stands for `each` operations.
    fn of(tallies: &[Tally], each: u64) -> Option<Self> {
        let start = tallies.iter().map(|tally| tally.start).min()?;
        let end = tallies.iter().map(|tally| tally.end).max()?;
        let wall: Duration = tallies.iter().map(|tally| tally.end - tally.start).sum();
        let cpu: Duration = tallies.iter().map(|tally| tally.cpu).sum();
        let operations = float(tallies.iter().map(|tally| tally.timed * each).sum());
        let cpu = cpu.as_secs_f64() * 1e9 / operations;
        Some(Self {
            rate: operations / (end - start).as_secs_f64() / 1e6,
            wall: wall.as_secs_f64() * 1e9 / operations,
            cpu: if cpu > 0.0 { cpu } else { f64::NAN },
        })
    }
}

/// Measures a subject that threads share.
pub fn shared<S: Subject + Sync>(subject: S, load: Load) -> io::Result<Sample> {
    let subject = CachePadded::new(subject);
    // Hides from the compiler what the subject is.
    let subject: &S = black_box(&subject);
    fill(subject, load.fill)?;
    let race = &Race::new(load.window);
    let adder = |number| {
        let mut add = subject.adder(load.fill + number);
        race.run(STEPS, || batch(&mut add))
    };
    let (adders, readers) = thread::scope(|scope| {
        let start = race.hold();
        let adders = team(scope, load.threads, adder)?;
        let readers = team(scope, load.readers, |_| race.run(SUMS, || read(subject)))?;
        start.go(load.threads + load.readers);
        Ok::<_, io::Error>((join_all(adders), join_all(readers)))
    })?;
    let filled = iter::repeat_n(STEPS, load.fill);
    let wrong = subject.verify(&filled.chain(adders.iter().map(steps)).collect::<Vec<_>>());
    Ok(Sample {
        shards: subject.shards(),
        adds: Cost::of(&adders, S::ADDS),
        sums: Cost::of(&readers, 1),
        wrong: wrong.err(),
    })
}

/// Measures a subject that cannot be shared: the only thread makes its own.
pub fn alone<S: Subject>(make: impl Fn() -> S + Sync, load: Load) -> io::Result<Sample> {
    let race = &Race::new(load.window);
    let job = |_| {
        let subject = CachePadded::new(make());
        let subject: &S = black_box(&subject);
        let mut add = subject.adder(0);
        let tally = race.run(STEPS, || batch(&mut add));
        (tally, subject.verify(&[steps(&tally)]).err())
    };
    let (tally, wrong) = thread::scope(|scope| {
        let start = race.hold();
        let mut adders = team(scope, 1, job)?;
        start.go(1);
        Ok::<_, io::Error>(join(adders.remove(0)))
    })?;
    Ok(Sample { shards: None, adds: Cost::of(&[tally], S::ADDS), sums: None, wrong })
}

/// Performs a batch of steps. The compiler may neither merge them nor keep in a register what they
/// read or write.
#[inline(always)]
fn batch(add: &mut impl FnMut()) {
    for _ in 0..STEPS {
        add();
        black_box(());
    }
}

/// Performs a batch of sums, in the same way.
fn read(subject: &impl Subject) {
    for _ in 0..SUMS {
        subject.read();
        black_box(());
    }
}

/// Adds from `threads` threads. Each lives until the next one has ended, so that no two of them
/// have the same number.
fn fill<S: Subject + Sync>(subject: &S, threads: usize) -> io::Result<()> {
    let Some(number) = threads.checked_sub(1) else { return Ok(()) };
    let job = |_| {
        batch(&mut subject.adder(number));
        fill(subject, number)
    };
    thread::scope(|scope| team(scope, 1, job)?.into_iter().try_for_each(join))
}

fn steps(tally: &Tally) -> u64 {
    tally.before + tally.timed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::subjects::single::{AtomicCounter, Plain, Single};
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
        assert!(sample.adds.is_some() && sample.sums.is_some() && sample.wrong.is_none());
        let sample = alone(Plain::default, LOAD).unwrap();
        assert!(sample.sums.is_none() && sample.wrong.is_none());
    }

    #[test]
    fn a_lost_add_is_found() {
        let sample = shared(Forgetful(AtomicCounter::default()), LOAD).unwrap();
        let wrong = sample.wrong.unwrap();
        assert_eq!((wrong.found + 1, wrong.lost()), (wrong.expected, 1));
        assert!(wrong.to_string().starts_with("the sum is wrong: expected "), "{wrong}");
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
        let coarse = Tally { cpu: Duration::ZERO, ..tally(10) };
        assert!(Cost::of(&[coarse], 1).unwrap().cpu.is_nan(), "a zero is not a measurement");
    }
}
