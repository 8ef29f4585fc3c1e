//! The types that hold many counters.

use super::{Many, each};
use crate::bench::lab::{
    index::Draw,
    measure::{Subject, Wrong},
};
use crate::{Counter, CounterSet};
use crossbeam_utils::CachePadded;
use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

impl Many for CounterSet {
    const IN_PLACE: usize = size_of::<Self>();

    #[inline(always)]
    fn add(&self, index: usize) {
        self.inc(index);
    }
    fn sums(&self) -> Vec<u64> {
        self.sums()
    }
    fn shards(&self) -> Option<usize> {
        Some(self.shards())
    }
}

/// One of many counters.
pub(super) trait One {
    fn inc(&self);
    fn sum(&self) -> u64;
    fn shards(&self) -> Option<usize> {
        None
    }
}

impl One for Counter {
    #[inline(always)]
    fn inc(&self) {
        self.inc();
    }
    fn sum(&self) -> u64 {
        self.sum()
    }
    fn shards(&self) -> Option<usize> {
        Some(self.shards())
    }
}

impl One for AtomicU64 {
    #[inline(always)]
    fn inc(&self) {
        self.fetch_add(1, Ordering::Relaxed);
    }
    fn sum(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
}

impl<C: One> One for Arc<C> {
    #[inline(always)]
    fn inc(&self) {
        C::inc(self);
    }
    fn sum(&self) -> u64 {
        C::sum(self)
    }
    fn shards(&self) -> Option<usize> {
        C::shards(self)
    }
}

impl<C: One> One for CachePadded<C> {
    #[inline(always)]
    fn inc(&self) {
        C::inc(self);
    }
    fn sum(&self) -> u64 {
        C::sum(self)
    }
}

impl<C: One> Many for Box<[C]> {
    #[inline(always)]
    fn add(&self, index: usize) {
        self[index].inc();
    }
    fn sums(&self) -> Vec<u64> {
        self.iter().map(C::sum).collect()
    }
    fn shards(&self) -> Option<usize> {
        self.first().and_then(C::shards)
    }
}

/// A set with three adds per step, in a batch or one by one.
pub(super) struct Three<const BATCH: bool>(pub(super) CounterSet);

impl<const BATCH: bool> Many for Three<BATCH> {
    const ADDS: u64 = 3;
    const IN_PLACE: usize = CounterSet::IN_PLACE;

    fn add(&self, index: usize) {
        self.0.inc(index);
    }
    #[inline(always)]
    fn step(&self, draw: &mut Draw) {
        let indexes: [usize; 3] = std::array::from_fn(|_| draw.index());
        if BATCH {
            self.0.add_many(&indexes.map(|index| (index, 1)));
        } else {
            for index in indexes {
                self.0.inc(index);
            }
        }
    }
    fn sums(&self) -> Vec<u64> {
        self.0.sums()
    }
    fn shards(&self) -> Option<usize> {
        Some(self.0.shards())
    }
}

/// The number of cells that a set has, row after row, and nothing else: no sums can cost less.
pub(in crate::bench::subjects) struct Bare {
    cells: Box<[AtomicU64]>,
    counters: usize,
    /// The distance between rows.
    stride: usize,
}

impl Bare {
    pub(in crate::bench::subjects) fn new(counters: usize, rows: usize) -> Self {
        // Whole padded lines, of 16 cells.
        let stride = counters.next_multiple_of(16);
        Self { cells: each(rows * stride, AtomicU64::default), counters, stride }
    }
}

impl Many for Bare {
    fn add(&self, index: usize) {
        self.cells[index].fetch_add(1, Ordering::Relaxed);
    }
    fn sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.counters];
        for row in self.cells.chunks(self.stride) {
            for (sum, cell) in sums.iter_mut().zip(row) {
                // Acquire, as in the set itself. In a debug build, `+=` would check for overflow,
                // at a cost.
                *sum = u64::wrapping_add(*sum, cell.load(Ordering::Acquire));
            }
        }
        sums
    }
}

/// Draws an index and does nothing with it.
pub(super) struct IndexAlone(pub(super) Draw);

impl Subject for IndexAlone {
    #[inline(always)]
    fn adder(&self, _number: usize) -> impl FnMut() {
        let mut draw = self.0;
        move || _ = black_box(draw.index())
    }

    fn read(&self) {}

    /// Succeeds: there is nothing to verify.
    fn verify(&self, _steps: &[u64]) -> Result<(), Wrong> {
        Ok(())
    }
}
