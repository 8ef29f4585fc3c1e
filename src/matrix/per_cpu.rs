//! `PerCpu`: one shard per CPU, and an add that the kernel aborts if the thread is moved during it.
//!
//! A thread may write to the row of the CPU it runs on with plain instructions, as long as it is
//! still on that CPU at the store, and a restartable sequence ensures that. See [`crate::rseq`] and
//! `docs/internals/rseq.md`.

use super::{plan::Plan, pool::Writers, route::Route, thread_end};
use crate::{
    cpus,
    rseq::{self, Area},
    settings::Backend,
};

/// Returns where the area is for counters with that `backend`, or what is missing.
pub(crate) fn area(backend: Backend) -> Result<Area, &'static str> {
    rseq::area(backend == Backend::PerCpu, thread_end::watch)
}

/// Registers the calling thread's area, if it is one of our own.
pub(super) fn enter() {
    rseq::enter(thread_end::watch);
}

/// Plans one row for each possible CPU, or `shards` rows. The CPUs that the process may use at the
/// moment do not matter, since that may change.
pub(super) fn plan(area: Area, shards: Option<usize>) -> Plan {
    let default_rows = cpus::possible();
    let rows = shards.unwrap_or(default_rows);
    // With fewer rows than CPUs, dense numbers send fewer adds to the spill.
    let (route, writers) = if rows < default_rows && rseq::has_dense() {
        (Route::dense_cpu(area), Writers::DenseCpu)
    } else {
        (Route::per_cpu(area), Writers::Cpu)
    };
    Plan { backend: Backend::PerCpu, route, rows, writers, default_rows }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn fewer_rows_than_cpus_are_found_by_dense_numbers() {
        let Ok(area) = area(Backend::PerCpu) else { return };
        let all = cpus::possible();
        let writers = |shards| plan(area, shards).writers;
        assert_eq!([None, Some(all), Some(all + 1)].map(writers), [Writers::Cpu; 3]);
        let dense = all > 1 && rseq::has_dense();
        assert_eq!(writers(Some(1)) == Writers::DenseCpu, dense);
        assert_eq!([None, Some(1)].map(|shards| plan(area, shards).rows), [all, 1]);
    }
}
