//! What was asked for, in plain tallies: the other side of every comparison.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most tallies that a target needs.
pub(crate) const INDICES: usize = 20;

/// What was begun and what has ended: a row for every slot, which one thread at a time writes, and
/// one more for signal handlers.
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

    /// Has `add` add `n` at `index`, on behalf of `slot`.
    pub(crate) fn note(&self, slot: usize, index: usize, n: u64, add: impl FnOnce()) {
        let row = &self.0[slot];
        bump(&row.begun[index], n);
        add();
        bump(&row.ended[index], n);
    }

    /// The same for a handler, of which several may be under way.
    pub(crate) fn note_in_handler(&self, index: usize, n: u64, add: impl FnOnce()) {
        let row = &self.0[self.0.len() - 1];
        // Release: as in `bump`.
        row.begun[index].fetch_add(n, Ordering::Release);
        add();
        row.ended[index].fetch_add(n, Ordering::Release);
    }

    /// What has ended for sure.
    pub(crate) fn ended(&self) -> [u64; INDICES] {
        self.total(|row| &row.ended)
    }

    /// What may have been added, where a thread that sees an add also sees that it was begun.
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

/// One writer at a time: no locked instruction, whose fence could hide what is looked for.
fn bump(tally: &AtomicU64, n: u64) {
    // Release: partners the acquire of `total`, which must find the add done that has ended.
    tally.store(tally.load(Ordering::Relaxed).wrapping_add(n), Ordering::Release);
}
