//! The number of CPUs that the process may use: asked once, and never waited for.

use std::sync::atomic::{AtomicUsize, Ordering};

const UNKNOWN: usize = 0;
const BEING_ASKED: usize = usize::MAX;

/// How many CPUs the thread that asked first could run on, at least 1; `None` while it is asking.
///
/// Asking opens files and allocates, so an adder may get here from within another's question: when
/// the global allocator counts, or in a signal handler. It must neither wait for that nor ask again.
pub(crate) fn try_get() -> Option<usize> {
    static CPUS: AtomicUsize = AtomicUsize::new(UNKNOWN);
    // Relaxed: the number is all there is.
    match CPUS.compare_exchange(UNKNOWN, BEING_ASKED, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            let cpus = num_cpus::get();
            CPUS.store(cpus, Ordering::Relaxed);
            Some(cpus)
        }
        Err(BEING_ASKED) => None,
        Err(cpus) => Some(cpus),
    }
}
