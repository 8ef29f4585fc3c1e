//! The read path of one column: sum, locked sum, total, take. `snapshot.rs` has that of several
//! columns.
//!
//! `docs/internals/ordering.md` has the proofs, and the interleavings that break weaker choices.

use super::{
    columns::Columns,
    leases::Early,
    matrix::Matrix,
    rows::{Lease, add_cell},
};
use crate::{
    lock::Guard,
    signs::{signed, unsigned},
    sync::{Ordering, pause, spin_loop, yield_now},
};

impl<C: Columns> Matrix<C> {
    /// Returns the total of `column`, less what has been taken.
    #[inline]
    pub(crate) fn sum(&self, column: usize) -> u64 {
        match self.quick_sum(column) {
            Some(sum) => sum,
            None => self.sum_with_care(column),
        }
    }

    /// Returns the sum, if it need not be linearizable and there is only one lease, with no divert
    /// in progress. Loads little more than the cells, in the order of `sum_with_care`. The sum of a
    /// level is returned only if it was read without error.
    #[inline(always)]
    fn quick_sum(&self, column: usize) -> Option<u64> {
        let rows = self.limit();
        if self.settings().is_linearizable() || rows == 0 {
            return None;
        }
        let lease = self.newest_of_some();
        if lease.has_older() {
            return None;
        }
        let net = |column| lease.sum_rows(rows, column).wrapping_sub(lease.base(column));
        // Acquire: as in `taken`.
        let taken = || lease.taken(column).load(Ordering::Acquire);
        let spilled = || self.columns().spilled(Some(lease), column);
        let sum = match self.columns().downs(column) {
            None => {
                let (taken, spilled) = (taken(), spilled());
                net(column).wrapping_add(spilled).wrapping_sub(taken)
            }
            Some(downs) => Look::new(taken, || net(downs), spilled, || net(column)).exact()?,
        };
        // What was taken or went down may have gone up in a newer lease, which is then seen here.
        self.is_newest(lease).then_some(sum)
    }

    /// Returns the sum in all other cases, out of line, so that a quick sum does not pay for them.
    #[inline(never)]
    fn sum_with_care(&self, column: usize) -> u64 {
        if self.settings().is_linearizable() {
            return self.locked_sum(column);
        }
        if let Some(downs) = self.columns().downs(column) {
            return self.level(column, downs);
        }
        // Loaded before the cells: this then sees whatever a take has seen, so the difference is
        // never negative.
        let taken = self.taken(column);
        self.unlocked_total(column).wrapping_sub(taken)
    }

    /// Returns the sum of a level whose ups are in `column`, between the lowest and the highest
    /// level during the call.
    ///
    /// If the level is too busy to be read so, returns the sum at one moment, under the lock, or,
    /// if there must be no lock, the sum that is too high by the least.
    fn level(&self, column: usize, downs: usize) -> u64 {
        let look = || {
            let spilled = || self.spilled(column);
            Look::new(
                || self.taken(column),
                || self.collect(downs),
                spilled,
                || self.collect(column),
            )
        };
        let mut best = look();
        for _ in 1..LOOKS {
            if best.excess == 0 {
                break;
            }
            spin_loop();
            let next = look();
            if next.excess < best.excess {
                best = next;
            }
        }
        let may_lock = self.settings().read_lock().is_none();
        if best.excess > 0 && may_lock { self.locked_sum(column) } else { best.sum }
    }

    fn locked_sum(&self, column: usize) -> u64 {
        loop {
            match self.lock() {
                Ok(lock) => {
                    return self.locked_total(&lock, column).wrapping_sub(self.taken(column));
                }
                Err(early) => {
                    if let Some(total) = self.early_total(early, column) {
                        return total.wrapping_sub(early.taken());
                    }
                }
            }
        }
    }

    /// Returns everything ever added to `column`, whatever has been taken.
    pub(crate) fn total(&self, column: usize) -> u64 {
        if !self.settings().is_linearizable() {
            return self.unlocked_total(column);
        }
        loop {
            match self.lock() {
                Ok(lock) => return self.locked_total(&lock, column),
                Err(early) => {
                    if let Some(total) = self.early_total(early, column) {
                        return total;
                    }
                }
            }
        }
    }

    /// Returns the sum and starts again from zero. Takes exclude one another, and their differences
    /// telescope: no add is in two of them, and none is left out.
    pub(crate) fn take(&self, column: usize) -> u64 {
        loop {
            match self.lock() {
                Ok(lock) => return self.take_under(&lock, column),
                Err(early) => {
                    if let Some(took) = self.take_early(early, column) {
                        return took;
                    }
                }
            }
        }
    }

