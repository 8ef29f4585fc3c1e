//! The number of CPUs that the process may use: asked once, and never waited for.

/// How many CPUs the thread that asked first could run on, at least 1; `None` while it is asking.
///
/// Asking opens files and allocates, so an adder may get here from within another's question: when
/// the global allocator counts, or in a signal handler. It must neither wait for that nor ask again.
#[cfg(not(all(test, loom)))]
pub(crate) fn try_get() -> Option<usize> {
    static CPUS: real::Cpus = real::Cpus::new();
    CPUS.try_get()
}

/// Under loom the machine has two CPUs, known from the start. The `static` is shared with the models
/// that run at the same time: its state would make one run of a model differ from the next.
#[cfg(all(test, loom))]
pub(crate) const fn try_get() -> Option<usize> {
    Some(2)
}

#[cfg(not(all(test, loom)))]
mod real {
    use std::{
        num::NonZero,
        process,
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    const UNKNOWN: usize = 0;
    /// With the process that asks in the other bits.
    const BEING_ASKED: usize = 1 << (usize::BITS - 1);

    /// To tell a process from its forked child. Only Unix forks; elsewhere there may be no such number,
    /// and on WebAssembly to ask for it panics.
    fn this_process() -> usize {
        if cfg!(unix) { process::id() as usize } else { 0 }
    }

    /// The answer, once there is one. Relaxed throughout: the number is all there is.
    pub(super) struct Cpus(AtomicUsize);

    impl Cpus {
        pub(super) const fn new() -> Self {
            Self(AtomicUsize::new(UNKNOWN))
        }

        pub(super) fn try_get(&self) -> Option<usize> {
            let known = self.0.load(Ordering::Relaxed);
            if known != UNKNOWN && known & BEING_ASKED == 0 {
                return Some(known);
            }
            let asking = BEING_ASKED | this_process();
            let raced =
                self.0.compare_exchange(UNKNOWN, asking, Ordering::Relaxed, Ordering::Relaxed);
            match raced {
                Ok(_) => Some(self.set(num_cpus::get())),
                Err(cpus) if cpus & BEING_ASKED == 0 => Some(cpus),
                Err(theirs) if theirs == asking => None,
                // This is the child of a fork in the midst of the question: whoever asked is not
                // here. `num_cpus` would wait for it for ever; the standard library does not.
                Err(_) => Some(self.set(thread::available_parallelism().map_or(1, NonZero::get))),
            }
        }

        fn set(&self, cpus: usize) -> usize {
            self.0.store(cpus, Ordering::Relaxed);
            cpus
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn it_is_asked_once() {
            let cpus = Cpus::new();
            assert_eq!(cpus.try_get(), Some(num_cpus::get()));
            assert_eq!(cpus.0.load(Ordering::Relaxed), num_cpus::get());
            assert_eq!(cpus.try_get(), Some(num_cpus::get()));
        }

        #[cfg(unix)]
        #[test]
        fn a_process_can_be_told_from_its_forked_child() {
            assert_eq!(this_process(), process::id() as usize);
        }

        #[test]
        fn nobody_waits_for_who_is_asking_unless_it_was_left_behind_by_a_fork() {
            let cpus = Cpus::new();
            cpus.0.store(BEING_ASKED | this_process(), Ordering::Relaxed);
            assert_eq!(cpus.try_get(), None);
            let parent = this_process() + 1;
            cpus.0.store(BEING_ASKED | parent, Ordering::Relaxed);
            assert!(cpus.try_get().is_some_and(|cpus| cpus > 0));
            assert_eq!(cpus.0.load(Ordering::Relaxed) & BEING_ASKED, 0, "found, and kept");
        }
    }
}
