//! Pools: which counter has which columns of the chunks that counters share.
//!
//! A *chunk* is header rows and rows of [`COLUMNS`] columns, all of them [`STRIDE`] cells apart.
//! That is the same for all chunks, so an add knows it at compile time, and no counter ever pairs
//! an old pointer with a new stride. All columns of a chunk have the same writer per row, so they
//! may share its lines. Hence there is one pool per kind of writer, number of rows, and width of a
//! lease.
//!
//! A *mapping* has many chunks. It begins with a header and two bitmaps: which leases are taken,
//! and which ever were. Each mapping is twice as large as the one before, up to a limit, and none
//! is ever returned to the system.
//!
//! Everything here may run in a signal handler, in the child of a fork, and within the allocator: a
//! lease is claimed by `fetch_or`, a mapping is published by compare-and-swap, and neither ever
//! waits. A fork between a claim and its use costs the child a few columns and nothing else.

mod mapping;

use super::{
    route::MAX_THREADS,
    rows::{CELLS, HEADERS},
};
use crate::sync::{AtomicPtr, AtomicU64, Ordering, const_fn};
use mapping::{Mapping, mappings};
use std::ptr::{self, NonNull};

/// The distance between rows of a chunk, in cells: a power of two, which is cheapest to multiply
/// by.
pub(super) const STRIDE: usize = if CELLS == 16 { 4 * CELLS } else { CELLS };

/// The number of columns of a chunk.
const COLUMNS: usize = STRIDE;

/// The cells of a pool's first mapping, unless a chunk is larger. Untouched pages take no memory.
const FIRST_MAPPING: usize = if CELLS == 16 { (64 << 10) / 8 } else { 1 };

/// The most cells of any mapping, unless a chunk is larger: mappings count towards the limits of a
/// process.
const LARGEST_MAPPING: usize = (32 << 20) / 8;

/// The bits of a word.
const WORD: usize = 64;

/// How often to try for something that other threads also try for: a bit of a word, or the place of
/// a mapping.
const TRIES: usize = 64;

/// What all leases of a pool have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rows: usize,
    /// The number of columns per lease.
    pub(super) width: usize,
}

impl Shape {
    const fn leases_per_chunk(self) -> usize {
        COLUMNS / self.width
    }

    /// Returns the cells of a chunk: never an even number of rows, or the rows of one writer in
    /// many chunks would fall into few sets of a cache.
    const fn chunk(self) -> usize {
        let rows = HEADERS + self.rows;
        rows * STRIDE + (1 - rows % 2) * CELLS
    }

    /// Returns the words of a bitmap for `chunks` chunks.
    const fn words(self, chunks: usize) -> usize {
        (chunks * self.leases_per_chunk()).div_ceil(WORD)
    }

    /// Returns the cells before the first of `chunks` chunks.
    const fn head(self, chunks: usize) -> usize {
        (mapping::header::CELLS + 2 * self.words(chunks)).next_multiple_of(CELLS)
    }

    /// Returns the number of chunks of the mapping after one with `chunks`.
    fn chunks_after(self, chunks: usize) -> usize {
        let first = FIRST_MAPPING / self.chunk();
        (2 * chunks).clamp(first, (LARGEST_MAPPING / self.chunk()).max(first)).max(1)
    }
}

/// A claimed lease.
pub(super) struct Claim {
    /// The lease's first cell of row 0.
    pub(super) first: NonNull<AtomicU64>,
    /// Whether it was never leased before.
    pub(super) fresh: bool,
}

/// All leases of one shape.
pub(super) struct Pool {
    /// The newest mapping.
    newest: AtomicPtr<AtomicU64>,
}

