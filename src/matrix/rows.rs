//! Where cells are in memory.
//!
//! A [`Lease`] is the columns of one counter, known by its first cell of row 0. From there upwards
//! lie the rows of the shards, `stride` cells apart. Below, at the same distance, lie the *header
//! rows*, with what each column has once rather than once per shard.

use super::phaser::{PHASES, Phaser};
use crate::{
    lock::{self, Guard},
    sync::{AtomicU64, Ordering},
};
use std::{marker::PhantomData, ptr::NonNull};

/// The cells of a padded line: 128 bytes, since the prefetchers of `x86_64` and aarch64 fetch lines
/// of 64 bytes in pairs. Two in the models, where every cell costs time.
#[cfg(not(all(test, any(loom, shuttle))))]
pub(super) const CELLS: usize = 16;
#[cfg(all(test, any(loom, shuttle)))]
pub(super) const CELLS: usize = 2;

/// The header rows, by their distance below row 0.
mod header {
    /// The spill: adds that could not go to a shard.
    pub(super) const SPILL: usize = 1;
    /// What has been taken.
    pub(super) const TAKEN: usize = 2;
    /// What the column held when it was leased. Never changes.
    pub(super) const BASE: usize = 3;
    /// In the first column: the lock in the lower half, then the number of rows, then the pool.
    pub(super) const STATE: usize = 4;
    /// In the first column: the counter's previous lease, or 0. In the next ones: the phaser of a
    /// tracked set.
    pub(super) const OLDER: usize = 5;
    pub(super) const PHASER: usize = OLDER;
    /// The second side of the spill, which only tracked sets have.
    pub(super) const OTHER_SPILL: usize = 6;
}

/// The number of header rows of an ordinary lease.
pub(super) const HEADERS: usize = header::OLDER;
/// The number of header rows of a lease whose spill has two sides.
pub(super) const TRACKED_HEADERS: usize = header::OTHER_SPILL;
/// The least number of columns of such a lease: one for the previous lease, and the phaser.
pub(super) const TRACKED_COLUMNS: usize = 1 + PHASES;

const ROWS_SHIFT: u32 = 32;
const ROWS_BITS: u32 = 24;
const POOL_SHIFT: u32 = ROWS_SHIFT + ROWS_BITS;

/// The columns of one counter; see the module's documentation. Valid for the lifetime of the
/// counter's matrix.
#[derive(Clone, Copy)]
pub(crate) struct Lease<'a> {
    first: NonNull<AtomicU64>,
    stride: usize,
    matrix: PhantomData<&'a AtomicU64>,
}

#[expect(unsafe_code, reason = "cells are reached by pointer")]
impl<'a> Lease<'a> {
    /// Returns the lease whose first cell of row 0 is at `first`, with rows `stride` cells apart.
    ///
    /// # Safety
    ///
    /// From `first` upwards lie as many rows as the state says. Below it lie [`HEADERS`] rows, or
    /// [`TRACKED_HEADERS`] for the methods that use the other side of the spill or its phaser. Each
    /// row has the columns of the lease, in the latter case at least [`TRACKED_COLUMNS`]. All cells
    /// live as long as `'a`.
    pub(super) unsafe fn new(first: NonNull<AtomicU64>, stride: usize) -> Self {
        Self { first, stride, matrix: PhantomData }
    }

    /// Turns columns into a lease of `rows` rows from pool number `pool`, with the lock taken, in
    /// front of an `older` lease. No other thread may see them yet.
    pub(super) fn begin(&self, rows: usize, pool: u8, older: Option<Self>) {
        // Relaxed throughout: the lease is published with release.
        let state = (u64::from(pool) << POOL_SHIFT) | ((rows as u64) << ROWS_SHIFT) | lock::TAKEN;
        self.header(header::STATE, 0).store(state, Ordering::Relaxed);
        let older = older.map_or(0, |older| older.first.as_ptr().expose_provenance());
        self.header(header::OLDER, 0).store(older as u64, Ordering::Relaxed);
    }

    /// Sets the base of `column` to what it holds: the adds of earlier counters. No other thread
    /// may see the lease yet. Not needed if all cells are 0.
    pub(super) fn rebase(&self, column: usize) {
        // Relaxed throughout: as in `begin`.
        self.header(header::SPILL, column).store(0, Ordering::Relaxed);
        self.header(header::TAKEN, column).store(0, Ordering::Relaxed);
        self.header(header::BASE, column).store(self.sum_column(column), Ordering::Relaxed);
    }

    pub(super) fn first(&self) -> NonNull<AtomicU64> {
        self.first
    }

    pub(super) fn rows(&self) -> usize {
        // Relaxed: written before the lease was published, and never changed.
        let state = self.header(header::STATE, 0).load(Ordering::Relaxed);
        (state >> ROWS_SHIFT) as usize & ((1 << ROWS_BITS) - 1)
    }

    pub(super) fn pool(&self) -> usize {
        // Relaxed: as in `rows`.
        (self.header(header::STATE, 0).load(Ordering::Relaxed) >> POOL_SHIFT) as usize
    }

