//! The two sides of the spill of a tracked set.

use crate::sync::{AtomicU64, Ordering, yield_now};

/// Tells which of two sides an operation is on, and when a side has come to rest.
///
/// The choice of the side and the announcement are one atomic add to one word, so that an operation
/// never finds that it has announced itself on the wrong side: nothing to repeat, and nothing for
/// a reader to prolong. After Gil Tene's `WriterReaderPhaser` (`HdrHistogram`).
#[derive(Clone, Copy)]
pub(super) struct Phaser<'a> {
    /// The side in the top bit, below it how many operations have begun since the last flip.
    begun: &'a AtomicU64,
    /// How many operations have ended on each side since the flip to it.
    ended: [&'a AtomicU64; 2],
}

/// How many cells it takes.
pub(super) const PHASES: usize = 3;

const SIDE: u32 = 63;

impl<'a> Phaser<'a> {
    /// The phaser in these cells, which were 0 before anybody used it.
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

    /// The side that operations go to. The caller holds the matrix's lock.
    pub(super) fn side(&self) -> usize {
        // Relaxed: only changed under the lock that the caller holds.
        side(self.begun.load(Ordering::Relaxed))
    }

    /// Has operations go to the idle side from now on, and returns once the other is at rest. The caller
    /// holds the matrix's lock.
    pub(super) fn flip(&self) {
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

/// An operation, which ends when this is dropped: by a panic too, of an index of the caller's.
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
