//! The columns of a set or a histogram: a lease of one line, or a chunk of its own, 16 columns to a
//! line.
//!
//! A set built with a read lock is *tracked*, for consistent snapshots; see `snapshot.rs`. It has
//! two more columns, [`Many::begun`] and [`Many::ended`], and a spill with two sides.

use super::{
    columns::{Columns, Demand, give_back_to_pool, lease_of_pool},
    memory::{map, unmap},
    pool::{STRIDE, Width},
    rows::{CELLS, HEADERS, Lease, TRACKED_COLUMNS, TRACKED_HEADERS},
};
use crate::{
    membarrier,
    settings::MAX_LEN,
    sync::{Ordering, const_fn},
};
use std::alloc::{Layout, handle_alloc_error};

/// See the module's documentation.
pub(crate) struct Many {
    len: u32,
    stride: u32,
    tracked: bool,
    /// Whether the columns are levels: each has a column for its ups and, next to it, one for its
    /// downs.
    paired: bool,
}

impl Many {
    const_fn! {
        /// Creates `len` columns.
        ///
        /// # Panics
        ///
        /// Panics if `len` is above the columns of [`MAX_LEN`] levels, which the builder has
        /// checked.
        #[expect(clippy::cast_possible_truncation, reason = "just asserted")]
        pub(crate) fn new(len: usize, tracked: bool) -> Self {
            assert!(len <= 2 * MAX_LEN);
            let stride = if tracked {
                stride(if len + 2 < TRACKED_COLUMNS { TRACKED_COLUMNS } else { len + 2 })
            } else if len <= CELLS {
                STRIDE
            } else {
                stride(len)
            };
            Self { len: len as u32, stride: stride as u32, tracked, paired: false }
        }
    }

    const_fn! {
        /// Creates the columns of `len` levels.
        pub(crate) fn levels(len: usize, tracked: bool) -> Self {
            Self { paired: true, ..Self::new(2 * len, tracked) }
        }
    }

    /// Returns where and how `n` for `column` is spilled: a level has one spill, in the column of
    /// its ups, and it is signed.
    fn spilled_as(&self, column: usize, n: u64) -> (usize, u64) {
        if self.paired && column < self.len() && column % 2 == 1 {
            (column - 1, n.wrapping_neg())
        } else {
            (column, n)
        }
    }

