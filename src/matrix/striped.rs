//! `Striped`: threads share a fixed number of shards by their number; an add is a `fetch_add`.
//!
//! Dense thread numbers keep threads apart as long as there are no more of them than shards; the
//! atomic add keeps the sum exact when there are. Portable, bounded memory, and the fallback of
//! the other backends.

use super::{plan::Plan, pool::Writers, route::Route};
use crate::{
    cpus,
    settings::{Backend, SHARDS},
    sync::{AtomicU64, Ordering},
};

/// Shards per CPU by default: more threads than CPUs take turns, and two that share a shard meet
/// only if they run at once. With four shards per CPU and threads spread evenly, they seldom do.
const SHARDS_PER_CPU: usize = 4;

/// Returns a power of two for that many CPUs.
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
