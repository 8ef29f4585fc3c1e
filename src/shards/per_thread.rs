//! `PerThread`: one shard a live thread, written by its owner alone.
//!
//! A single writer needs no locked instruction: it loads, adds and stores. The row of a thread
//! that has ended is handed, with its count, to the next thread that gets its number; the release
//! and acquire in `thread_id` let the new owner see the old one's last store.
//!
//! The matrix grows with the highest number. A thread that still sees the older block adds to its
//! row there: that row is its own as well.

use super::Plan;
use crate::{
    builder::Backend,
    sync::{AtomicU64, Ordering, load_own},
    thread_id::MARK,
};

/// Keeps all of a number, and the high bits of a thread without one.
pub(crate) const MASK: usize = !MARK;

/// At least `threads` rows.
pub(crate) fn plan(threads: usize) -> Plan {
    Plan { backend: Backend::PerThread, rows: threads.next_power_of_two(), route: MASK }
}

#[inline(always)]
pub(super) fn add(cell: &AtomicU64, n: u64) {
    let sum = load_own(cell).wrapping_add(n);
    // Release: partners the acquire of a collect in `read.rs`.
    cell.store(sum, Ordering::Release);
}
