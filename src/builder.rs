//! Every knob, its default and why.

use crate::{
    cpus,
    shards::{per_cpu, per_thread, striped},
    sync::yield_now,
    text::Text,
};
use std::{error::Error, fmt, marker::PhantomData, ops::RangeInclusive, str::FromStr};

/// The shard counts that [`Builder::shards`] takes. A sum walks every shard: 4096 of them are half
/// a mebibyte and about as many cache misses, past the point where more shards could help.
pub(crate) const SHARDS: RangeInclusive<usize> = 1..=4096;

/// The most counters in a set: 128 MiB a shard.
const MAX_LEN: usize = 1 << 24;

/// How a thread finds its shard and adds to it.
///
/// ```
/// use striped_counter::{Backend, Counter};
///
/// static HITS: Counter = Counter::builder().backend(Backend::PerThread).build();
/// assert_eq!(HITS.backend(), Backend::PerThread);
/// assert_eq!("striped".parse(), Ok(Backend::Striped));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// [`PerCpu`](Self::PerCpu) where it works at run time, else [`Striped`](Self::Striped).
    /// Never fails.
    #[default]
    Auto,
    /// One shard a CPU, and an add that the kernel restarts if the thread is moved in the midst of
    /// it: no locked instruction, and memory independent of the number of threads.
    /// Needs `x86_64` or aarch64 Linux with glibc 2.35 or later; on aarch64, Linux from 6.19 to 7.0.13
    /// breaks it, and is refused.
    PerCpu,
    /// One shard a live thread, which alone writes to it: no locked instruction on any platform,
    /// memory in proportion to the most threads that ever counted at once. An add from a signal
    /// handler may be lost if it interrupts another one of the same thread, unless in a
    /// [`CounterSet`](crate::CounterSet) with a read lock.
    PerThread,
    /// A fixed number of shards that threads share by their number, and an atomic add: portable,
    /// bounded memory.
    Striped,
}

impl Backend {
    /// The names that [`FromStr`] takes, in any case.
    const NAMED: [(&'static str, Self); 4] = [
        ("Auto", Self::Auto),
        ("PerCpu", Self::PerCpu),
        ("PerThread", Self::PerThread),
        ("Striped", Self::Striped),
    ];
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Backend {
    type Err = ParseBackendError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::NAMED
            .into_iter()
            .find_map(|(known, backend)| known.eq_ignore_ascii_case(name).then_some(backend))
            .ok_or_else(|| ParseBackendError(name.to_owned()))
    }
}

/// A name that is none of the [`Backend`]s'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseBackendError(String);

impl fmt::Display for ParseBackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backend: {:?} is none of Auto, PerCpu, PerThread, Striped", self.0)
    }
}

impl Error for ParseBackendError {}

/// Why [`Builder::try_build`] refused: the setting, the value, and what is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// `shards` is outside 1 to 4096.
    ShardsOutOfRange {
        /// The value asked for.
        shards: usize,
    },
    /// `shards` was set together with [`Backend::PerThread`], which has one shard a live thread.
    ShardsOnPerThread {
        /// The value asked for.
        shards: usize,
    },
    /// The length of a set is above 2^24.
    LenOutOfRange {
        /// The value asked for.
        len: usize,
    },
    /// The backend asked for by name cannot work here.
    BackendUnavailable {
        /// The backend asked for.
        backend: Backend,
        /// What it lacks.
        missing: &'static str,
    },
}

impl BuildError {
    /// What is found out without asking the machine, in words: for a panic at compile time as well.
    const fn text(&self) -> Text {
        match *self {
            Self::ShardsOutOfRange { shards } => {
                Text::out_of_range("shards", shards, *SHARDS.start(), *SHARDS.end())
            }
            Self::LenOutOfRange { len } => Text::out_of_range("len", len, 0, MAX_LEN),
            Self::ShardsOnPerThread { shards } => Text::new()
                .text("shards: ")
                .number(shards)
                .text(" cannot be set with backend PerThread, which has one shard a live thread"),
            Self::BackendUnavailable { .. } => Text::new().text("backend: cannot work here"),
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BackendUnavailable { backend, missing } => write!(
                f,
                "backend: {backend} cannot work here: {missing}; Auto falls back by itself"
            ),
            refused => f.write_str(refused.text().as_str()),
        }
    }
}

