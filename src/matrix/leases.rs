//! How a matrix gets its leases: on first use and by growth, until it is dropped.

use super::{
    columns::{Columns, Demand},
    matrix::{Matrix, limit},
    per_cpu, per_thread,
    plan::Plan,
    route::{Mask, Path},
    rows::Lease,
    thread_id,
};
use crate::{
    errno,
    signs::{signed, signed_size, unsigned, unsigned_size},
    sync::{AtomicU64, Ordering},
};
use std::ptr::{self, NonNull};

/// How often to try to publish a counter's first lease.
const TRIES: usize = 16;

/// What the pointer to the newest lease holds before there is one: how much has been taken from the
/// early spill, signed, above the two lowest bits; or null for nothing. The lowest bit tells this
/// from a pointer. The next one is set while a thread holds the word, in place of the lock that a
/// lease has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Early(*mut AtomicU64);

impl Early {
    const IS_EARLY: usize = 1;
    const IS_HELD: usize = 2;
    const TAKEN_SHIFT: u32 = 2;
    /// The most that can be recorded. Anything beyond that stays in the sum.
    const MOST: isize = isize::MAX >> Self::TAKEN_SHIFT;

    /// Returns how much has been taken.
    pub(super) fn taken(self) -> u64 {
        unsigned((signed_size(self.0.addr()) >> Self::TAKEN_SHIFT) as i64)
    }

    /// Returns whether a thread holds this, and so only that thread may replace it.
    pub(super) fn is_held(self) -> bool {
        self.0.addr() & Self::IS_HELD != 0
    }

    fn held(self) -> Self {
        Self(ptr::without_provenance_mut(self.0.addr() | Self::IS_HELD | Self::IS_EARLY))
    }

    /// Records that `total` has been taken, or as much of it as possible. For a level it may be
    /// negative.
    pub(super) fn of(total: u64, is_level: bool) -> Self {
        let noted = if is_level && signed(total) < 0 {
            isize::try_from(signed(total)).unwrap_or(-Self::MOST).max(-Self::MOST)
        } else {
            isize::try_from(total).unwrap_or(Self::MOST).min(Self::MOST)
        };
        let taken = unsigned_size(noted << Self::TAKEN_SHIFT);
        Self(ptr::without_provenance_mut(taken | Self::IS_EARLY))
    }
}

/// Excludes takes, other holders and the first lease until it is dropped. Adds go to the early
/// spill.
pub(super) struct Held<'a, C: Columns> {
    matrix: &'a Matrix<C>,
    before: Early,
}

impl<C: Columns> Drop for Held<'_, C> {
    fn drop(&mut self) {
        self.matrix.replace_early(self.before.held(), self.before);
    }
}

impl<C: Columns> Matrix<C> {
    /// Does whatever is possible without waiting to let the calling thread's next add find a shard.
    pub(super) fn prepare(&self) {
        let _errno = errno::Kept::new();
        if self.rows() == 0 {
            self.place(&Plan::new(self.settings()));
        }
        match self.path() {
            Path::Unknown => {} // No memory.
            Path::PerCpu(_) | Path::DenseCpu(_) => per_cpu::enter(),
            Path::Numbered(mask) => self.prepare_numbered(mask),
        }
    }

    fn prepare_numbered(&self, mask: Mask) {
        thread_id::claim();
        match thread_id::current().get() {
            Some(row) if mask.is_owned() && row >= self.rows() => {
                self.grow(row + 1, &per_thread::plan(row + 1));
            }
            _ => {}
        }
    }

    /// Leases rows and claims a thread number, without an add. Returns whether there are rows, or
    /// will be as soon as another thread has published them.
    pub(crate) fn warm_up(&self) -> bool {
        self.prepare();
        self.rows() != 0
    }

    /// Leases the first rows, as planned.
    fn place(&self, plan: &Plan) {
        self.columns().prepare();
        for _ in 0..TRIES {
            match self.newest() {
                // The lease has no rows: there was no memory for them.
                Ok(_) => return self.grow(1, plan),
                Err(early) if self.place_first(plan, early) => return,
                Err(_) => {}
            }
        }
    }

    /// Makes the counter's first lease, unless another thread is faster or holds the word, or there
    /// is no memory. Returns whether to stop trying.
    fn place_first(&self, plan: &Plan, early: Early) -> bool {
        if early.is_held() {
            return false;
        }
        let Some(lease) = self.lease(plan, None, early.taken()) else { return true };
        let first = lease.first().as_ptr();
        // Release: partners the acquire in `newest` and `row`. Acquire: this thread's next look at
        // the early spill finds what holders have added to it.
        let raced =
            self.hot.first.compare_exchange(early.0, first, Ordering::AcqRel, Ordering::Relaxed);
        if raced.is_err() {
            self.columns().give_back(lease);
            return false;
        }
        // The lock was taken before any other thread could see it, so there is no divert that this
        // would end.
        let _lock = lease.adopt_lock();
        self.publish(lease, plan);
        true
    }

    /// Makes a further lease as planned, unless there already are `wanted` rows. If the lock is
    /// taken or there is no memory, adds spill for now, and each of them tries again.
    ///
    /// Once there are rows, only `PerThread` may do this: a critical section loads the column
    /// before the limit.
    fn grow(&self, wanted: usize, plan: &Plan) {
        let (Some(oldest), Ok(newest)) = (self.oldest(), self.newest()) else { return };
        let Some(_lock) = oldest.try_lock() else { return };
        // Look again, now under the lock.
        let newest = self.newest().unwrap_or(newest);
        if newest.rows() >= wanted {
            return;
        }
        let Some(lease) = self.lease(plan, Some(newest), 0) else { return };
        // Release: partners the acquire in `newest` and `row`.
        self.hot.first.store(lease.first().as_ptr(), Ordering::Release);
        self.publish(lease, plan);
    }

