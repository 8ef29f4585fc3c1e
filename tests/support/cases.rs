//! One test body for every backend.

use std::{fmt, thread};
use striped_counter::{Backend, Builder, Counter};

/// Settings to test with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    requested: Backend,
    shards: Option<usize>,
    pub(crate) read_lock: bool,
}

/// Runs `body` for every backend, each with the default number of shards and, where that can be set, with
/// one shard for all threads, and each with and without a read lock.
///
/// Where `PerCpu` is not available, its cases run on the backend that the builder falls back to.
pub(crate) fn on_every_backend(body: impl Fn(&Case)) {
    for case in Case::all() {
        let _reports = Reports(case);
        body(&case);
    }
}

impl Case {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let requested = [
            (Backend::PerCpu, None),
            (Backend::PerCpu, Some(1)),
            (Backend::PerThread, None),
            (Backend::Striped, None),
            (Backend::Striped, Some(1)),
        ];
        requested.into_iter().flat_map(|(requested, shards)| {
            [false, true].map(|read_lock| Self { requested, shards, read_lock })
        })
    }

    /// Applies these settings to the builder of any type. Without a read lock, its default is kept.
    pub(crate) fn set<T>(&self, builder: Builder<T>) -> Builder<T> {
        let builder = builder.backend(self.requested);
        let builder = if self.read_lock { builder.read_lock(true) } else { builder };
        match self.shards {
            Some(shards) => builder.shards(shards),
            None => builder,
        }
    }

    /// Builds a counter with these settings, and checks that it has the expected backend.
    pub(crate) fn counter(&self) -> Counter {
        let counter = self.set(Counter::builder()).build();
        assert_eq!(counter.backend(), self.backend());
        counter
    }

    /// Returns the backend that these settings select on this machine.
    pub(crate) fn backend(&self) -> Backend {
        match self.requested {
            Backend::PerCpu if !per_cpu_works() => Backend::Striped,
            requested => requested,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.requested)?;
        if self.requested != self.backend() {
            write!(f, " (here: {})", self.backend())?;
        }
        if let Some(shards) = self.shards {
            write!(f, ", shards {shards}")?;
        }
        write!(f, ", read_lock {}", self.read_lock)
    }
}

/// Prints its content when a panic unwinds through it.
pub(super) struct Reports<T: fmt::Display>(pub(super) T);

impl<T: fmt::Display> Drop for Reports<T> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the case was {}", self.0);
        }
    }
}

/// Returns whether `PerCpu` is available on this machine.
pub(crate) fn per_cpu_works() -> bool {
    Counter::builder().backend(Backend::PerCpu).try_build().is_ok()
}

/// Returns the backend that `Auto` selects on this machine. Where the C library registers no restartable
/// sequences and another library might, that differs from what `PerCpu` by name selects.
pub(crate) fn auto() -> Backend {
    if per_cpu_works() && !cfg!(striped_counter_old_glibc) {
        Backend::PerCpu
    } else {
        Backend::Striped
    }
}
