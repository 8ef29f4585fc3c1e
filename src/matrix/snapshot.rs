//! Consistent cuts over all columns of a set.
//!
//! If one add happened before another, a cut with the second has the first. A batch is in a cut as
//! a whole or not at all. For this, a thread that adds announces when it begins and when it is
//! done: an *operation*, for which a reader can wait. `docs/internals/ordering.md` has the proof.
//!
//! An operation counts itself in the column `begun`, and then looks whether adds are diverted. If
//! not, it adds to its shard and counts itself in the column `ended`. If they are, it goes to the
//! spill as a whole; if they were before it began, it does so without counting itself. A cut then
//!
//! 1. diverts: operations that begin from here on go to the spill. [`membarrier`] between this
//!    store and the loads that follow, and between an operation's `begun` and its look, ensures
//!    that either the operation sees the divert or the cut sees the operation;
//! 2. waits until as many operations have ended (read first) as have begun: the shards are at rest;
//! 3. sums the shards, and the idle side of the spill, which is at rest as well;
//! 4. flips the spill, which is the moment of the cut, waits until the side just left is at rest,
//!    and adds that one.
//!
//! A single add through `PerCpu` needs no `begun` and `ended`: the membarrier ends every section in
//! flight, so each has either added to its shard before, or will abort and go to the spill.
//!
//! Adds never wait. A cut waits for operations in progress, at most one per thread.

use super::{
    columns::Columns,
    many::Many,
    matrix::{Matrix, Row},
    route::Path,
    rows::{Lease, add_cell},
};
use crate::{
    lock::Guard,
    membarrier,
    sync::{Ordering, yield_now},
};
use std::iter;

/// Adjacent columns that are read together.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) first: usize,
    /// Whether the last column is read after all the others and their spill. Adds go to it before
    /// they go to the others, so whatever is seen of the others is in it.
    pub(crate) last_is_late: bool,
}

impl Span {
    /// All columns that the buffer has room for, from the first one on, in any order.
    pub(crate) const ALL: Self = Self { first: 0, last_is_late: false };
}

/// Where an operation adds.
enum Shard<'a> {
    /// A row that belongs to the calling thread for one operation.
    Row(Row<'a>),
    /// Each single add finds its own row: a restartable sequence does so each time.
    Any(&'a Matrix<Many>),
}

impl Shard<'_> {
    #[inline(always)]
    fn add(&self, column: usize, n: u64) {
        match self {
            Self::Row(row) => row.add(column, n),
            Self::Any(matrix) => matrix.add(column, n),
        }
    }
}

/// An operation on a shard, which has counted itself in, and counts itself out when it is dropped,
/// also if the caller's `SetIndex` panics: otherwise cuts would wait for it without end.
struct Operation<'a> {
    shard: Shard<'a>,
    ended: usize,
}

impl<'a> Operation<'a> {
    #[inline(always)]
    fn begin(matrix: &'a Matrix<Many>) -> Self {
        let shard = matrix.shard();
        shard.add(matrix.columns().begun(), 1);
        Self { shard, ended: matrix.columns().ended() }
    }
}

impl Drop for Operation<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.shard.add(self.ended, 1);
    }
}

impl Matrix<Many> {
    /// Adds `n` to `column`, as an operation if the set is tracked.
    #[inline(always)]
    pub(crate) fn add_one(&self, column: usize, n: u64) {
        if self.columns().tracked() && !self.ends_with_membarrier() {
            self.operate_one(column, n);
        } else {
            self.add(column, n);
        }
    }

    /// Performs an add as an operation, out of line, so that the add of an untracked set needs no
    /// stack.
    #[inline(never)]
    fn operate_one(&self, column: usize, n: u64) {
        self.operate(iter::once((column, n)));
    }

    /// Adds all of `adds`, pairs of a column and what to add, as one operation if the set is tracked.
    #[inline(always)]
    pub(crate) fn add_all(&self, adds: impl Iterator<Item = (usize, u64)> + Clone) {
        if self.columns().tracked() {
            return self.operate(adds);
        }
        let shard = self.shard();
        for (column, n) in adds {
            shard.add(self.columns().in_range(column), n);
        }
    }

    /// Returns whether an add is a restartable sequence that a membarrier ends.
    #[inline(always)]
    fn ends_with_membarrier(&self) -> bool {
        matches!(self.path(), Path::PerCpu(_) | Path::DenseCpu(_)) && membarrier::ends_sections()
    }