    fn lease<'a>(
        &'a self,
        plan: &'a Plan,
        older: Option<Lease<'a>>,
        taken: u64,
    ) -> Option<Lease<'a>> {
        let padded = self.settings().is_padded();
        self.columns().lease(Demand { plan, padded, older, taken })
    }

    /// Sends adds to `lease`, the newest. The caller holds the lock.
    fn publish(&self, lease: Lease<'_>, plan: &Plan) {
        if lease.rows() == 0 {
            return;
        }
        // Release: partners the acquire of the limit in `row`.
        self.hot.limit.store(limit(lease.rows()), Ordering::Release);
        // Release: partners the acquire of the route in `path`.
        self.hot.tag.store(plan.route.raw(), Ordering::Release);
    }

    /// Returns the newest lease, or what the pointer to it holds before there is one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a pointer becomes a lease")]
    pub(super) fn newest(&self) -> Result<Lease<'_>, Early> {
        // Acquire: partners the release in `place_first` and `grow`: the lease is there.
        let first = self.hot.first.load(Ordering::Acquire);
        match NonNull::new(first) {
            Some(first) if first.addr().get() & Early::IS_EARLY == 0 => {
                // SAFETY: this is the first cell of a lease of `columns`, with that stride, which
                // lasts until the matrix is dropped.
                Ok(unsafe { Lease::new(first, self.columns().stride()) })
            }
            _ => Err(Early(first)),
        }
    }

    /// Returns the limit on rows, which is 0 while adds are diverted and before there are any rows.
    #[inline(always)]
    pub(super) fn limit(&self) -> usize {
        // Acquire: partners the release in `publish`, after the lease.
        self.hot.limit.load(Ordering::Acquire) as usize
    }

    /// Returns the newest lease, for a caller that has seen a limit and so knows that there is one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a pointer becomes a lease")]
    pub(super) fn newest_of_some(&self) -> Lease<'_> {
        // Acquire: as in `newest`.
        let first = self.hot.first.load(Ordering::Acquire);
        debug_assert!(!first.is_null());
        // SAFETY: the limit was stored after the lease, so this is not null.
        let first = unsafe { NonNull::new_unchecked(first) };
        // SAFETY: as in `newest`.
        unsafe { Lease::new(first, self.columns().stride()) }
    }

    /// Returns whether `lease` is still the newest.
    #[inline(always)]
    pub(super) fn is_newest(&self, lease: Lease<'_>) -> bool {
        // Acquire: as in `newest`.
        self.hot.first.load(Ordering::Acquire) == lease.first().as_ptr()
    }

    /// Replaces what the pointer to the newest lease holds before there is one. Returns whether it
    /// still held `before`.
    pub(super) fn replace_early(&self, before: Early, after: Early) -> bool {
        // Release: partners the acquire in `newest`, which then finds the early spill as the take
        // saw it. Acquire: a holder finds what earlier holders have added.
        self.hot
            .first
            .compare_exchange(before.0, after.0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Holds the pointer to the newest lease before there is one. Returns `None` if another thread
    /// does, or if it is no longer `early`.
    pub(super) fn hold(&self, early: Early) -> Option<Held<'_, C>> {
        // Not `then_some`: what is made is dropped, too, and lets go.
        (!early.is_held() && self.replace_early(early, early.held()))
            .then(|| Held { matrix: self, before: early })
    }

    #[inline(always)]
    pub(super) fn oldest(&self) -> Option<Lease<'_>> {
        self.newest().ok().map(Lease::oldest)
    }

    /// Returns the number of rows of the newest lease, or 0 before there is one.
    pub(super) fn rows(&self) -> usize {
        self.newest().map_or(0, |newest| newest.rows())
    }
}

impl<C: Columns> Drop for Matrix<C> {
    fn drop(&mut self) {
        let mut next = self.newest().ok();
        while let Some(lease) = next {
            // Read before the header is unmapped or belongs to another counter.
            next = lease.older();
            self.columns().give_back(lease);
        }
    }
}

#[cfg(all(test, target_pointer_width = "64", not(any(loom, shuttle))))]
mod tests {
    use super::{Early, unsigned};

    const MOST: i64 = Early::MOST as i64;

    #[test]
    fn what_is_taken_before_there_is_a_lease_is_kept_up_to_the_most() {
        let counted = |total: u64| Early::of(total, false).taken();
        let most = unsigned(MOST);
        assert_eq!([0, 1, 5, most - 1, most].map(counted), [0, 1, 5, most - 1, most]);
        assert_eq!([most + 1, 1 << 63, u64::MAX].map(counted), [most; 3]);

        let of_level = |total: i64| Early::of(unsigned(total), true).taken();
        let totals = [0, 1, -1, MOST, -MOST];
        assert_eq!(totals.map(of_level), totals.map(unsigned));
        assert_eq!([MOST + 1, i64::MAX].map(of_level), [most; 2]);
        assert_eq!([-MOST - 1, i64::MIN].map(of_level), [unsigned(-MOST); 2]);
    }

    #[test]
    fn holding_the_word_keeps_what_is_in_it() {
        for total in [0, 1, 3, -1, MOST, -MOST].map(unsigned) {
            let free = Early::of(total, true);
            assert_eq!((free.is_held(), free.held().is_held()), (false, true));
            assert_eq!(free.held().taken(), total);
            assert_ne!(free.held().0.addr() & Early::IS_EARLY, 0, "still not a pointer");
        }
    }
}
