//! One counter: [`Counter`], and the alternatives.

use super::{Name, settings, unplanned};
use crate::bench::{
    lab::measure::{Load, Sample, Subject, Wrong, alone, shared},
    plan::Point,
};
use crate::{
    Counter,
    classic::{FastReadCounter, FastWriteCounter, SingleThreadCounter, ThreadLocalCounter},
};
use std::{
    cell::Cell,
    hint::black_box,
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// A subject that is one counter.
pub(crate) trait Single {
    /// The number of adds in one call of [`add`](Self::add), and their sum.
    const ADDS: u64 = 1;
    const COME_TO: u64 = 1;
    fn add(&self);
    fn sum(&self) -> u64;
    fn shards(&self) -> Option<usize> {
        None
    }
}

impl<S: Single> Subject for S {
    const ADDS: u64 = S::ADDS;

    #[inline(always)]
    fn adder(&self, _number: usize) -> impl FnMut() {
        || self.add()
    }

    #[inline(always)]
    fn read(&self) {
        black_box(self.sum());
    }

    fn verify(&self, steps: &[u64]) -> Result<(), Wrong> {
        Wrong::check(S::COME_TO * steps.iter().sum::<u64>(), self.sum())
    }

    fn shards(&self) -> Option<usize> {
        Single::shards(self)
    }
}

pub(super) fn run(point: &Point, load: Load) -> io::Result<Sample> {
    match point.subject {
        Name::Backend(backend) => {
            shared(settings(Counter::builder(), backend, point).build(), load)
        }
        Name::AtomicU64 => shared(AtomicCounter::default(), load),
        Name::Mutex => shared(MutexCounter::default(), load),
        Name::ThreadLocal => shared(ThreadLocalCounter::new(), load),
        Name::FastRead => shared(FastReadCounter::new(), load),
        Name::FastWrite => shared(FastWriteCounter::new(), load),
        Name::SingleThread => alone(SingleThreadCounter::new, load),
        Name::Plain => alone(Plain::default, load),
        _ => unplanned(point),
    }
}

impl Single for Counter {
    #[inline(always)]
    fn add(&self) {
        self.inc();
    }
    fn sum(&self) -> u64 {
        self.sum()
    }
    fn shards(&self) -> Option<usize> {
        Some(self.shards())
    }
}

/// One atomic for all threads.
#[derive(Default)]
pub(crate) struct AtomicCounter(AtomicU64);

impl Single for AtomicCounter {
    #[inline(always)]
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    #[inline(always)]
    fn sum(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct MutexCounter(Mutex<u64>);

impl Single for MutexCounter {
    #[inline(always)]
    fn add(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
    #[inline(always)]
    fn sum(&self) -> u64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Not atomic: the limit, since no counter can do less.
#[derive(Default)]
pub(crate) struct Plain(Cell<u64>);

impl Single for Plain {
    #[inline(always)]
    fn add(&self) {
        self.0.set(self.0.get() + 1);
    }
    #[inline(always)]
    fn sum(&self) -> u64 {
        self.0.get()
    }
}

/// Implements the subject for the counters of `crate::classic`, which all have the same two
/// methods.
macro_rules! classic {
    ($($counter:ty),*) => {$(
        impl Single for $counter {
            #[inline(always)]
            fn add(&self) {
                self.inc();
            }
            #[inline(always)]
            fn sum(&self) -> u64 {
                self.sum()
            }
        }
    )*};
}
classic!(SingleThreadCounter, FastReadCounter, FastWriteCounter, ThreadLocalCounter);
