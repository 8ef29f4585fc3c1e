//! `Striped`: threads share a fixed number of shards by their number, and an add is a `fetch_add`.
//!
//! Dense thread numbers keep threads apart as long as there are no more threads than shards, and
//! the atomic add keeps the sum exact when there are. Portable, with bounded memory, and the
//! fallback for `PerCpu`.

use super::{plan::Plan, pool::Writers, route::Route};
use crate::{
    cpus,
    settings::{Backend, SHARDS},
    sync::{AtomicU64, Ordering},
};

/// The default number of shards per CPU. More threads than CPUs take turns, and two that share a
/// shard meet only if they run at the same time. With four shards per CPU and evenly spread
/// threads, that is rare.
const SHARDS_PER_CPU: usize = 4;

/// Returns the default number of shards for that many CPUs, a power of two.
pub(super) fn default_rows(cpus: usize) -> usize {
    (cpus * SHARDS_PER_CPU).next_power_of_two().min(*SHARDS.end())
}

pub(super) fn plan(shards: Option<usize>) -> Plan {
    let default_rows = default_rows(cpus::usable());
    let rows = shards.map_or(default_rows, usize::next_power_of_two);
    Plan {
        backend: Backend::Striped,
        route: Route::striped(rows),
        rows,
        writers: Writers::Stripe,
        default_rows,
    }
}

#[inline(always)]
pub(super) fn add(cell: &AtomicU64, n: u64) {
    // Release: partners the acquire of a collect in `read.rs`.
    cell.fetch_add(n, Ordering::Release);
}
