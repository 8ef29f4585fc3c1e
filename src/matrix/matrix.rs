//! The add, and what it needs: the hot words, the slow path, leases, and the divert.

use super::{
    columns::{Columns, Demand},
    per_thread,
    plan::Plan,
    pool::STRIDE,
    route::{Mask, Path, Route},
    rows::Lease,
    striped, thread_id,
};
use crate::{
    lock::Guard,
    rseq::{self, Area, Target},
    settings::{Backend, Settings},
    sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, const_fn},
};
use std::{
    marker::PhantomData,
    ptr::{self, NonNull},
};

/// How often to try to be the one that publishes a counter's first lease.
const TRIES: usize = 16;

/// See the module's documentation. Adders read the first words, and next to nobody writes them: their
/// line stays shared in every core's cache.
///
/// Aligned so that these words are never on two lines.
#[repr(C, align(16))]
pub(crate) struct Matrix<C: Columns> {
    /// The first cell of the newest lease (before there is one, [`Early`]); how many rows adds may go
    /// to; and a [`Route`], stored after all else is in place, and the same ever after.
    hot: Target,
    settings: Settings,
    columns: C,
}

/// What the word of the newest lease holds before there is one: how much has been taken of the early
/// spill, with the lowest bit set, or null for nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Early(*mut AtomicU64);

impl Early {
    /// The most that can be noted, and for a level also the most below 0. What is beyond that stays in
    /// the sum.
    const MOST: isize = isize::MAX >> 1;

    /// How much has been taken.
    pub(super) fn taken(self) -> u64 {
        ((self.0.addr().cast_signed() >> 1) as i64).cast_unsigned()
    }

    /// That `total` has been taken, or as much of it as can be noted. That of a level is signed.
    pub(super) fn of(total: u64, level: bool) -> Self {
        let noted = if level && total.cast_signed() < 0 {
            isize::try_from(total.cast_signed()).unwrap_or(-Self::MOST).max(-Self::MOST)
        } else {
            isize::try_from(total).unwrap_or(Self::MOST).min(Self::MOST)
        };
        Self(ptr::without_provenance_mut((noted << 1 | 1).cast_unsigned()))
    }
}

/// A row that the calling thread may add to: for one operation, since it does not keep readers and
/// their diverts in mind.
pub(super) struct Row<'a> {
    first: *const AtomicU64,
    /// Whether no other thread adds to it, so that no atomic add is needed.
    owned: bool,
    matrix: PhantomData<&'a AtomicU64>,
}

impl Row<'_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "cells are reached by pointer")]
    pub(super) fn add(&self, column: usize, n: u64) {
        // SAFETY: a row has all columns of the matrix. Columns are constants of `One` and `UpDown`, or
        // below `Many::len`, which `CounterSet` has checked, or `Many`'s own two.
        let cell = in_one_register(unsafe { self.first.add(column) });
        // SAFETY: the row is memory of the matrix for as long as that lives, and is only ever shared.
        let cell = unsafe { &*cell };
        if self.owned {
            per_thread::add(cell, n);
        } else {
            striped::add(cell, n);
        }
    }
}

/// Keeps the compiler from adding up an address once for each access: the processors measured forward a
/// store to the next load of the same address at once only if both have it in one register.
#[inline(always)]
#[expect(unsafe_code, reason = "hides a value from the compiler")]
fn in_one_register(mut cell: *const AtomicU64) -> *const AtomicU64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: does nothing.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) cell, options(pure, nomem, nostack, preserves_flags));
    }
    cell
}

impl<C: Columns> Matrix<C> {
    const_fn! {
        /// An empty matrix: columns are leased on first use.
        pub(crate) fn new(columns: C, settings: Settings) -> Self {
            Self {
                hot: Target {
                    first: AtomicPtr::new(ptr::null_mut()),
                    limit: AtomicU32::new(0),
                    tag: AtomicU32::new(Route::UNKNOWN.raw()),
                },
                settings,
                columns,
            }
        }
    }

    /// Adds `n` to `column`.
    #[inline(always)]
    pub(crate) fn add(&self, column: usize, n: u64) {
        if !self.try_add(column, n) {
            self.add_slow(column, n);
        }
    }

    /// Adds to the calling thread's shard, or returns false and has added nothing.
    #[inline(always)]
    fn try_add(&self, column: usize, n: u64) -> bool {
        match self.path() {
            Path::PerCpu(area) => self.add_in_section(area, column, n),
            Path::Numbered(mask) => match self.row(mask) {
                Some(row) => {
                    row.add(column, n);
                    true
                }
                None => false,
            },
            Path::DenseCpu | Path::Unknown => false,
        }
    }