    /// Makes each pair of ups and downs, if the columns are levels, one of the level and zero.
    pub(super) fn subtract_downs(&self, columns: &mut [u64]) {
        if self.paired {
            for pair in columns.chunks_exact_mut(2) {
                pair[0] = pair[0].wrapping_sub(pair[1]);
                pair[1] = 0;
            }
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns `column`, which was in range when its index was checked. If
    /// [`SetIndex::index`](crate::SetIndex::index) returned something else since, returns one that is.
    #[inline(always)]
    pub(super) fn in_range(&self, column: usize) -> usize {
        column.min(self.len() - 1)
    }

    /// Returns the column that counts the operations begun.
    pub(super) fn begun(&self) -> usize {
        self.len()
    }

    /// Returns the column that counts the operations ended.
    pub(super) fn ended(&self) -> usize {
        self.len() + 1
    }

    /// Returns whether the columns are few enough to be leased from a pool, in a shared chunk.
    pub(super) fn is_shared(&self) -> bool {
        !self.tracked && self.len() <= CELLS
    }

    fn headers(&self) -> usize {
        if self.tracked { TRACKED_HEADERS } else { HEADERS }
    }

    fn chunk(&self, rows: usize) -> Option<usize> {
        (self.headers() + rows).checked_mul(self.stride())
    }

    /// Returns a chunk of `rows` rows, as a lease.
    #[expect(unsafe_code, reason = "a chunk becomes a lease")]
    fn lease_of<'a>(&'a self, rows: usize, older: Option<Lease<'a>>) -> Option<Lease<'a>> {
        let chunk = map(self.chunk(rows)?)?;
        // SAFETY: the header rows are at the beginning of the chunk.
        let first = unsafe { chunk.add(self.headers() * self.stride()) };
        // SAFETY: the chunk was mapped with that many rows and header rows, and is unmapped only by
        // `give_back`, with the matrix or before any other thread knows it.
        let lease = unsafe { Lease::new(first, self.stride()) };
        lease.begin(rows, 0, older);
        Some(lease)
    }

    /// Adds all of `adds` to the spill, in a tracked set to the same side.
    ///
    /// Aborts, as `Vec` does, if there is no memory for the spill.
    pub(super) fn spill_all(
        &self,
        oldest: Option<Lease<'_>>,
        adds: impl IntoIterator<Item = (usize, u64)>,
    ) {
        let Some(oldest) = oldest else { handle_alloc_error(Layout::new::<[u64; CELLS]>()) };
        let entered = self.tracked.then(|| oldest.phaser().enter());
        let side = entered.as_ref().map_or(0, |entered| entered.side);
        for (column, n) in adds {
            let (column, n) = self.spilled_as(column, n);
            // Release: partners the acquire in `spilled` and `add_spills`.
            oldest.spill_side(side, column).fetch_add(n, Ordering::Release);
        }
    }
}

/// Returns the cells of a row of that many columns: whole lines, but never whole pages, or all
/// cells of a column would fall into one set of a cache.
const fn stride(columns: usize) -> usize {
    const PAGE: usize = 4_096 / 8;
    let cells = columns.next_multiple_of(CELLS);
    if cells % PAGE == 0 { cells + CELLS } else { cells }
}

impl Columns for Many {
    const SHARED: bool = false;

    #[inline(always)]
    fn stride(&self) -> usize {
        self.stride as usize
    }

    #[inline(always)]
    fn tracked(&self) -> bool {
        self.tracked
    }

    #[inline(always)]
    fn downs(&self, column: usize) -> Option<usize> {
        self.paired.then_some(column + 1)
    }

    fn prepare(&self) {
        if self.tracked {
            membarrier::register();
        }
    }

    /// Leases the planned rows, or if there is no memory for them, only the spill.
    fn lease<'a>(&'a self, demand: Demand<'a>) -> Option<Lease<'a>> {
        let Demand { plan, older, .. } = demand;
        let lease = if self.is_shared() {
            lease_of_pool(Width::Line, self.len(), demand)
        } else {
            self.lease_of(plan.rows, older)
        };
        lease.or_else(|| if older.is_none() { self.lease_of(0, None) } else { None })
    }

    #[expect(unsafe_code, reason = "the chunk's memory is given back")]
    fn give_back(&self, lease: Lease<'_>) {
        if self.is_shared() && lease.rows() != 0 {
            return give_back_to_pool(lease);
        }
        // SAFETY: the header rows are below the first row.
        let chunk = unsafe { lease.first().sub(self.headers() * self.stride()) };
        let cells = (self.headers() + lease.rows()) * self.stride();
        // SAFETY: `lease_of` mapped this many cells for these rows, and they are no longer used.
        unsafe { unmap(chunk, cells) };
    }

    fn spill(&self, oldest: Option<Lease<'_>>, column: usize, n: u64) {
        self.spill_all(oldest, [(column, n)]);
    }

    fn spilled(&self, oldest: Option<Lease<'_>>, column: usize) -> u64 {
        let Some(oldest) = oldest else { return 0 };
        // Acquire: partners the release in `spill_all`. If there are two sides, one is at rest
        // while a reader holds the lock, so the sum is of one moment.
        let side = |side| oldest.spill_side(side, column).load(Ordering::Acquire);
        if self.tracked { side(0).wrapping_add(side(1)) } else { side(0) }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::stride;

    #[test]
    fn a_row_is_the_fewest_lines_that_are_no_whole_pages() {
        const LINE: usize = 128 / 8;
        const PAGE: usize = 4096 / 8;
        for columns in 1..4 * PAGE {
            let mut lines = columns.div_ceil(LINE);
            if (lines * LINE).is_multiple_of(PAGE) {
                lines += 1;
            }
            assert_eq!(stride(columns), lines * LINE, "{columns} columns");
        }
    }
}
