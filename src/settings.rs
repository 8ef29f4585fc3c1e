//! What a counter can be told, and within which ranges.

use std::{error::Error, fmt, num::NonZero, ops::RangeInclusive, str::FromStr};

/// The shard counts that [`Builder::shards`](crate::Builder::shards) takes. A sum walks every shard:
/// beyond 4096 it costs more cache misses than further shards could save.
pub(crate) const SHARDS: RangeInclusive<usize> = 1..=4096;

/// The most counters in a set, and columns of its histograms: 128 MiB per shard.
pub(crate) const MAX_LEN: usize = 1 << 24;

/// The grouping powers of histograms. At 16 a bucket is 0.0015 % wide, finer than the five digits of
/// `HdrHistogram`.
pub(crate) const GROUPING_POWERS: RangeInclusive<u8> = 0..=16;

/// The highest power of two that a histogram's range may end at: all of `u64`.
pub(crate) const MAX_VALUE_POWER: u8 = 64;

/// How many explicit bounds a histogram may have: a search takes a step per doubling.
pub(crate) const BOUNDS: RangeInclusive<usize> = 1..=1_024;

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
    /// One shard per CPU. The kernel aborts an add if the thread is preempted or migrated in the
    /// middle of it, and the add then goes to a shared atomic: no locked instruction on the common
    /// path, and memory independent of the number of threads.
    /// Needs `x86_64` or aarch64 Linux with glibc 2.35 or later, or an executable with musl. With an older
    /// glibc it has to be asked for by name, and then registers restartable sequences itself, which another
    /// library in the process may have meant to do. On aarch64, Linux from 6.19 to 7.0.13
    /// breaks it, and is refused.
    PerCpu,
    /// One shard per live thread, which alone writes to it: no locked instruction on any platform,
    /// memory in proportion to the largest number of threads that ever counted at once. An add from
    /// a signal handler may be lost if it interrupts another one of the same thread, unless in a
    /// [`CounterSet`](crate::CounterSet) with a read lock.
    ///
    /// Nor for stackful coroutines that change threads: within one function, or one shared object, the compiler may
    /// keep the address of the thread's number over a switch, and an add may then be lost. `async` tasks are
    /// stackless, and exact.
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

/// The error for a name that is not one of the [`Backend`]s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseBackendError(String);

impl fmt::Display for ParseBackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backend: {:?} is none of Auto, PerCpu, PerThread, Striped", self.0)
    }
}

impl Error for ParseBackendError {}

/// Checked settings, in the four bytes that a counter has for them. The default is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Within [`SHARDS`]; `None` lets the machine decide.
    shards: Option<NonZero<u16>>,
    backend: Backend,
    flags: u8,
}

const _: () = assert!(size_of::<Settings>() == 4);

impl Settings {
    const READ_LOCK: u8 = 1;
    const PADDED: u8 = 2;
    const NO_READ_LOCK: u8 = 4;

    /// # Panics
    /// If `shards` is not within [`SHARDS`], which the builder has checked.
    pub(crate) const fn new(backend: Backend, shards: Option<usize>) -> Self {
        let shards = match shards {
            Some(shards) => {
                assert!(*SHARDS.start() <= shards && shards <= *SHARDS.end());
                #[expect(clippy::cast_possible_truncation, reason = "at most 4096")]
                NonZero::new(shards as u16)
            }
            None => None,
        };
        Self { shards, backend, flags: 0 }
    }

    pub(crate) const fn with_read_lock(mut self, read_lock: Option<bool>) -> Self {
        self.flags |= match read_lock {
            None => 0,
            Some(true) => Self::READ_LOCK,
            Some(false) => Self::NO_READ_LOCK,
        };
        self
    }

    pub(crate) const fn padded(mut self, on: bool) -> Self {
        self.flags = if on { self.flags | Self::PADDED } else { self.flags };
        self
    }

    pub(crate) const fn backend(self) -> Backend {
        self.backend
    }

    pub(crate) fn shards(self) -> Option<usize> {
        self.shards.map(|shards| shards.get().into())
    }

    /// Whether all is 0, as in a fresh `static`.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn is_zero(self) -> bool {
        self.shards.is_none() && self.backend as u8 == 0 && self.flags == 0
    }

    /// Whether there is to be a read lock; `None` leaves it to the type.
    pub(crate) const fn read_lock(self) -> Option<bool> {
        if self.flags & Self::READ_LOCK != 0 {
            Some(true)
        } else if self.flags & Self::NO_READ_LOCK != 0 {
            Some(false)
        } else {
            None
        }
    }

    /// Whether all sums are under the read lock, and so linearizable.
    pub(crate) const fn is_linearizable(self) -> bool {
        self.flags & Self::READ_LOCK != 0
    }

    /// Whether the counter has cache lines of its own.
    pub(crate) const fn is_padded(self) -> bool {
        self.flags & Self::PADDED != 0
    }
}
