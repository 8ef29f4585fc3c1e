//! The tallies of the adders, which every total is compared with.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest number of tallies that a target needs.
pub(crate) const INDICES: usize = 20;

/// Tallies of adds that began and of adds that ended: one row per slot, written by one thread at a time, and
/// one for signal handlers.
pub(crate) struct Ledger(Vec<CachePadded<Row>>);

#[derive(Default)]
struct Row {
    begun: [AtomicU64; INDICES],
    ended: [AtomicU64; INDICES],
}

impl Ledger {
    pub(crate) fn new(slots: usize) -> Self {
        Self((0..=slots).map(|_| CachePadded::default()).collect())
    }

    /// Calls `add` to add `n` at `index`, on behalf of `slot`.
    pub(crate) fn note(&self, slot: usize, index: usize, n: u64, add: impl FnOnce()) {
        let row = &self.0[slot];
        bump(&row.begun[index], n);
        add();
        bump(&row.ended[index], n);
    }

    /// Does the same for a handler, of which several may run at once.
    pub(crate) fn note_in_handler(&self, index: usize, n: u64, add: impl FnOnce()) {
        let row = &self.0[self.0.len() - 1];
        // Release: as in `bump`.
        row.begun[index].fetch_add(n, Ordering::Release);
        add();
        row.ended[index].fetch_add(n, Ordering::Release);
    }

    /// Returns the total of adds that have ended.
    pub(crate) fn ended(&self) -> [u64; INDICES] {
        self.total(|row| &row.ended)
    }

    /// Returns the total of adds that may have been made: a thread that sees an add also sees that it began.
    pub(crate) fn begun(&self) -> [u64; INDICES] {
        self.total(|row| &row.begun)
    }

    fn total(&self, of: impl Fn(&Row) -> &[AtomicU64; INDICES]) -> [u64; INDICES] {
        let mut totals = [0_u64; INDICES];
        for row in &self.0 {
            for (total, tally) in totals.iter_mut().zip(of(row)) {
                // Acquire: partners the release of `bump`.
                *total = total.wrapping_add(tally.load(Ordering::Acquire));
            }
        }
        totals
    }
}

/// Adds with one writer at a time: without a locked instruction, whose fence could hide bugs.
fn bump(tally: &AtomicU64, n: u64) {
    // Release: partners the acquire of `total`, so that an add that counts as ended is done.
    tally.store(tally.load(Ordering::Relaxed).wrapping_add(n), Ordering::Release);
}
