//! What is asked of a counter, and how a run asks it.

use std::{hint::black_box, io, iter};
use striped_counter::bench::lab::{
    measure::{self, Load, Sample, Wrong, shared},
    memory::{Bytes, growth},
};

/// Threads that have added to a counter whose sum, or memory, is measured.
pub(crate) const ADDERS: usize = 8;

/// A counter. The loops are compiled for each on its own.
pub(crate) trait Subject: Sync + Sized {
    fn new() -> Self;
    /// What one thread calls for each add of one; it may keep things of its own, but by the end of
    /// a batch of [`STEPS`](measure::STEPS) calls all must be in the sum.
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

/// How many counters are made to see what one takes.
pub(crate) const MANY: usize = 1_000;

/// How many histograms.
pub(crate) const FEW: usize = 16;

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
