//! The add: the hot words, how it finds its cell, and the divert.

use super::{
    columns::Columns,
    per_thread,
    plan::Plan,
    pool::STRIDE,
    route::{Mask, Path, Route},
    striped, thread_id,
};
use crate::{
    lock::Guard,
    rseq::{self, Area, Target},
    settings::{Backend, Settings},
    sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, const_fn},
};
use std::{marker::PhantomData, ptr};

/// See the module's documentation. Adds read the first words, which are hardly ever written: their
/// line stays shared in every core's cache.
///
/// Aligned so that these words never lie on two lines.
#[repr(C, align(16))]
pub(crate) struct Matrix<C: Columns> {
    /// The first cell of the newest lease (before there is one, an `Early`); the limit on rows; and
    /// a [`Route`], which is stored after everything else and never changes again.
    pub(super) hot: Target,
    settings: Settings,
    columns: C,
}

/// A row that the calling thread may add to, for one operation: for the next one, a reader may have
/// diverted adds.
pub(super) struct Row<'a> {
    first: *const AtomicU64,
    /// Whether no other thread adds to it, so that a load and a store are enough.
    owned: bool,
    matrix: PhantomData<&'a AtomicU64>,
}

impl Row<'_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "cells are reached by pointer")]
    pub(super) fn add(&self, column: usize, n: u64) {
        // SAFETY: a row has all columns of the matrix. Columns are constants of `One` and `UpDown`,
        // or below `Many::len`, as the sets have checked or `Many::column` ensures, or `Many`'s own
        // two.
        let cell = in_one_register(unsafe { self.first.add(column) });
        // SAFETY: the row is memory of the matrix for as long as that lives, and is never borrowed
        // mutably.
        let cell = unsafe { &*cell };
        if self.owned {
            per_thread::add(cell, n);
        } else {
            striped::add(cell, n);
        }
    }
}

/// Makes the compiler keep an address in one register, instead of computing it for each access. The
/// processors measured forward a store to the next load at once only if both use one register.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(unsafe_code, reason = "hides a value from the compiler")]
fn in_one_register(cell: *const AtomicU64) -> *const AtomicU64 {
    let same;
    // SAFETY: does nothing.
    unsafe {
        std::arch::asm!(
            "/* {0} */",
            inout(reg) cell => same,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    same
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn in_one_register(cell: *const AtomicU64) -> *const AtomicU64 {
    cell
}

impl<C: Columns> Matrix<C> {
    const_fn! {
        /// Creates an empty matrix. Columns are leased on first use.
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
        match self.path() {
            Path::PerCpu(area) => {
                if self.add_in_section(area, column, n) {
                    return;
                }
            }
            Path::Numbered(mask) => {
                if let Some(row) = self.row(mask) {
                    return row.add(column, n);
                }
            }
            Path::DenseCpu(_) | Path::Unknown => return self.add_out_of_line(column, n),
        }
        self.add_slow(column, n);
    }

    #[inline(always)]
    pub(super) fn path(&self) -> Path {
        // Acquire: partners the release of the route in `publish`, after which the rows are there.
        Route::from_raw(self.hot.tag.load(Ordering::Acquire)).path()
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the critical section writes through a pointer")]
    pub(super) fn add_in_section(&self, area: Area, column: usize, n: u64) -> bool {
        if C::SHARED && column == 0 {
            // SAFETY: the route implies that restartable sequences work, and that the chunk's cells
            // are written in no other way; see `pool::Writers`. The first cell of the lease was
            // stored for the last time before the route, and as many rows as the limit ever is
            // begin there.
            unsafe { rseq::add_first::<STRIDE>(area, &self.hot, n) }
        } else {
            // SAFETY: as above; and each row has the column, as in `Row::add`.
            unsafe { rseq::add(area, &self.hot, column, self.columns.stride(), n) }
        }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the critical section writes through a pointer")]
    fn add_in_dense_section(&self, area: Area, column: usize, n: u64) -> bool {
        // SAFETY: as in `add_in_section`; here the route implies that dense numbers work.
        unsafe { rseq::add_dense(area, &self.hot, column, self.columns.stride(), n) }
    }

    /// Returns the row that `mask` gives the calling thread, if it may add to one at the moment.
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
        // Within the lease, as explained above.
        let first = first.wrapping_add(row * self.columns.stride());
        let owned = mask.is_owned() && !self.columns.tracked();
        Some(Row { first, owned, matrix: PhantomData })
    }

    /// Adds by a route that few counters have, out of line, so that the others need not make room
    /// for it.
    #[inline(never)]
    fn add_out_of_line(&self, column: usize, n: u64) {
        let added = match self.path() {
            Path::DenseCpu(area) => self.add_in_dense_section(area, column, n),
            _ => false,
        };
        if !added {
            self.add_slow(column, n);
        }
    }

    /// Performs an add that may not touch a shard at the moment.
    #[cold]
    #[inline(never)]
    pub(super) fn add_slow(&self, column: usize, n: u64) {
        self.prepare();
        self.columns.spill(self.oldest(), column, n);
    }

    /// Returns the backend in use on this machine.
    pub(crate) fn backend(&self) -> Backend {
        // Relaxed: an old value is `UNKNOWN`, which is handled below.
        let route = Route::from_raw(self.hot.tag.load(Ordering::Relaxed));
        route.backend().unwrap_or_else(|| Plan::new(self.settings).backend)
    }

    /// Returns the number of shards, or the number that there will be after the first use.
    pub(crate) fn shards(&self) -> usize {
        match self.rows() {
            0 => Plan::new(self.settings).rows,
            rows => rows,
        }
    }

    /// Returns the settings.
    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// Returns the part that is not in the rows.
    pub(crate) fn columns(&self) -> &C {
        &self.columns
    }

    /// Returns whether a reader diverts adds, or there are no shards yet.
    #[inline(always)]
    pub(super) fn is_diverted(&self) -> bool {
        self.hot.limit.load(Ordering::Relaxed) == 0
    }

    /// Sends all adds to the spill until the guard is dropped. Adds that have passed their
    /// comparison may still land in a shard: at most one operation per thread.
    pub(crate) fn divert<'a>(&'a self, _lock: &'a Guard<'_>) -> Divert<'a> {
        // Relaxed: a locked sum is correct whenever adds see this, and ends once they do.
        self.hot.limit.store(0, Ordering::Relaxed);
        Divert { limit: &self.hot.limit, rows: self.rows() }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most MAX_THREADS")]
pub(super) const fn limit(rows: usize) -> u32 {
    rows as u32
}

/// Diverts adds to the spill until it is dropped.
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