    fn take_under(&self, lock: &Guard<'_>, column: usize) -> u64 {
        // If a level were read too high here, the error would stay in it.
        let is_level = self.columns().downs(column).is_some();
        let total = if is_level || self.settings().is_linearizable() {
            self.locked_total(lock, column)
        } else {
            self.unlocked_total(column)
        };
        let taken = self.taken(column);
        self.set_taken(lock, column, total);
        total.wrapping_sub(taken)
    }

    /// Takes while there is no lease. Returns `None` if there is one now; otherwise there was no
    /// memory, and the take is recorded in the pointer to the lease.
    fn take_early(&self, early: Early, column: usize) -> Option<u64> {
        if early.is_held() {
            yield_now();
            return None;
        }
        let total = self.early_total(early, column)?;
        if total == early.taken() {
            return Some(0);
        }
        self.prepare();
        let after = Early::of(total, self.columns().downs(column).is_some());
        let taken = after.taken().wrapping_sub(early.taken());
        self.replace_early(early, after).then_some(taken)
    }

    /// Calls `with` with the sum at one moment, while no other thread takes or does the same.
    pub(crate) fn with_sum<T>(&self, column: usize, with: impl FnOnce(u64) -> T) -> T {
        self.prepare();
        loop {
            match self.lock() {
                Ok(lock) => {
                    let total = self.locked_total(&lock, column);
                    return with(total.wrapping_sub(self.taken(column)));
                }
                // There was no memory for a lease, and so there is no lock.
                Err(early) => {
                    if let Some(_held) = self.hold(early) {
                        let total = self.columns().spilled(None, column);
                        return with(total.wrapping_sub(early.taken()));
                    }
                    yield_now();
                }
            }
        }
    }

    /// Returns whether the sum of `column`, of a counter that only goes up, is `n` or more.
    pub(crate) fn at_least(&self, column: usize, n: u64) -> bool {
        if self.settings().is_linearizable() {
            return self.sum(column) >= n;
        }
        // In the same order as a sum.
        let taken = self.taken(column);
        let mut sum = self.spilled(column).wrapping_sub(taken);
        let Ok(newest) = self.newest() else { return sum >= n };
        // A difference below 0 has wrapped: more was taken than has been summed so far.
        let is_enough = |sum: u64| sum.wrapping_add(taken) >= taken && sum >= n;
        for lease in newest.with_older() {
            // Only the sum over all rows is known of what they held before.
            if lease.base(column) != 0 {
                sum = sum.wrapping_add(net(lease, column));
                continue;
            }
            for row in 0..lease.rows() {
                if is_enough(sum) {
                    return true;
                }
                sum = add_cell(sum, lease.cell(row, column));
            }
        }
        sum >= n
    }

    /// Returns the sum of a matrix that no other thread has.
    pub(crate) fn sum_mut(&mut self, column: usize) -> u64 {
        self.unlocked_total(column).wrapping_sub(self.taken(column))
    }

    /// Sets the sum of a matrix that no other thread has.
    ///
    /// What is too much for a counter that only goes up is taken, so its total does not decrease,
    /// and its spill only grows, which `at_least` relies on.
    pub(crate) fn set_mut(&mut self, column: usize, value: u64) {
        if self.columns().downs(column).is_none() {
            self.lower_mut(column, value);
        }
        let lacking = value.wrapping_sub(self.sum_mut(column));
        self.columns().spill(self.oldest(), column, lacking);
    }

    /// Takes what the sum has above `value`. Without memory some of a huge count may stay in the
    /// sum, as after a take; `set_mut` then lowers the spill.
    fn lower_mut(&mut self, column: usize, value: u64) {
        let excess = self.sum_mut(column).saturating_sub(value);
        if excess == 0 {
            return;
        }
        self.prepare();
        let taken = self.taken(column).wrapping_add(excess);
        match self.newest() {
            // Relaxed: whatever hands the matrix to another thread orders this before its reads.
            Ok(newest) => newest.oldest().taken(column).store(taken, Ordering::Relaxed),
            Err(early) => {
                self.replace_early(early, Early::of(taken, false));
            }
        }
    }

