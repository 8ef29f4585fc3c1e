//! What is asked of a counter, and how a run asks it.

use crate::lab::{
    memory::{Bytes, growth},
    race::{Race, Tally, join_all, team},
    stats::float,
};
use crossbeam_utils::CachePadded;
use std::{hint::black_box, io, iter, sync::Barrier, thread, time::Duration};

/// Adds between two looks at the stop flag, and sums.
pub(crate) const STEPS: u64 = 256;
const SUMS: u64 = 16;

/// Threads that have added to a counter whose sum, or memory, is measured.
pub(crate) const ADDERS: usize = 8;

/// A counter. The loops are compiled for each on its own.
pub(crate) trait Subject: Sync + Sized {
    fn new() -> Self;
    /// What one thread calls for each add of one; it may keep things of its own, but by the end of
    /// a batch of [`STEPS`] calls all must be in the sum.
    fn adder(&self, number: usize) -> impl FnMut();
    fn sum(&self) -> u64;
}

/// How a counter comes to its sum, as far as it matters to what an add costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Ours, with an add that is no locked instruction.
    Ours,
    /// Ours, with one that is.
    OursShared,
    /// A cell a thread, written by its owner alone.
    OwnerStore,
    /// A number that a thread keeps to itself for a while: no sum has it until then.
    Buffered,
    /// Several cells, written by atomic adds.
    Sharded,
    /// One atomic for all, or the like.
    Atomic,
    /// A lock.
    Lock,
    /// Not for several threads: the limit.
    OneThread,
}

impl Family {
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::OursShared)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursShared => "ours, fetch_add",
            Self::OwnerStore => "owner-store",
            Self::Buffered => "buffered",
            Self::Sharded => "sharded fetch_add",
            Self::Atomic => "one atomic",
            Self::Lock => "lock",
            Self::OneThread => "one thread",
        }
    }
}

/// What the threads of a run do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Threads that add.
    pub(crate) threads: usize,
    /// Threads that sum.
    pub(crate) readers: usize,
    pub(crate) window: Duration,
}

/// What a run has measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) adds: Option<Cost>,
    pub(crate) sums: Option<Cost>,
    /// Adds that are not in the sum at the end, or are in it twice.
    pub(crate) lost: u64,
}

/// What an operation costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Millions a second, of all threads together.
    pub(crate) rate: f64,
    /// CPU time in ns that one takes its thread.
    pub(crate) cpu: f64,
}

impl Cost {
    fn of(tallies: &[Tally]) -> Option<Self> {
        let start = tallies.iter().map(|tally| tally.start).min()?;
        let end = tallies.iter().map(|tally| tally.end).max()?;
        let cpu: Duration = tallies.iter().map(|tally| tally.cpu).sum();
        let operations = float(tallies.iter().map(|tally| tally.timed).sum());
        Some(Self {
            rate: operations / (end - start).as_secs_f64() / 1e6,
            cpu: cpu.as_secs_f64() * 1e9 / operations,
        })
    }
}

/// Measures a fresh counter.
pub(crate) fn run<S: Subject>(load: Load) -> io::Result<Sample> {
    let subject = CachePadded::new(S::new());
    // The compiler is not to know what it is.
    let subject: &S = black_box(&subject);
    // A sum without adders still has to read what several threads have written.
    let filled = if load.threads == 0 { fill(subject) } else { 0 };
    let race = &Race::new(load.window);
    let adder = |number| {
        let mut add = subject.adder(number);
        race.run(STEPS, || batch(&mut add))
    };
    let reader = |_| {
        race.run(SUMS, || {
            (0..SUMS).for_each(|_| _ = black_box(subject.sum()));
        })
    };
    let (adders, readers) = thread::scope(|scope| {
        let start = race.hold();
        let adders = team(scope, load.threads, adder)?;
        let readers = team(scope, load.readers, reader)?;
        start.go(load.threads + load.readers);
        Ok::<_, io::Error>((join_all(adders), join_all(readers)))
    })?;
    let added: u64 = adders.iter().map(|tally| tally.before + tally.timed).sum();
    let lost = (filled + added).abs_diff(subject.sum());
    Ok(Sample { adds: Cost::of(&adders), sums: Cost::of(&readers), lost })
}

/// How many counters are made to see what one takes.
pub(crate) const MANY: usize = 1_000;

/// What `instances` subjects take once `threads` threads, all alive at the same time, have added to them:
/// to each so often that of a subject of [`MANY`] counters all have been met. For a process of its own.
pub(crate) fn bytes<S: Subject + Send>(instances: usize, threads: usize) -> Bytes {
    let make = || iter::repeat_with(S::new).take(instances).collect::<Vec<S>>();
    let touch = |subjects: &Vec<S>| {
        for subject in subjects {
            let mut add = subject.adder(0);
            (0..16 * MANY / instances).for_each(|_| add());
        }
    };
    growth(threads, make, touch).1
}

/// Adds from several threads that live at the same time, and returns how many.
fn fill<S: Subject>(subject: &S) -> u64 {
    let together = &Barrier::new(ADDERS);
    let job = |number| {
        batch(&mut subject.adder(number));
        together.wait();
    };
    thread::scope(|scope| {
        for number in 0..ADDERS {
            scope.spawn(move || job(number));
        }
    });
    ADDERS as u64 * STEPS
}

/// Adds, each as it would be done once: the compiler may neither merge them nor keep in a register
/// what they read or write.
#[inline(always)]
fn batch(add: &mut impl FnMut()) {
    for _ in 0..STEPS {
        add();
        black_box(());
    }
}
