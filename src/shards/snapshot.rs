//! A cut over all columns of a set that fits together.
//!
//! If one add happened before another, a cut with the second has the first; a batch is in a cut
//! wholly or not at all. For this an adder tells, before and after, that it is at work: an
//! *operation*, which a reader can wait for. `docs/ordering.md` has the proof.
//!
//! An operation counts itself in the column `begun`, then looks whether adds are diverted, and if
//! not, adds to its shard and counts itself in the column `ended`. If they are, it goes to the
//! spill as a whole; if they were before it began, without counting itself. A cut then
//!
//! 1. diverts: operations begun from here on go to the spill. [`membarrier`] between this store
//!    and the loads that follow, and between an operation's `begun` and its look, makes sure that
//!    either the operation sees the divert or the cut sees the operation;
//! 2. waits until as many operations have ended (read first) as have begun: the shards are at rest;
//! 3. adds up the shards, and the idle side of the spill, which is at rest as well;
//! 4. flips the spill: the moment of the cut. Waits until the side just left is at rest, and adds
//!    that one.
//!
//! A single add through `PerCpu` needs no `begun` and `ended`: the membarrier ends every section in
//! flight, so that each has added to its shard before, or will abort and go to the spill.
//!
//! Adders wait for nobody. A cut waits for operations that are under way, one a thread at the most.

use super::{Dense, Matrix, TOP, Width};
use crate::{
    membarrier,
    sync::{MutexGuard, Ordering, yield_now},
};

impl Matrix<Dense> {
    /// Adds `n` to `column`, as an operation if the set is tracked.
    #[inline(always)]
    pub(crate) fn add_one(&self, column: usize, n: u64) {
        if self.width().tracked() && !self.ends_with_membarrier() {
            self.operate(&[(column, n)]);
        } else {
            self.add(column, n);
        }
    }

    /// Adds all of `adds`, as one operation if the set is tracked.
    #[inline(always)]
    pub(crate) fn add_all(&self, adds: &[(usize, u64)]) {
        if self.width().tracked() {
            return self.operate(adds);
        }
        self.with_one_look_up(|add| {
            for &(column, n) in adds {
                add(column, n);
            }
        });
    }

    /// Whether an add is a restartable sequence that a membarrier would end.
    #[inline(always)]
    fn ends_with_membarrier(&self) -> bool {
        self.hot.route.load(Ordering::Relaxed) & TOP == 0 && membarrier::ends_sections()
    }

    /// Calls `operation` with a way to add that finds the calling thread's row once for all, where
    /// rows go by the thread: a restartable sequence finds its own each time.
    #[inline(always)]
    fn with_one_look_up(&self, operation: impl FnOnce(&dyn Fn(usize, u64))) {
        // Acquire: as in `try_add`.
        let route = self.hot.route.load(Ordering::Acquire);
        match (route & TOP != 0).then(|| self.row(route)).flatten() {
            Some(row) => operation(&|column, n| row.add(column, n)),
            None => operation(&|column, n| self.add(column, n)),
        }
    }

    /// Out of line: it is many adds long, and every one of them is inlined into it.
    #[inline(never)]
    fn operate(&self, adds: &[(usize, u64)]) {
        // Whoever begins while adds are diverted is not one more for the cut to wait for.
        let mut diverted = self.is_diverted();
        if !diverted {
            self.with_one_look_up(|add| {
                add(self.width().begun(), 1);
                // Partners `heavy` in `add_cut`, between the divert and the count of operations.
                membarrier::light();
                diverted = self.is_diverted();
                if !diverted {
                    for &(column, n) in adds {
                        add(column, n);
                    }
                }
                add(self.width().ended(), 1);
            });
        }
        if diverted {
            self.operate_slow(adds);
        }
    }

    /// An operation that may not touch a shard just now.
    #[cold]
    #[inline(never)]
    fn operate_slow(&self, adds: &[(usize, u64)]) {
        self.prepare();
        self.width().spill_all(adds);
    }

    /// Whether adds are diverted by a reader, or there are no shards yet.
    #[inline(always)]
    fn is_diverted(&self) -> bool {
        self.hot.limit.load(Ordering::Relaxed) == 0
    }

    /// Adds the totals of all columns to `totals`: those of a cut if the set is tracked, for which
    /// the caller holds the lock.
    pub(crate) fn add_totals(&self, lock: Option<&MutexGuard<'_, ()>>, totals: &mut [u64]) {
        match lock {
            Some(lock) if self.width().tracked() => self.add_cut(lock, totals),
            _ => self.add_unlocked(totals),
        }
    }

    /// The totals at one moment.
    fn add_cut(&self, lock: &MutexGuard<'_, ()>, totals: &mut [u64]) {
        let _diverted = self.divert(lock);
        // Partners `light` in `operate`.
        membarrier::heavy();
        self.await_operations();
        self.blocks.add_rows(totals);
        let idle = self.width().idle_side();
        self.width().add_spills(idle, totals);
        self.width().flip();
        self.width().add_spills(1 - idle, totals);
    }

    /// The totals, each between its true counts at the beginning and at the end.
    fn add_unlocked(&self, totals: &mut [u64]) {
        self.blocks.add_rows(totals);
        self.width().add_spills(0, totals);
    }

    /// Returns once every operation that has not seen the divert is over.
    fn await_operations(&self) {
        // `ended` first: it never exceeds `begun`, so that equal means that none is in between.
        while self.column_now(self.width().ended()) != self.column_now(self.width().begun()) {
            yield_now();
        }
    }

    pub(super) fn column_now(&self, column: usize) -> u64 {
        self.collect(column).wrapping_add(self.width().spilled(column))
    }
}