impl Error for BuildError {}

/// What a builder has been told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) backend: Backend,
    pub(crate) shards: Option<usize>,
    pub(crate) read_lock: bool,
}

impl Settings {
    pub(crate) const DEFAULT: Self =
        Self { backend: Backend::Auto, shards: None, read_lock: false };

    const fn check(&self) -> Result<(), BuildError> {
        match (self.shards, self.backend) {
            (Some(shards), _) if shards < *SHARDS.start() || shards > *SHARDS.end() => {
                Err(BuildError::ShardsOutOfRange { shards })
            }
            (Some(shards), Backend::PerThread) => Err(BuildError::ShardsOnPerThread { shards }),
            _ => Ok(()),
        }
    }

    /// What becomes of these settings on this machine; `None` if the number of CPUs matters, and
    /// another thread is just asking for it.
    pub(crate) fn try_plan(&self) -> Option<Plan> {
        Some(match (self.backend, per_cpu::area()) {
            (Backend::PerThread, _) => per_thread::plan(cpus::try_get()?),
            (Backend::Auto | Backend::PerCpu, Ok(area)) => per_cpu::plan(area, self.shards),
            _ => match self.shards {
                Some(shards) => striped::plan(shards),
                None => striped::plan(striped::default_shards(cpus::try_get()?)),
            },
        })
    }

    /// [`try_plan`](Self::try_plan) for those who may wait.
    pub(crate) fn plan(&self) -> Plan {
        loop {
            match self.try_plan() {
                Some(plan) => return plan,
                None => yield_now(),
            }
        }
    }
}

/// Settings made concrete: what a matrix starts with on its first use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) backend: Backend,
    /// How many rows are allocated first.
    pub(crate) rows: usize,
    /// How an add finds its row; see [`crate::shards`].
    pub(crate) route: usize,
}

/// Builds a counter type `T`: choose what matters, then [`build`](Builder::build) or
/// [`try_build`](Builder::try_build). Every setter is `const`, for use in a `static`.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`backend`](Self::backend) | `Auto` | `PerCpu` is the fastest where it works; the portable one elsewhere |
/// | [`shards`](Self::shards) | from the machine | as many as there are threads that can add at the same time |
/// | [`read_lock`](Self::read_lock) | `false` | most readers are scrapers, to whom an add in flight is neither here nor there |
///
/// ```
/// use striped_counter::{Backend, Counter};
///
/// static EXACT: Counter = Counter::builder().backend(Backend::Striped).shards(16).read_lock(true).build();
/// assert_eq!(EXACT.shards(), 16);
///
/// let error = Counter::builder().shards(0).try_build().unwrap_err();
/// assert_eq!(error.to_string(), "shards: 0 is out of range, from 1 to 4096");
/// ```
///
/// A bad setting in a `static` does not compile:
///
/// ```compile_fail,E0080
/// use striped_counter::Counter;
/// static WRONG: Counter = Counter::builder().shards(5000).build();
/// # fn main() { WRONG.inc(); }
/// ```
#[must_use = "a builder does nothing until `build` or `try_build`"]
pub struct Builder<T> {
    pub(crate) settings: Settings,
    /// How many counters, for a type that has a choice.
    pub(crate) len: usize,
    target: PhantomData<fn() -> T>,
}

impl<T> Builder<T> {
    pub(crate) const fn new(len: usize) -> Self {
        Self { settings: Settings::DEFAULT, len, target: PhantomData }
    }