    /// Takes the lock of readers, for which adds never wait: that of the lease, if there is one.
    pub(crate) fn lock(&self) -> Result<Guard<'_>, Early> {
        self.newest().map(|newest| newest.oldest().lock())
    }

    /// Returns what has been taken of `column`.
    #[inline]
    pub(super) fn taken(&self, column: usize) -> u64 {
        match self.newest() {
            // Acquire: partners the release in `set_taken`: cells loaded later are at least as new
            // as those in this total.
            Ok(newest) => newest.oldest().taken(column).load(Ordering::Acquire),
            Err(early) => early.taken(),
        }
    }

    /// Sets what has been taken of `column`.
    pub(super) fn set_taken(&self, _lock: &Guard<'_>, column: usize, total: u64) {
        if let Some(oldest) = self.oldest() {
            // Release: partners the acquire in `taken`.
            oldest.taken(column).store(total, Ordering::Release);
        }
    }

    /// Returns the total while there is no lease, or `None` if there is one now, or if there was a
    /// take in between.
    fn early_total(&self, early: Early, column: usize) -> Option<u64> {
        let total = self.columns().spilled(None, column);
        // Loading the spill acquires. If it has an add that came after one to a shard or to the
        // lease's spill, then the lease is seen here.
        //
        // The word is replaced by itself, not loaded: a thread that acquires the next lease then
        // finds in the early spill what this thread has found, so no two sums each have an add that
        // the other lacks.
        self.replace_early(early, early).then_some(total)
    }

    /// Returns the total, read without the lock: the downs first and the ups last.
    ///
    /// A read that sees a decrement then sees the increment that happened before it, in whichever
    /// of the three places each of them is, so no level is read negative.
    #[inline]
    pub(super) fn unlocked_total(&self, column: usize) -> u64 {
        let downs = self.downs(column);
        let spilled = self.spilled(column);
        self.collect(column).wrapping_add(spilled).wrapping_sub(downs)
    }

    /// Returns the total at one moment: that of loading the spill between two equal collects.
    ///
    /// Cells only grow, so equal sums mean that no cell has changed in between. This ends because
    /// adds are diverted as soon as one interfered: once threads see that, each has at most one
    /// operation in flight to disturb a round. A counter at rest needs no divert, and threads that
    /// add notice nothing.
    fn locked_total(&self, lock: &Guard<'_>, column: usize) -> u64 {
        let collect = || (self.downs(column), self.collect(column));
        let mut diverted = None;
        let mut before = collect();
        loop {
            let spilled = self.spilled(column);
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
        self.columns().downs(column).map_or(0, |downs| self.collect(downs))
    }

    #[inline]
    pub(crate) fn spilled(&self, column: usize) -> u64 {
        self.columns().spilled(self.oldest(), column)
    }

    /// Returns what the shards have of `column`, less what the cells held when they were leased.
    ///
    /// This is the sum over all rows of all leases, one after another, so not all are of the same
    /// moment.
    #[inline]
    pub(crate) fn collect(&self, column: usize) -> u64 {
        let Ok(newest) = self.newest() else { return 0 };
        let sum = net(newest, column);
        match newest.older() {
            None => sum,
            Some(older) => {
                older.with_older().fold(sum, |sum, lease| sum.wrapping_add(net(lease, column)))
            }
        }
    }
}

/// How often to look at a busy level before locking it: twice more, in case the reader was
/// preempted. In the models each look multiplies the interleavings.
const LOOKS: usize = if cfg!(all(test, any(loom, shuttle))) { 1 } else { 3 };

/// A level as read without the lock.
struct Look {
    sum: u64,
    /// By how much the sum may be above all levels during the look.
    excess: u64,
}

impl Look {
    /// Reads the downs and the spill, then the ups, then the spill and the downs again, to see how
    /// much went down in between.
    #[inline(always)]
    fn new(
        taken: impl Fn() -> u64,
        downs: impl Fn() -> u64,
        spilled: impl Fn() -> u64,
        ups: impl Fn() -> u64,
    ) -> Self {
        let taken_before = taken();
        let downs_before = downs();
        pause();
        let spilled_before = spilled();
        pause();
        let ups = ups();
        pause();
        let spill_lost = signed(spilled_before.wrapping_sub(spilled())).max(0);
        let downs_since = downs().wrapping_sub(downs_before);
        let sum =
            ups.wrapping_add(spilled_before).wrapping_sub(downs_before).wrapping_sub(taken_before);
        // After a take in between, nothing is known.
        let excess = if taken() == taken_before {
            downs_since.saturating_add(unsigned(spill_lost))
        } else {
            u64::MAX
        };
        Self { sum, excess }
    }

    /// Returns the sum, if it is not above all levels during the look.
    #[inline(always)]
    fn exact(&self) -> Option<u64> {
        (self.excess == 0).then_some(self.sum)
    }
}

#[inline(always)]
fn net(lease: Lease<'_>, column: usize) -> u64 {
    lease.sum_column(column).wrapping_sub(lease.base(column))
}
