//! The number of CPUs that the process may use: asked once, and never waited for.

#[cfg(not(all(test, loom)))]
pub(crate) use real::try_get;

#[cfg(not(all(test, loom)))]
mod real {
    use std::sync::atomic::{AtomicUsize, Ordering};

    const UNKNOWN: usize = 0;
    const BEING_ASKED: usize = usize::MAX;

    /// How many CPUs the thread that asked first could run on, at least 1; `None` while it is
    /// asking.
    ///
    /// Asking opens files and allocates, so an adder may get here from within another's question:
    /// when the global allocator counts, or in a signal handler. It must neither wait for that nor
    /// ask again.
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
}

/// Under loom the machine has two CPUs, known from the start. The `static` is shared with the models
/// that run at the same time: its state would make one run of a model differ from the next.
#[cfg(all(test, loom))]
pub(crate) const fn try_get() -> Option<usize> {
    Some(2)
}
