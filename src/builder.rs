//! Every setting, its default and why.

use crate::{
    build_error::BuildError,
    matrix,
    settings::{Backend, MAX_LEN, SHARDS, Settings},
};
use std::{fmt, marker::PhantomData};

mod buckets;

use buckets::Buckets;
pub(crate) use buckets::OfHistograms;

/// Builds a counter type `T`: choose what matters, then [`build`](Builder::build) or
/// [`try_build`](Builder::try_build). Every setter is `const`, for use in a `static`.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`backend`](Self::backend) | `Auto` | `PerCpu` is the fastest where it works; the portable one elsewhere |
/// | [`shards`](Self::shards) | from the machine | as many as there are threads that can add at the same time |
/// | [`read_lock`](Self::read_lock) | not set | most readers are scrapers, which do not care whether an add in flight is in this scrape or the next; levels that are too busy for that are locked |
/// | [`padded`](Self::padded) | `false` | few counters are read so often that their neighbours would notice |
///
/// Those of histograms alone:
///
/// | setting | default | why |
/// |---|---|---|
/// | [`grouping_power`](Self::grouping_power) | 4 | a quantile is off by 6.25 % at most, and far less as a rule |
/// | [`max_value_power`](Self::max_value_power) | 36 | nanoseconds up to 68.7 seconds |
/// | [`bounds`](Self::bounds) | none | log-linear buckets need no knowledge of the values |
/// | [`sum`](Self::sum) | `true` | exporters and means need it, at the price of a second add |
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
    backend: Backend,
    shards: Option<usize>,
    read_lock: Option<bool>,
    padded: bool,
    /// How many counters, for a type that has a choice.
    pub(crate) len: usize,
    /// For histograms.
    buckets: Buckets,
    target: PhantomData<fn() -> T>,
}

impl<T> Builder<T> {
    pub(crate) const fn new(len: usize) -> Self {
        Self {
            backend: Backend::Auto,
            shards: None,
            read_lock: None,
            padded: false,
            len,
            buckets: Buckets::DEFAULT,
            target: PhantomData,
        }
    }

    /// Sets how a thread finds its shard. [`PerCpu`](Backend::PerCpu) where it cannot work is refused
    /// by `try_build`; `build`, being `const`, cannot ask the machine, and the counter then falls
    /// back to [`Striped`](Backend::Striped) on first use, as `backend()` tells.
    pub const fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Sets the number of shards: 1 to 4096, at 8 bytes each, or one row each of a set
    /// or a histogram.
    ///
    /// `Striped` rounds up to a power of two. `PerCpu` gives the CPU numbers below `shards` a shard
    /// each and sends the rest to one shared atomic; with fewer shards than CPUs, and since Linux 6.3, it
    /// goes by numbers that the kernel keeps dense among the CPUs in use. On `PerThread` it is an error.
    ///
    /// The default is one for each possible CPU for `PerCpu`, and for `Striped` four per available
    /// CPU, rounded up to a power of two. The number of CPUs is read once per process, from the
    /// affinity of the first thread that needs it: set `shards` if threads are pinned.
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Sets whether `sum` is linearizable (`true`), or only between the true counts when it began and
    /// when it ended (`false`, the default). Adds never wait either way; a locked sum excludes other
    /// readers, and costs about twice an unlocked one, or more with few shards or while others add.
    ///
    /// For an [`UpDownCounter`](crate::UpDownCounter), not to set it is a choice of its own: sums then
    /// lock only a level that is too busy to be read otherwise. With `false` they never do, and may
    /// read such a level too high; see [there](crate::UpDownCounter#a-sum-while-others-add).
    ///
    /// The adds of a [`Counter`](crate::Counter) and an [`UpDownCounter`](crate::UpDownCounter) cost
    /// the same either way. Those of a [`CounterSet`](crate::CounterSet) pay for consistent
    /// [`snapshot`](crate::CounterSet::snapshot)s: each counts itself in and out. Single adds through
    /// `PerCpu` need not, as long as the kernel has membarrier(2). The same holds for a
    /// [`Histogram`](crate::Histogram), whose snapshots then have buckets and sum of one moment; with a sum
    /// each record is two adds, and pays through every backend.
    pub const fn read_lock(mut self, read_lock: bool) -> Self {
        self.read_lock = Some(read_lock);
        self
    }

    /// Sets whether the counter has cache lines of its own, 128 bytes per shard (`true`), or shares
    /// them with other counters, at 8 bytes per shard (`false`, the default).
    ///
    /// Up to 16 counters share a line, all of them written by the same CPU or thread, so adders do not
    /// disturb one another. But a reader that polls one of them without pause takes the line away from
    /// those who add to the others. This is for the counter that is polled, and for one that must not
    /// notice when another is.
    ///
    /// Sets and histograms always have lines of their own, and ignore this.
    ///
    /// ```
    /// use striped_counter::Counter;
    ///
    /// static POLLED: Counter = Counter::builder().padded(true).build();
    /// POLLED.inc();
    /// assert_eq!(POLLED.sum(), 1);
    /// ```
    pub const fn padded(mut self, padded: bool) -> Self {
        self.padded = padded;
        self
    }

    /// Returns the backend asked for.
    #[must_use]
    pub const fn get_backend(&self) -> Backend {
        self.backend
    }

    /// Returns the number of shards asked for, if any.
    #[must_use]
    pub const fn get_shards(&self) -> Option<usize> {
        self.shards
    }

    /// Returns what [`read_lock`](Self::read_lock) was set to, if it was.
    #[must_use]
    pub const fn get_read_lock(&self) -> Option<bool> {
        self.read_lock
    }

    /// Returns whether the counter is to have cache lines of its own.
    #[must_use]
    pub const fn get_padded(&self) -> bool {
        self.padded
    }

    /// What can be checked without asking the machine, at compile time too.
    const fn check(&self) -> Result<(), BuildError> {
        if self.len > MAX_LEN {
            return Err(BuildError::LenOutOfRange { len: self.len });
        }
        match (self.shards, self.backend) {
            (Some(shards), _) if shards < *SHARDS.start() || shards > *SHARDS.end() => {
                Err(BuildError::ShardsOutOfRange { shards })
            }
            (Some(shards), Backend::PerThread) => Err(BuildError::ShardsOnPerThread { shards }),
            _ => Ok(()),
        }
    }

    /// [`check`](Self::check), and whether the backend asked for by name works on this machine.
    pub(crate) fn check_here(&self) -> Result<(), BuildError> {
        self.check()?;
        if self.backend != Backend::PerCpu {
            return Ok(());
        }
        let unavailable =
            |missing| BuildError::BackendUnavailable { backend: self.backend, missing };
        matrix::area(self.backend).map(|_| ()).map_err(unavailable)
    }

    /// Panics on what [`check`](Self::check) refuses, at compile time in a `static`.
    pub(crate) const fn checked(&self) -> Settings {
        match self.check() {
            Ok(()) => Settings::new(self.backend, self.shards)
                .with_read_lock(self.read_lock)
                .padded(self.padded),
            Err(wrong) => panic!("{}", wrong.words().as_str()),
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
        f.debug_struct("Builder")
            .field("backend", &self.backend)
            .field("shards", &self.shards)
            .field("read_lock", &self.read_lock)
            .field("padded", &self.padded)
            .finish_non_exhaustive()
    }
}
