//! `PerCpu`: one shard per CPU, and an add that the kernel aborts if the thread is moved within it.
//!
//! Whichever thread runs on a CPU may write to that CPU's row with plain instructions, as long as it
//! is still on that CPU at the store: that is what a restartable sequence promises. See
//! [`crate::rseq`] and `docs/internals/rseq.md`.

use super::{plan::Plan, pool::Writers, route::Route, thread_end};
use crate::{
    cpus,
    rseq::{self, Area},
    settings::Backend,
};

/// Returns where the area is for counters that ask for `backend`, or what is missing.
pub(crate) fn area(backend: Backend) -> Result<Area, &'static str> {
    rseq::area(backend == Backend::PerCpu, thread_end::watch)
}

/// Has the calling thread's area registered, if it is one of our own.
pub(super) fn enter() {
    rseq::enter(thread_end::watch);
}

/// As many rows as there are possible CPUs, or `shards`. The CPUs that the process may use at the
/// moment do not matter: that may change.
pub(super) fn plan(area: Area, shards: Option<usize>) -> Plan {
    let default_rows = cpus::possible();
    let rows = shards.unwrap_or(default_rows);
    // With fewer rows than CPUs, the numbers had better be dense.
    let (route, writers) = if rows < default_rows && rseq::has_dense() {
        (Route::dense_cpu(area), Writers::DenseCpu)
    } else {
        (Route::per_cpu(area), Writers::Cpu)
    };
    Plan { backend: Backend::PerCpu, route, rows, writers, default_rows }
}
