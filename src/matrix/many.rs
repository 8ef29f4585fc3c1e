//! The columns of a set: a lease of its own chunk, 16 columns to a line.
//!
//! A set built with a read lock is *tracked*, for consistent snapshots; see `snapshot.rs`. It has
//! two more columns, [`Many::begun`] and [`Many::ended`], and a spill of two sides.

use super::{
    columns::{Columns, Demand},
    memory::{map, unmap},
    rows::{CELLS, HEADERS, Lease, TRACKED_HEADERS},
};
use crate::{
    membarrier,
    sync::{AtomicU64, Ordering, const_fn, yield_now},
};
use crossbeam_utils::CachePadded;
use std::alloc::{Layout, handle_alloc_error};

/// See the module's documentation.
pub(crate) struct Many {
    len: usize,
    stride: usize,
    tracked: bool,
    /// On a line of its own: the rest is read by every add.
    phaser: CachePadded<Phaser>,
}

impl Many {
    const_fn! {
        pub(crate) fn new(len: usize, tracked: bool) -> Self {
            let columns = if tracked { len + 2 } else { len };
            Self { len, stride: stride(columns), tracked, phaser: CachePadded::new(Phaser::new()) }
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The column that counts the operations begun.
    pub(super) fn begun(&self) -> usize {
        self.len
    }

    /// The column that counts the operations ended.
    pub(super) fn ended(&self) -> usize {
        self.len + 1
    }

    fn headers(&self) -> usize {
        if self.tracked { TRACKED_HEADERS } else { HEADERS }
    }

    fn chunk(&self, rows: usize) -> Option<usize> {
        (self.headers() + rows).checked_mul(self.stride)
    }

    /// A chunk of `rows` rows, with the first cell of row 0.
    #[expect(unsafe_code, reason = "a chunk becomes a lease")]
    fn lease_of<'a>(&'a self, rows: usize, older: Option<Lease<'a>>) -> Option<Lease<'a>> {
        let chunk = map(self.chunk(rows)?)?;
        // SAFETY: the header rows are at the beginning of the chunk.
        let first = unsafe { chunk.add(self.headers() * self.stride) };
        // SAFETY: the chunk was mapped with that many rows and header rows, and is unmapped by
        // `give_back`, with the matrix or before anybody else knows it.
        let lease = unsafe { Lease::new(first, self.stride) };
        lease.begin(rows, 0, older);
        Some(lease)
    }

    /// Adds all of `adds` to the spill: for a tracked set to the same side.
    ///
    /// Ends the process, as `Vec` does, if there is no memory for that.
    pub(super) fn spill_all(&self, oldest: Option<Lease<'_>>, adds: &[(usize, u64)]) {
        let Some(oldest) = oldest else { handle_alloc_error(Layout::new::<[u64; CELLS]>()) };
        let side = if self.tracked { self.phaser.enter() } else { 0 };
        for &(column, n) in adds {
            // Release: partners the acquire in `spilled` and `add_spills`.
            oldest.spill_side(side, column).fetch_add(n, Ordering::Release);
        }
        if self.tracked {
            self.phaser.leave(side);
        }
    }

    /// The side that adds do not go to. The caller holds the matrix's lock.
    pub(super) fn idle_side(&self) -> usize {
        1 - self.phaser.side()
    }

    /// Has adds go to the idle side from now on, and waits until the other is at rest.
    /// The caller holds the matrix's lock.
    pub(super) fn flip(&self) {
        self.phaser.flip();
    }
}

/// Whole lines for that many columns, at least one so that an empty set has rows like any other; and
/// never whole pages, or all rows of a column would fall into one set of a cache.
const fn stride(columns: usize) -> usize {
    const PAGE: usize = 4_096 / 8;
    let cells = if columns == 0 { CELLS } else { columns.next_multiple_of(CELLS) };
    if cells % PAGE == 0 { cells + CELLS } else { cells }
}

impl Columns for Many {
    const SHARED: bool = false;

    #[inline(always)]
    fn stride(&self) -> usize {
        self.stride
    }

    #[inline(always)]
    fn tracked(&self) -> bool {
        self.tracked
    }

    fn prepare(&self) {
        if self.tracked {
            membarrier::register();
        }
    }

    /// Where there is no memory for the rows, there may be some for a spill.
    fn lease<'a>(&'a self, demand: Demand<'a>) -> Option<Lease<'a>> {
        let Demand { plan, older, .. } = demand;
        let spill_alone = || if older.is_none() { self.lease_of(0, None) } else { None };
        self.lease_of(plan.rows, older).or_else(spill_alone)
    }

    #[expect(unsafe_code, reason = "the chunk's memory is given back")]
    fn give_back(&self, lease: Lease<'_>) {
        // SAFETY: the header rows are below the first row.
        let chunk = unsafe { lease.first().sub(self.headers() * self.stride) };
        let cells = (self.headers() + lease.rows()) * self.stride;
        // SAFETY: `lease_of` mapped this many cells for these rows, and nobody uses them any more.
        unsafe { unmap(chunk, cells) };
    }

    fn spill(&self, oldest: Option<Lease<'_>>, column: usize, n: u64) {
        self.spill_all(oldest, &[(column, n)]);
    }

    fn spilled(&self, oldest: Option<Lease<'_>>, column: usize) -> u64 {
        let Some(oldest) = oldest else { return 0 };
        // Acquire: partners the release in `spill_all`. Where there are two sides, one is at rest
        // while a reader holds the lock, so the sum is of one moment.
        let side = |side| oldest.spill_side(side, column).load(Ordering::Acquire);
        if self.tracked { side(0).wrapping_add(side(1)) } else { side(0) }
    }
}

/// Tells which of two sides an operation is on, and when a side has come to rest.
///
/// The choice of the side and the announcement are one atomic add to one word, so that an operation
/// never finds that it has announced itself on the wrong side: nothing to repeat, and nothing for
/// a reader to prolong. After Gil Tene's `WriterReaderPhaser` (`HdrHistogram`).
struct Phaser {
    /// The side in the top bit, below it how many operations have begun since the last flip.
    begun: AtomicU64,
    /// How many operations have ended on each side since the flip to it.
    ended: [AtomicU64; 2],
}

const SIDE: u32 = 63;

impl Phaser {
    const_fn! {
        fn new() -> Self {
            Self { begun: AtomicU64::new(0), ended: [AtomicU64::new(0), AtomicU64::new(0)] }
        }
    }

    /// Begins an operation, and returns its side.
    fn enter(&self) -> usize {
        // Acquire: partners the release in `flip`. Release: partners the acquire there.
        side(self.begun.fetch_add(1, Ordering::AcqRel))
    }

    fn leave(&self, side: usize) {
        // Release: partners the acquire in `flip`, which then sees what the operation did.
        self.ended[side].fetch_add(1, Ordering::Release);
    }

    fn side(&self) -> usize {
        // Relaxed: only changed under the lock that the caller holds.
        side(self.begun.load(Ordering::Relaxed))
    }

    fn flip(&self) {
        let old = self.side();
        let new = 1 - old;
        // Relaxed: nobody is on this side, or will be before the release below.
        self.ended[new].store(0, Ordering::Relaxed);
        // Release and acquire: partner those in `enter`.
        let begun = self.begun.swap((new as u64) << SIDE, Ordering::AcqRel);
        let begun = begun & !(1 << SIDE);
        // Acquire: partners the release in `leave`.
        while self.ended[old].load(Ordering::Acquire) != begun {
            yield_now();
        }
    }
}

const fn side(begun: u64) -> usize {
    (begun >> SIDE) as usize
}
