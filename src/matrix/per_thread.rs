//! `PerThread`: one shard per live thread, written by its owner alone.
//!
//! A single writer needs no locked instruction: it loads, adds and stores. The row of a thread that
//! has ended goes, with its count, to the next thread that gets its number; the release and acquire
//! in `thread_id` let the new owner see the old owner's last store.
//!
//! The rows grow with the highest number, by a further lease of twice as many. A thread that still
//! sees the older lease adds to its row there, which belongs to it as well.

use super::{plan::Plan, pool::Writers, route::Route};
use crate::{
    cpus,
    settings::Backend,
    sync::{AtomicU64, Ordering, load_own},
};

/// Plans at least `rows` rows, and at least one for each usable CPU.
pub(super) fn plan(rows: usize) -> Plan {
    let default_rows = cpus::usable().next_power_of_two();
    Plan {
        backend: Backend::PerThread,
        route: Route::PER_THREAD,
        rows: rows.next_power_of_two().max(default_rows),
        writers: Writers::Thread,
        default_rows,
    }
}

#[inline(always)]
pub(super) fn add(cell: &AtomicU64, n: u64) {
    let sum = load_own(cell).wrapping_add(n);
    // Release: partners the acquire of a collect in `read.rs`.
    cell.store(sum, Ordering::Release);
}