    #[inline(always)]
    pub(super) fn path(&self) -> Path {
        // Acquire: partners the release of the route in `publish`, after which the rows are there.
        Route::from_raw(self.hot.tag.load(Ordering::Acquire)).path()
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the critical section writes through a pointer")]
    fn add_in_section(&self, area: Area, column: usize, n: u64) -> bool {
        if C::SHARED && column == 0 {
            // SAFETY: the route says that restartable sequences work, and that the chunk's cells are
            // written in no other way; see `pool::Writers`. The first cell of the lease was stored for
            // the last time before the route, and from there on are as many rows as the limit ever says.
            unsafe { rseq::add_first::<STRIDE>(area, &self.hot, n) }
        } else {
            // SAFETY: as above; and each row has the column, as in `Row::add`.
            unsafe { rseq::add(area, &self.hot, column, self.columns.stride(), n) }
        }
    }

    #[expect(unsafe_code, reason = "the critical section writes through a pointer")]
    fn add_in_dense_section(&self, column: usize, n: u64) -> bool {
        let Ok(area) = rseq::area() else { return false };
        // SAFETY: as in `add_in_section`, where the route says so of the dense numbers.
        unsafe { rseq::add_dense(area, &self.hot, column, self.columns.stride(), n) }
    }

    /// The row that is the calling thread's by `mask`, if it may add to one just now.
    #[inline(always)]
    pub(super) fn row(&self, mask: Mask) -> Option<Row<'_>> {
        let row = mask.row_of(thread_id::current());
        // Acquire: partners the release of the limit in `publish` and in `Divert`. The lease is loaded
        // after it, so it never has fewer rows than the limit compared with.
        if row >= self.hot.limit.load(Ordering::Acquire) as usize {
            return None;
        }
        // Acquire: partners the release of the lease: its rows are there before the pointer.
        let first = self.hot.first.load(Ordering::Acquire);
        // Within the lease, by the above.
        let first = first.wrapping_add(row * self.columns.stride());
        let owned = mask.is_owned() && !self.columns.tracked();
        Some(Row { first, owned, matrix: PhantomData })
    }

    /// Where every add goes that may not touch a shard just now, or goes by dense numbers, whose section
    /// is to be in nobody's way.
    #[cold]
    #[inline(never)]
    fn add_slow(&self, column: usize, n: u64) {
        if matches!(self.path(), Path::DenseCpu) && self.add_in_dense_section(column, n) {
            return;
        }
        self.prepare();
        self.columns.spill(self.oldest(), column, n);
    }

    /// Does what can be done without waiting to have the calling thread's next add find a shard.
    pub(super) fn prepare(&self) {
        if self.rows() == 0 {
            self.place();
        }
        let Path::Numbered(mask) = self.path() else {
            return; // No memory, or `PerCpu`, which needs no numbers.
        };
        thread_id::claim();
        match thread_id::current().get() {
            Some(row) if mask.is_owned() && row >= self.rows() => {
                self.grow(row + 1, &per_thread::plan(row + 1));
            }
            _ => {}
        }
    }

    /// Does the same for its own sake. Returns whether there are rows now.
    pub(crate) fn warm_up(&self) -> bool {
        self.prepare();
        self.rows() != 0
    }

    /// Leases the first rows.
    fn place(&self) {
        let plan = Plan::new(self.settings);
        self.columns.prepare();
        for _ in 0..TRIES {
            match self.newest() {
                // A lease of no rows, for which there was no memory.
                Ok(_) => return self.grow(1, &plan),
                Err(early) if self.place_first(&plan, early) => return,
                Err(_) => {}
            }
        }
    }

    /// Leases columns that are the counter's first, unless another thread is faster, or there is no
    /// memory. Returns whether to leave it at that.
    fn place_first(&self, plan: &Plan, early: Early) -> bool {
        let Some(lease) = self.lease(plan, None, early.taken()) else { return true };
        let first = lease.first().as_ptr();
        // Release: partners the acquire in `newest` and `row`.
        match self.hot.first.compare_exchange(early.0, first, Ordering::Release, Ordering::Relaxed)
        {
            Ok(_) => {
                // The lock was taken before anybody else could see it: no divert is under way, which
                // this would end.
                let _lock = lease.adopt_lock();
                self.publish(lease, plan);
                true
            }
            Err(_) => {
                self.columns.give_back(lease);
                false
            }
        }
    }