    #[inline(always)]
    fn shard(&self) -> Shard<'_> {
        match self.path() {
            Path::Numbered(mask) => self.row(mask).map_or(Shard::Any(self), Shard::Row),
            _ => Shard::Any(self),
        }
    }

    /// Adds all of `adds`, out of line: it is many adds long, and each of them is inlined.
    #[inline(never)]
    pub(super) fn operate(&self, adds: impl Iterator<Item = (usize, u64)> + Clone) {
        // The cut need not wait for an operation that begins while adds are diverted.
        let mut diverted = self.is_diverted();
        if !diverted {
            let operation = Operation::begin(self);
            // Partners `heavy` in `add_cut`, between the divert and the count of operations.
            membarrier::light();
            diverted = self.is_diverted();
            if !diverted {
                for (column, n) in adds.clone() {
                    operation.shard.add(self.columns().in_range(column), n);
                }
            }
        }
        if diverted {
            self.operate_slow(adds);
        }
    }

    /// Performs an operation that may not touch a shard at the moment.
    #[cold]
    #[inline(never)]
    fn operate_slow(&self, adds: impl Iterator<Item = (usize, u64)>) {
        self.prepare();
        let adds = adds.map(|(column, n)| (self.columns().in_range(column), n));
        self.columns().spill_all(self.oldest(), adds);
    }

    /// Writes the sums of the columns of `span` to `sums`, those of a cut if the set is tracked.
    pub(crate) fn sums(&self, span: Span, sums: &mut [u64]) {
        self.read(span, sums, |sums| {
            let Some(oldest) = self.oldest() else { return };
            for (column, sum) in (span.first..).zip(sums) {
                // Acquire: as in `Matrix::taken`.
                *sum = oldest.taken(column).load(Ordering::Acquire).wrapping_neg();
            }
        });
    }

    /// Writes the totals of the columns of `span` to `totals`, those of a cut if the set is
    /// tracked.
    pub(crate) fn totals(&self, span: Span, totals: &mut [u64]) {
        self.read(span, totals, |_| {});
    }

    /// Calls `begin` with zeros, and adds the totals to what it leaves there. It reads before the
    /// cells are read, as in `Matrix::sum`, and under the lock if there is one.
    fn read(&self, span: Span, totals: &mut [u64], begin: impl FnOnce(&mut [u64])) {
        totals.fill(0);
        if !self.columns().tracked() {
            begin(totals);
            self.add_unlocked(span, totals);
        } else if let Ok(lock) = self.lock() {
            begin(totals);
            self.add_cut(&lock, span, totals);
        }
        // Otherwise nothing had been added when the lock was looked for: that is the moment of the
        // cut.
    }

    /// Writes the sums of the columns of `span` to `sums`, and starts the columns again from zero.
    ///
    /// Levels are only taken from a tracked set: what has been taken of a level is noted as a whole
    /// in the column of its ups, and an error of an unlocked read would stay in it.
    pub(crate) fn take_all(&self, span: Span, sums: &mut [u64]) {
        sums.fill(0);
        // Without a lease nothing was ever added.
        let Ok(lock) = self.lock() else { return };
        if self.columns().tracked() {
            self.add_cut(&lock, span, sums);
            self.columns().subtract_downs(sums);
        } else {
            self.add_unlocked(span, sums);
        }
        for (column, sum) in (span.first..).zip(sums) {
            let taken = self.taken(column);
            self.set_taken(&lock, column, *sum);
            *sum = sum.wrapping_sub(taken);
        }
    }

    /// Adds the totals at one moment.
    pub(super) fn add_cut(&self, lock: &Guard<'_>, span: Span, totals: &mut [u64]) {
        let Some(oldest) = self.oldest() else { return };
        let _diverted = self.divert(lock);
        // Partners `light` in `operate`.
        membarrier::heavy();
        self.await_operations();
        self.add_rows(span.first, totals);
        let phaser = oldest.phaser();
        let idle = 1 - phaser.side();
        add_spills(oldest, idle, span.first, totals);
        phaser.flip();
        add_spills(oldest, 1 - idle, span.first, totals);
    }

    /// Adds the totals, each between its true counts at the beginning and at the end of the call.
    pub(super) fn add_unlocked(&self, span: Span, totals: &mut [u64]) {
        let (early, late) = totals.split_at_mut(totals.len() - usize::from(span.last_is_late));
        self.add_pass(span.first, early);
        if !late.is_empty() {
            self.add_pass(span.first + early.len(), late);
        }
    }

    fn add_pass(&self, first: usize, totals: &mut [u64]) {
        self.add_rows(first, totals);
        if let Some(oldest) = self.oldest() {
            add_spills(oldest, 0, first, totals);
        }
    }

    /// Adds all rows of all leases, one after another, less what the cells held when they were
    /// leased.
    fn add_rows(&self, first: usize, totals: &mut [u64]) {
        let Ok(newest) = self.newest() else { return };
        for lease in newest.with_older() {
            lease.add_rows(first, totals);
            if self.columns().is_shared() {
                for (column, total) in (first..).zip(&mut *totals) {
                    *total = total.wrapping_sub(lease.base(column));
                }
            }
        }
    }

    /// Returns once every operation that has not seen the divert has ended.
    fn await_operations(&self) {
        // `ended` is loaded first. It never exceeds `begun`, so if they are equal no operation is
        // in progress.
        while self.column_now(self.columns().ended()) != self.column_now(self.columns().begun()) {
            yield_now();
        }
    }

    pub(super) fn column_now(&self, column: usize) -> u64 {
        self.collect(column).wrapping_add(self.spilled(column))
    }
}

/// Adds the spill of `side`; an untracked set has only side 0.
fn add_spills(oldest: Lease<'_>, side: usize, first: usize, totals: &mut [u64]) {
    for (column, total) in (first..).zip(totals) {
        // Its acquire partners the release in `spill_all`.
        *total = add_cell(*total, oldest.spill_side(side, column));
    }
}
