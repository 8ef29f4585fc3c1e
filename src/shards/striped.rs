//! `Striped`: threads share a fixed number of shards by their number; an add is a `fetch_add`.
//!
//! Dense thread numbers keep threads apart as long as there are no more of them than shards; the
//! atomic add keeps the sum exact when there are. Portable, bounded memory, and the fallback of
//! the other backends.

use super::{Plan, TOP};
use crate::{
    builder::{Backend, SHARDS},
    sync::{AtomicU64, Ordering},
};

/// Shards per CPU by default: more threads than CPUs take turns, and two that share a shard meet
/// only if they run at once. With four shards a CPU and threads spread evenly, they seldom do.
const SHARDS_PER_CPU: usize = 4;

pub(crate) fn default_shards(cpus: usize) -> usize {
    cpus * SHARDS_PER_CPU
}

pub(crate) fn plan(shards: usize) -> Plan {
    let rows = shards.next_power_of_two().min(*SHARDS.end());
    Plan { backend: Backend::Striped, rows, route: mask(rows) }
}

/// Keeps a number modulo `rows`, a power of two, and the top bit of a thread without a number.
const fn mask(rows: usize) -> usize {
    TOP | (rows - 1)
}

#[inline(always)]
pub(super) fn add(cell: &AtomicU64, n: u64) {
    // Release: partners the acquire of a collect in `read.rs`.
    cell.fetch_add(n, Ordering::Release);
}