impl Pool {
    const_fn! {
        pub(super) fn new() -> Self {
            Self { newest: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Claims a lease for the caller, of the pool's `shape`. Returns `None` if there is no memory,
    /// or if too many threads try for the same at once.
    pub(super) fn claim(&self, shape: Shape) -> Option<Claim> {
        for _ in 0..TRIES {
            // Acquire: partners the release below, which brings the header of the mapping.
            let newest = self.newest.load(Ordering::Acquire);
            if let Some(claim) = mappings(newest).find_map(Mapping::claim) {
                return Some(claim);
            }
            let mapping = Mapping::new(shape, newest)?;
            let claim = mapping.claim();
            let ours = mapping.cells.as_ptr();
            // Release: partners the acquire of every load of the newest mapping.
            match self.newest.compare_exchange(newest, ours, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return claim,
                Err(_) => mapping.unmap(),
            }
        }
        None
    }

    /// Releases a lease, which only the caller had and no longer uses.
    pub(super) fn release(&self, first: NonNull<AtomicU64>) {
        for mapping in self.mappings() {
            if let Some(lease) = mapping.lease_at(first) {
                return mapping.release(lease);
            }
        }
    }

    fn mappings(&self) -> impl Iterator<Item = Mapping> {
        // Acquire: partners the release in `claim`.
        mappings(self.newest.load(Ordering::Acquire))
    }

    /// Returns the number of leases that are taken.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.mappings().map(Mapping::taken).sum()
    }
}

/// Who writes to row `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writers {
    /// The CPU with that number.
    Cpu,
    /// The thread that runs on the CPU with that dense number.
    DenseCpu,
    /// The thread with that number.
    Thread,
    /// All threads with that number modulo the rows.
    Stripe,
}

/// The width of a pool's leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    One,
    Two,
    /// A padded line.
    Line,
}

impl Width {
    pub(super) const fn columns(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Line => CELLS,
        }
    }
}

/// How many numbers of rows have pools: the default of the writers, and each power of two up to the
/// number of all threads.
const SIZES: usize = if CELLS == 16 { MAX_THREADS.ilog2() as usize + 2 } else { 6 };

/// The pools of the process.
pub(super) struct Pools([Pool; 4 * 3 * SIZES]);

impl Pools {
    #[cfg(not(all(test, loom)))]
    const fn new() -> Self {
        Self([const { Pool::new() }; 4 * 3 * SIZES])
    }

    #[cfg(all(test, loom))]
    fn new() -> Self {
        Self(std::array::from_fn(|_| Pool::new()))
    }

    /// Returns the number and the shape of the pool with at least `rows` rows for such leases. The
    /// writers have `default_rows` rows unless others are requested.
    ///
    /// Fewer rows than the default have the default's pool, except those of stripes: the writers of a
    /// stripe depend on how many there are, and those of two pools would share its lines.
    pub(super) fn find(
        writers: Writers,
        width: Width,
        rows: usize,
        default_rows: usize,
    ) -> (u8, Shape) {
        let is_default = rows == default_rows;
        let (size, rows) = if is_default || rows < default_rows && writers != Writers::Stripe {
            (0, default_rows)
        } else {
            let rows = rows.next_power_of_two();
            (rows.ilog2() as usize + 1, rows)
        };
        let number = (writers as usize * 3 + width as usize) * SIZES + size;
        const { assert!(4 * 3 * SIZES <= u8::MAX as usize) };
        #[expect(clippy::cast_possible_truncation, reason = "just asserted")]
        let number = number as u8;
        (number, Shape { rows, width: width.columns() })
    }

    /// Returns the pool with this number.
    pub(super) fn get(&self, number: usize) -> &Pool {
        &self.0[number]
    }
}

#[cfg(not(all(test, any(loom, shuttle))))]
pub(super) fn pools() -> &'static Pools {
    static POOLS: Pools = Pools::new();
    &POOLS
}

#[cfg(all(test, any(loom, shuttle)))]
pub(super) fn pools() -> &'static Pools {
    crate::sync::lazy_static! {
        static ref POOLS: Pools = Pools::new();
    }
    &POOLS
}

/// Models make new pools for each interleaving, and unmap all memory with the old ones.
#[cfg(all(test, any(loom, shuttle)))]
impl Drop for Pools {
    fn drop(&mut self) {
        super::memory::unmap_all();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
