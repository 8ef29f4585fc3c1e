//! What can be set, and within which ranges.

use std::{error::Error, fmt, num::NonZero, ops::RangeInclusive, str::FromStr};

/// The numbers of shards that [`Builder::shards`](crate::Builder::shards) accepts. A sum walks
/// every shard: beyond 4096 it costs more cache misses than more shards could save.
pub(crate) const SHARDS: RangeInclusive<usize> = 1..=4096;

/// The largest number of counters in a set, or of columns of a histogram or a set of them: 128 MiB
/// per shard.
pub(crate) const MAX_LEN: usize = 1 << 24;

/// The possible grouping powers of histograms. At 16 a bucket is 0.0015 % wide, finer than the five
/// digits of `HdrHistogram`.
pub(crate) const GROUPING_POWERS: RangeInclusive<u8> = 0..=16;

/// The highest power of two at which a histogram's range may end: all of `u64`.
pub(crate) const MAX_VALUE_POWER: u8 = 64;

/// The possible numbers of explicit bounds. Each doubling adds a step to the search.
pub(crate) const BOUNDS: RangeInclusive<usize> = 1..=1_024;

/// How a thread finds its shard and adds to it.
///
/// [`Builder::backend`](crate::Builder::backend) sets it, and the `backend` method of each type
/// returns the one in use. [Tuning](crate::guide::tuning) compares them, and
/// [Platforms](crate::guide::platforms) says where each works.
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
    /// [`PerCpu`](Self::PerCpu) if it works at run time, otherwise [`Striped`](Self::Striped).
    /// Never fails.
    #[default]
    Auto,
    /// One shard per CPU, by [restartable sequences](crate::guide::rseq).
    ///
    /// The kernel aborts an add if the thread is preempted or migrated in the middle of it, and the
    /// add then goes to a shared atomic: no locked instruction on the common path, and memory
    /// independent of the number of threads.
    ///
    /// Needs `x86_64` or aarch64 Linux, with glibc 2.35 or later, or in an executable with musl.
    /// With an older glibc, `PerCpu` works only if it is chosen by name: the crate then registers
    /// restartable sequences itself, which another library in the process may have meant to do. On
    /// aarch64, Linux 6.19 to 7.0.13 is refused, since its restartable sequences lose adds.
    PerCpu,
    /// One shard per live thread, which alone writes to it.
    ///
    /// There is no locked instruction on any platform. Memory is in proportion to the largest
    /// number of threads that ever counted at the same time. Two kinds of adds may be lost:
    ///
    /// - An add from a signal handler that interrupts another add of the same thread, unless in a
    ///   [`CounterSet`](crate::CounterSet) with a read lock.
    /// - An add of a stackful coroutine that moves to another thread: within one function or one
    ///   shared object the compiler may keep the address of the thread's number over the switch.
    ///   `async` tasks are stackless and not affected.
    PerThread,
    /// A fixed number of shards, shared by threads according to their number, with an atomic add.
    ///
    /// Portable, with bounded memory.
    Striped,
}

impl Backend {
    /// The names that [`FromStr`] accepts, in upper or lower case.
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

/// The error of parsing a name that is no [`Backend`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseBackendError(String);

impl fmt::Display for ParseBackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backend: {:?} is none of Auto, PerCpu, PerThread, Striped", self.0)
    }
}

impl Error for ParseBackendError {}

/// Checked settings in four bytes, the room that a counter has for them. The default is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Within [`SHARDS`]; with `None` the number depends on the machine.
    shards: Option<NonZero<u16>>,
    backend: Backend,
    flags: u8,
}

const _: () = assert!(size_of::<Settings>() == 4);

impl Settings {
    const READ_LOCK: u8 = 1;
    const PADDED: u8 = 2;
    const NO_READ_LOCK: u8 = 4;

    /// Creates settings without a read lock or padding.
    ///
    /// # Panics
    ///
    /// Panics if `shards` is not within [`SHARDS`], which the builder has checked.
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

    /// Returns whether all bytes are 0, as in a fresh `static`.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn is_zero(self) -> bool {
        self.shards.is_none() && self.backend as u8 == 0 && self.flags == 0
    }

    /// Returns what the read lock was set to; with `None` the type decides.
    pub(crate) const fn read_lock(self) -> Option<bool> {
        if self.flags & Self::READ_LOCK != 0 {
            Some(true)
        } else if self.flags & Self::NO_READ_LOCK != 0 {
            Some(false)
        } else {
            None
        }
    }

    /// Returns whether all sums take the read lock, and so are linearizable.
    pub(crate) const fn is_linearizable(self) -> bool {
        self.flags & Self::READ_LOCK != 0
    }

    /// Returns whether the counter has cache lines of its own.
    pub(crate) const fn is_padded(self) -> bool {
        self.flags & Self::PADDED != 0
    }
}
