//! The width of a set: `n` columns, 16 to a line, since all cells of a row have the same writer.
//!
//! A set built with a read lock is *tracked*, for consistent snapshots; see `snapshot.rs`. It has
//! two more columns, [`Dense::begun`] and [`Dense::ended`], and two spill rows instead of one.

use super::{
    CELLS, Width,
    block::{Block, Blocks},
};
use crate::{
    membarrier,
    sync::{AtomicU64, Ordering, const_fn, yield_now},
};
use crossbeam_utils::CachePadded;

/// See the module's documentation.
pub(crate) struct Dense {
    len: usize,
    lines_per_row: usize,
    tracked: bool,
    /// One block of one spill row, or of two if tracked.
    spills: Blocks,
    /// One block of one row, once something has been taken.
    taken: Blocks,
    /// On a line of its own: the rest is read by every add.
    phaser: CachePadded<Phaser>,
}

impl Dense {
    const_fn! {
        pub(crate) fn new(len: usize, tracked: bool) -> Self {
            let columns = if tracked { len + 2 } else { len };
            Self {
                len,
                // At least one, so that an empty set has rows like any other.
                lines_per_row: if columns == 0 { 1 } else { columns.div_ceil(CELLS) },
                tracked,
                spills: Blocks::new(),
                taken: Blocks::new(),
                phaser: CachePadded::new(Phaser::new()),
            }
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

    fn spills(&self) -> &Block {
        self.spills.first_or_push(if self.tracked { 2 } else { 1 }, self.lines_per_row)
    }

    /// Adds the spill row of `side` to `totals`; an untracked set has side 0 alone.
    pub(super) fn add_spills(&self, side: usize, totals: &mut [u64]) {
        // An adder makes the spill before it enters a side.
        if let Some(spills) = self.spills.iter().next() {
            spills.add_row(side, totals);
        }
    }

    /// Subtracts what has been taken from `totals`.
    pub(crate) fn subtract_taken(&self, totals: &mut [u64]) {
        let Some(taken) = self.taken.iter().next() else { return };
        for (column, total) in totals.iter_mut().enumerate() {
            // Acquire: partners the release in `set_taken`.
            *total = total.wrapping_sub(taken.cell(0, column).load(Ordering::Acquire));
        }
    }

    /// Adds all of `adds` to the spill: for a tracked set to the same side.
    pub(super) fn spill_all(&self, adds: &[(usize, u64)]) {
        let spills = self.spills();
        let side = if self.tracked { self.phaser.enter() } else { 0 };
        for &(column, n) in adds {
            // Release: partners the acquire in `spilled`.
            spills.cell(side, column).fetch_add(n, Ordering::Release);
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

impl Width for Dense {
    const ONE_LINE: bool = false;

    #[inline(always)]
    fn lines_per_row(&self) -> usize {
        self.lines_per_row
    }

    #[inline(always)]
    fn tracked(&self) -> bool {
        self.tracked
    }

    fn prepare(&self) {
        self.spills();
        if self.tracked {
            membarrier::register();
        }
    }

    fn spill(&self, column: usize, n: u64) {
        self.spill_all(&[(column, n)]);
    }

    fn spilled(&self, column: usize) -> u64 {
        // Acquire: partners the release in `spill_all`. Where there are two sides, one is at rest
        // while a reader holds the lock, so the sum is of one moment.
        self.spills.sum_column::<false>(column)
    }

    fn taken(&self, column: usize) -> u64 {
        // Acquire: partners the release in `set_taken`.
        self.taken.sum_column::<false>(column)
    }

    fn set_taken(&self, column: usize, total: u64) {
        let taken = self.taken.first_or_push(1, self.lines_per_row);
        // Release: partners the acquire in `taken`.
        taken.cell(0, column).store(total, Ordering::Release);
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