    /// Returns the counter's previous lease.
    #[inline(always)]
    pub(super) fn older(&self) -> Option<Self> {
        // Relaxed: as in `rows`.
        let older = self.header(header::OLDER, 0).load(Ordering::Relaxed);
        let first = std::ptr::with_exposed_provenance_mut(usize::try_from(older).ok()?);
        Some(Self { first: NonNull::new(first)?, ..*self })
    }

    #[inline(always)]
    pub(super) fn has_older(&self) -> bool {
        // Relaxed: as in `rows`.
        self.header(header::OLDER, 0).load(Ordering::Relaxed) != 0
    }

    /// Returns this lease and all older ones.
    pub(super) fn with_older(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), Self::older)
    }

    /// Returns the counter's first lease, which has its spill, what has been taken, and its lock.
    #[inline]
    pub(super) fn oldest(self) -> Self {
        let mut lease = self;
        while let Some(older) = lease.older() {
            lease = older;
        }
        lease
    }

    pub(super) fn lock(&self) -> Guard<'a> {
        lock::lock(self.header(header::STATE, 0))
    }

    pub(super) fn try_lock(&self) -> Option<Guard<'a>> {
        lock::try_lock(self.header(header::STATE, 0))
    }

    /// Returns the guard of a lease that was just begun.
    pub(super) fn adopt_lock(&self) -> Guard<'a> {
        lock::adopt(self.header(header::STATE, 0))
    }

    #[inline(always)]
    pub(super) fn spill(&self, column: usize) -> &'a AtomicU64 {
        self.header(header::SPILL, column)
    }

    /// Returns the cell of one `side` of a tracked set's spill.
    pub(super) fn spill_side(&self, side: usize, column: usize) -> &'a AtomicU64 {
        self.header([header::SPILL, header::OTHER_SPILL][side], column)
    }

    /// Returns the phaser of a tracked set's spill.
    pub(super) fn phaser(&self) -> Phaser<'a> {
        Phaser::new(std::array::from_fn(|phase| self.header(header::PHASER, 1 + phase)))
    }

    #[inline(always)]
    pub(super) fn taken(&self, column: usize) -> &'a AtomicU64 {
        self.header(header::TAKEN, column)
    }

    #[inline(always)]
    pub(super) fn base(&self, column: usize) -> u64 {
        // Relaxed: as in `rows`.
        self.header(header::BASE, column).load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn header(&self, below: usize, column: usize) -> &'a AtomicU64 {
        // SAFETY: `new`'s caller ensures that there is a header row so far below.
        let row = unsafe { self.first.sub(below * self.stride) };
        // SAFETY: the row has all columns of the lease, of which `column` is one.
        let cell = unsafe { row.add(column) };
        // SAFETY: cells live as long as `'a`, and are never borrowed mutably.
        unsafe { cell.as_ref() }
    }

    #[inline(always)]
    pub(super) fn cell(&self, row: usize, column: usize) -> &'a AtomicU64 {
        // SAFETY: `row` is below `rows`, and `new`'s caller ensures that there are that many rows.
        let row = unsafe { self.first.add(row * self.stride) };
        // SAFETY: the row has all columns of the lease, of which `column` is one.
        let cell = unsafe { row.add(column) };
        // SAFETY: cells live as long as `'a`, and are never borrowed mutably.
        unsafe { cell.as_ref() }
    }

    /// Returns the sum of `column` over all rows, one after another.
    pub(super) fn sum_column(&self, column: usize) -> u64 {
        self.sum_rows(self.rows(), column)
    }

    /// Returns [`sum_column`](Self::sum_column), for a caller that knows the number of rows.
    #[inline(always)]
    pub(super) fn sum_rows(&self, rows: usize, column: usize) -> u64 {
        (0..rows).fold(0, |sum, row| add_cell(sum, self.cell(row, column)))
    }

    /// Adds all rows of the columns from `first` on to `totals`, four, two or one at a time, since
    /// loading and storing a total costs more than loading a cell.
    pub(super) fn add_rows(&self, first: usize, totals: &mut [u64]) {
        let (rows, mut row) = (self.rows(), 0);
        while row + 4 <= rows {
            self.add_together::<4>(row, first, totals);
            row += 4;
        }
        if row + 2 <= rows {
            self.add_together::<2>(row, first, totals);
            row += 2;
        }
        if row < rows {
            self.add_together::<1>(row, first, totals);
        }
    }

    /// Adds the cells of `ROWS` rows from `row` on to `totals`.
    #[inline(always)]
    fn add_together<const ROWS: usize>(&self, row: usize, first: usize, totals: &mut [u64]) {
        for (column, total) in (first..).zip(totals) {
            *total =
                (row..row + ROWS).fold(*total, |sum, row| add_cell(sum, self.cell(row, column)));
        }
    }
}

/// Returns `sum` plus the count of `cell`.
#[inline(always)]
pub(super) fn add_cell(sum: u64, cell: &AtomicU64) -> u64 {
    // Acquire: partners the release of an add, so that later loads see whatever happened before an
    // add that is seen.
    sum.wrapping_add(cell.load(Ordering::Acquire))
}
