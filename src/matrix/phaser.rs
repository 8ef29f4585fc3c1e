//! The two sides of the spill of a tracked set.

use crate::sync::{AtomicU64, Ordering, yield_now};

/// Assigns each operation one of two sides, and detects when a side has come to rest.
///
/// The choice of the side and the announcement are one atomic add to one word, so an operation
/// never finds that it announced itself on the wrong side: it has nothing to repeat, and a reader
/// cannot prolong it. After Gil Tene's `WriterReaderPhaser` (`HdrHistogram`).
#[derive(Clone, Copy)]
pub(super) struct Phaser<'a> {
    /// The side in the top bit, and below it the number of operations begun since the last flip.
    begun: &'a AtomicU64,
    /// The number of operations ended on each side since the flip to it.
    ended: [&'a AtomicU64; 2],
}

/// The number of cells of a phaser.
pub(super) const PHASES: usize = 3;

const SIDE: u32 = 63;

impl<'a> Phaser<'a> {
    /// Returns the phaser in these cells, which were 0 before its first use.
    pub(super) fn new([begun, left, right]: [&'a AtomicU64; PHASES]) -> Self {
        Self { begun, ended: [left, right] }
    }

    /// Begins an operation.
    pub(super) fn enter(&self) -> Entered<'a> {
        // Acquire: partners the release in `flip`. Release: partners the acquire there.
        Entered { phaser: *self, side: side(self.begun.fetch_add(1, Ordering::AcqRel)) }
    }

    fn leave(&self, side: usize) {
        // Release: partners the acquire in `flip`, which then sees what the operation did.
        self.ended[side].fetch_add(1, Ordering::Release);
    }

    /// Returns the side that operations go to. The caller holds the matrix's lock.
    pub(super) fn side(&self) -> usize {
        // Relaxed: changes only under the lock, which the caller holds.
        side(self.begun.load(Ordering::Relaxed))
    }

    /// Sends operations to the idle side from now on, and returns once the other is at rest. The
    /// caller holds the matrix's lock.
    pub(super) fn flip(&self) {
        let old = self.side();
        let new = 1 - old;
        // Relaxed: no operation is on this side, or will be before the release below.
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

/// An operation, which ends when this is dropped, also if the caller's `SetIndex` panics.
pub(super) struct Entered<'a> {
    phaser: Phaser<'a>,
    pub(super) side: usize,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.phaser.leave(self.side);
    }
}

const fn side(begun: u64) -> usize {
    (begun >> SIDE) as usize
}
