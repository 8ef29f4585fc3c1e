//! `PerCpu`: one shard a CPU, and an add that the kernel aborts if the thread is moved within it.
//!
//! Whoever runs on a CPU may write that CPU's row with one plain instruction, as long as it is
//! still on that CPU when the instruction runs: that is what a restartable sequence promises. See
//! [`crate::rseq`] and `docs/rseq.md`.

use super::{CELLS, Line, Matrix, Plan, Width};
use crate::{
    builder::Backend,
    rseq::{self, Area},
    sync::{AtomicU64, Ordering},
};
pub(crate) use rseq::area;

/// The ids are below the number of possible CPUs, and do not depend on how many of them
/// the process may use at the moment, which may change; so that number is the default.
pub(crate) fn plan(area: Area, shards: Option<usize>) -> Plan {
    let rows = shards.unwrap_or_else(rseq::possible_cpus);
    Plan { backend: Backend::PerCpu, rows, route: area.raw() }
}

#[inline(always)]
#[expect(unsafe_code, reason = "the critical section writes through a pointer")]
pub(super) fn try_add<W: Width>(matrix: &Matrix<W>, area: Area, column: usize, n: u64) -> bool {
    // Relaxed: stored once, before the route that was seen; a `PerCpu` matrix never grows.
    let rows = matrix.hot.rows.load(Ordering::Relaxed);
    let stride = matrix.width.lines_per_row() * size_of::<Line>();
    let column = rows.cast::<AtomicU64>().wrapping_add(column);
    // Cells are numbered without gaps.
    const { assert!(size_of::<Line>() == CELLS * size_of::<AtomicU64>()) };
    // SAFETY: `rows` is the first line of the one block, of as many rows as `limit` ever says, of
    // `stride` bytes each, and `column` is within the first of them (as in `Row::add`): aligned
    // cells all. They are written nowhere else, and the process has but one area.
    unsafe { rseq::add::<W>(area, &matrix.hot.limit, column, stride, n) }
}
