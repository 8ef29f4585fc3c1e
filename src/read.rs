//! The read path: sum, locked sum, take, deltas.
//!
//! `docs/ordering.md` has the proofs, and the interleavings that break weaker choices.

use crate::{
    shards::{Matrix, Width},
    sync::{MutexGuard, spin_loop},
};

impl<W: Width> Matrix<W> {
    /// What `column` has in total less what has been taken of it.
    #[inline]
    pub(crate) fn sum(&self, column: usize) -> u64 {
        if self.read_lock() {
            return self.locked_sum(column);
        }
        // Before the cells: what a take has seen, we then see as well, so that the difference is
        // never negative.
        let taken = self.width().taken(column);
        self.unlocked_total(column).wrapping_sub(taken)
    }

    /// Out of line, so that an unlocked sum does not pay for what a locked one needs.
    #[inline(never)]
    fn locked_sum(&self, column: usize) -> u64 {
        self.sum_under(&self.lock(), column)
    }

    /// The sum for whoever holds the lock, so that no take comes in between.
    pub(crate) fn sum_under(&self, lock: &MutexGuard<'_, ()>, column: usize) -> u64 {
        self.total_under(lock, column).wrapping_sub(self.width().taken(column))
    }

    /// The sum, which then starts again from zero. Takes exclude one another, and their
    /// differences telescope: no add is in two of them, and none is in neither.
    pub(crate) fn take(&self, column: usize) -> u64 {
        let lock = self.lock();
        let total = self.total_under(&lock, column);
        let taken = self.width().taken(column);
        self.width().set_taken(column, total);
        total.wrapping_sub(taken)
    }

    /// All adds to `column` there ever were, whatever has been taken.
    pub(crate) fn total(&self, column: usize) -> u64 {
        if self.read_lock() {
            self.locked_total(&self.lock(), column)
        } else {
            self.unlocked_total(column)
        }
    }

    fn total_under(&self, lock: &MutexGuard<'_, ()>, column: usize) -> u64 {
        if self.read_lock() { self.locked_total(lock, column) } else { self.unlocked_total(column) }
    }

    /// Downs first and ups last: whoever sees a decrement sees the increment that happened before
    /// it, whichever of the three each of them went to, so that no level is read negative.
    #[inline]
    fn unlocked_total(&self, column: usize) -> u64 {
        let downs = self.downs(column);
        let spilled = self.width().spilled(column);
        self.collect(column).wrapping_add(spilled).wrapping_sub(downs)
    }

    /// The total at one moment: that of the spill's load between two equal collects.
    ///
    /// Cells only grow, so equal sums mean that no cell has moved in between. Ends, because adds are
    /// diverted as soon as one was in the way: once that is seen, each thread has at most one
    /// operation in flight to spoil rounds. A counter at rest needs no divert, and its adders notice
    /// nothing.
    fn locked_total(&self, lock: &MutexGuard<'_, ()>, column: usize) -> u64 {
        let collect = || (self.downs(column), self.collect(column));
        let mut diverted = None;
        let mut before = collect();
        loop {
            let spilled = self.width().spilled(column);
            let after = collect();
            if before == after {
                let (downs, ups) = after;
                return ups.wrapping_add(spilled).wrapping_sub(downs);
            }
            before = after;
            diverted.get_or_insert_with(|| self.divert(lock));
            spin_loop();
        }
    }

    #[inline]
    fn downs(&self, column: usize) -> u64 {
        self.width().downs(column).map_or(0, |downs| self.collect(downs))
    }
}