    /// Takes a further lease as planned, unless there are `wanted` rows by now, if the lock is free and
    /// there is memory: otherwise adds spill for now, and each of them tries again.
    ///
    /// Only `PerThread` ever does so once there are rows: a section loads the column before the limit.
    fn grow(&self, wanted: usize, plan: &Plan) {
        let (Some(oldest), Ok(newest)) = (self.oldest(), self.newest()) else { return };
        let Some(_lock) = oldest.try_lock() else { return };
        // Once more, under the lock.
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
        let padded = self.settings.is_padded();
        self.columns.lease(Demand { plan, padded, older, taken })
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

    /// The newest lease, or what the word for it holds before there is one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a pointer becomes a lease")]
    pub(super) fn newest(&self) -> Result<Lease<'_>, Early> {
        // Acquire: partners the release in `place_first` and `grow`: the lease is there.
        let first = self.hot.first.load(Ordering::Acquire);
        match NonNull::new(first) {
            Some(first) if first.addr().get() & 1 == 0 => {
                // SAFETY: it was the first cell of a lease of `columns`, with that stride, which lasts
                // until the matrix is dropped.
                Ok(unsafe { Lease::new(first, self.columns.stride()) })
            }
            _ => Err(Early(first)),
        }
    }

    /// How many rows adds may go to; 0 while they are diverted, and before there are any.
    #[inline(always)]
    pub(super) fn limit(&self) -> usize {
        // Acquire: partners the release in `publish`, after the lease.
        self.hot.limit.load(Ordering::Acquire) as usize
    }

    /// The newest lease, for those who have seen a limit and so know that there is one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a pointer becomes a lease")]
    pub(super) fn newest_of_some(&self) -> Lease<'_> {
        // Acquire: as in `newest`.
        let first = self.hot.first.load(Ordering::Acquire);
        debug_assert!(!first.is_null());
        // SAFETY: the limit was stored after the lease, so this is no null.
        let first = unsafe { NonNull::new_unchecked(first) };
        // SAFETY: as in `newest`.
        unsafe { Lease::new(first, self.columns.stride()) }
    }

    /// Whether `lease` is still the newest.
    #[inline(always)]
    pub(super) fn is_newest(&self, lease: Lease<'_>) -> bool {
        // Acquire: as in `newest`.
        self.hot.first.load(Ordering::Acquire) == lease.first().as_ptr()
    }

    /// Replaces what the word for the newest lease holds before there is one; whether it still did.
    pub(super) fn replace_early(&self, before: Early, after: Early) -> bool {
        // Release: partners the acquire in `newest`: the early spill as the take saw it.
        self.hot
            .first
            .compare_exchange(before.0, after.0, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    #[inline(always)]
    pub(super) fn oldest(&self) -> Option<Lease<'_>> {
        self.newest().ok().map(Lease::oldest)
    }

    /// How many rows the newest lease has; 0 before there is one.
    pub(super) fn rows(&self) -> usize {
        self.newest().map_or(0, |newest| newest.rows())
    }

    /// The backend that the settings come to here.
    pub(crate) fn backend(&self) -> Backend {
        // Relaxed: an old one is unknown, and treated so.
        let route = Route::from_raw(self.hot.tag.load(Ordering::Relaxed));
        route.backend().unwrap_or_else(|| Plan::new(self.settings).backend)
    }

    /// How many shards there are, or will be after the first use.
    pub(crate) fn shards(&self) -> usize {
        match self.rows() {
            0 => Plan::new(self.settings).rows,
            rows => rows,
        }
    }

    /// The settings.
    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// What is not in the rows.
    pub(crate) fn columns(&self) -> &C {
        &self.columns
    }

    /// Whether adds are diverted by a reader, or there are no shards yet.
    #[inline(always)]
    pub(super) fn is_diverted(&self) -> bool {
        self.hot.limit.load(Ordering::Relaxed) == 0
    }

    /// Sends all adds to the spill until the guard is dropped. Adds that are past their compare
    /// may still land in a shard: one operation per thread at the most.
    pub(crate) fn divert<'a>(&'a self, _lock: &'a Guard<'_>) -> Divert<'a> {
        // Relaxed: a locked sum is right whenever this is seen; it ends once this is seen.
        self.hot.limit.store(0, Ordering::Relaxed);
        Divert { limit: &self.hot.limit, rows: self.rows() }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most MAX_THREADS")]
const fn limit(rows: usize) -> u32 {
    rows as u32
}

impl<C: Columns> Drop for Matrix<C> {
    fn drop(&mut self) {
        if let Ok(newest) = self.newest() {
            newest.with_older().for_each(|lease| self.columns.give_back(lease));
        }
    }
}

/// While it lives, adds go to the spill.
pub(crate) struct Divert<'a> {
    limit: &'a AtomicU32,
    rows: usize,
}

impl Drop for Divert<'_> {
    fn drop(&mut self) {
        // Release: partners the acquire of the limit in `row`.
        self.limit.store(limit(self.rows), Ordering::Release);
    }
}