    /// How a thread finds its shard. [`PerCpu`](Backend::PerCpu) where it cannot work is refused
    /// by `try_build`; `build`, being `const`, cannot ask the machine, and the counter then falls
    /// back to [`Striped`](Backend::Striped) on first use, as `backend()` tells.
    pub const fn backend(mut self, backend: Backend) -> Self {
        self.settings.backend = backend;
        self
    }

    /// How many shards: 1 to 4096, at 128 bytes each, or one row each of a
    /// [`CounterSet`](crate::CounterSet).
    ///
    /// `Striped` rounds up to a power of two. `PerCpu` gives the CPU numbers below `shards` a shard
    /// each and sends the rest to one shared atomic. On `PerThread` it is an error.
    ///
    /// The default is one for each possible CPU for `PerCpu`, and for `Striped` four for each CPU
    /// that the thread may run on which is the first in the process to need that number, rounded up
    /// to a power of two: set it where threads are pinned.
    pub const fn shards(mut self, shards: usize) -> Self {
        self.settings.shards = Some(shards);
        self
    }

    /// Whether `sum` is linearizable (`true`), or only between the true counts when it began and
    /// when it ended (`false`, the default). Adds never wait either way; a locked sum excludes other
    /// readers, and costs about twice an unlocked one, or more with few shards or beside adds.
    ///
    /// The adds of a [`Counter`](crate::Counter) and an [`UpDownCounter`](crate::UpDownCounter) cost
    /// the same either way. Those of a [`CounterSet`](crate::CounterSet) pay for consistent
    /// [`snapshot`](crate::CounterSet::snapshot)s: each counts itself in and out. Single adds through
    /// `PerCpu` need not, as long as the kernel has membarrier(2).
    pub const fn read_lock(mut self, read_lock: bool) -> Self {
        self.settings.read_lock = read_lock;
        self
    }

    /// What can be checked without asking the machine, at compile time too.
    const fn check(&self) -> Result<(), BuildError> {
        if self.len > MAX_LEN {
            Err(BuildError::LenOutOfRange { len: self.len })
        } else {
            self.settings.check()
        }
    }

    /// [`check`](Self::check), and whether the backend asked for by name works on this machine.
    pub(crate) fn check_here(&self) -> Result<(), BuildError> {
        self.check()?;
        match (self.settings.backend, per_cpu::area()) {
            (backend @ Backend::PerCpu, Err(missing)) => {
                Err(BuildError::BackendUnavailable { backend, missing })
            }
            _ => Ok(()),
        }
    }

    /// Panics on what [`check`](Self::check) refuses, at compile time in a `static`.
    pub(crate) const fn checked(&self) -> Settings {
        match self.check() {
            Ok(()) => self.settings,
            // A const panic takes a text and nothing to format.
            Err(error) => panic!("{}", error.text().as_str()),
        }
    }
}

impl<T> Clone for Builder<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Builder<T> {}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { backend, shards, read_lock } = self.settings;
        f.debug_struct("Builder")
            .field("backend", &backend)
            .field("shards", &shards)
            .field("read_lock", &read_lock)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::Backend;
    use crate::{Counter, child::in_child, rseq, shards::striped};

    /// In a process where nobody who is pinned to a CPU can have asked for their number.
    #[test]
    fn shards_are_by_default_as_many_as_the_documentation_says() {
        in_child(module_path!(), "shards_are_by_default_as_many_as_the_documentation_says", || {
            let cpus = num_cpus::get();
            let shards = |backend| Counter::builder().backend(backend).build().shards();
            assert_eq!(shards(Backend::Striped), (4 * cpus).next_power_of_two());
            // On two CPUs, 4 + 2 would be as good.
            assert_eq!(striped::default_shards(3), 12);
            assert_eq!(shards(Backend::PerThread), cpus.next_power_of_two());
            if rseq::area().is_ok() {
                assert_eq!(shards(Backend::PerCpu), rseq::possible_cpus());
            }
        });
    }
}
