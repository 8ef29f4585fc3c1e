//! The interface of a counter, and a run of one.

use std::{hint::black_box, io, iter};
use striped_counter::bench::lab::{
    measure::{self, Load, Sample, Wrong, shared},
    memory::{Bytes, growth},
};

/// The number of threads that have added to a counter whose sum or memory is measured.
pub(crate) const ADDERS: usize = 8;

/// A counter. The loops are compiled for each type separately.
pub(crate) trait Subject: Sync + Sized {
    fn new() -> Self;
    /// Returns what one thread calls for each add of one. It may keep state, but by the end of a
    /// batch of [`STEPS`](measure::STEPS) calls all adds must be in the sum.
    fn adder(&self, number: usize) -> impl FnMut();
    fn sum(&self) -> u64;
}

/// How a counter counts, as far as that determines the cost of an add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Ours, with an add without a locked instruction.
    Ours,
    /// Ours, with an atomic add.
    OursShared,
    /// One cell per thread, written by its owner alone.
    OwnerStore,
    /// A number that a thread keeps to itself for a while, during which it is in no sum.
    Buffered,
    /// Several cells, written by atomic adds.
    Sharded,
    /// One atomic for all threads, or the like.
    Atomic,
    /// A lock.
    Lock,
    /// Only for one thread: the limit.
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

struct Measured<S>(S);

impl<S: Subject> measure::Subject for Measured<S> {
    #[inline(always)]
    fn adder(&self, number: usize) -> impl FnMut() {
        self.0.adder(number)
    }
    #[inline(always)]
    fn read(&self) {
        black_box(self.0.sum());
    }
    fn verify(&self, steps: &[u64]) -> Result<(), Wrong> {
        Wrong::check(steps.iter().sum(), self.0.sum())
    }
}

/// Measures a fresh counter.
pub(crate) fn run<S: Subject>(load: Load) -> io::Result<Sample> {
    shared(Measured(S::new()), load)
}

/// The number of counters that are made to measure the memory of one.
pub(crate) const MANY: usize = 1_000;

/// The number of histograms that are made to measure the memory of one.
pub(crate) const FEW: usize = 16;

/// Returns the memory of `instances` subjects once `threads` threads, all alive at the same time,
/// have added to them, often enough to reach all counters of a subject of [`MANY`]. For a process
/// that does nothing else.
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
