//! The settings of counters, sets and histograms, their defaults and why.

use crate::{
    build_error::BuildError,
    matrix,
    settings::{Backend, MAX_LEN, SHARDS, Settings},
};
use std::{fmt, marker::PhantomData};

mod buckets;

use buckets::Buckets;
pub(crate) use buckets::OfHistograms;

/// Builds a counter, a set or a histogram, `T`.
///
/// Choose the settings that matter, and then call [`build`](Builder::build) or
/// [`try_build`](Builder::try_build). Every setter is `const`, for use in a `static`.
/// [Tuning](crate::guide::tuning) explains when to change a setting.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`backend`](Self::backend) | `Auto` | [`PerCpu`](Backend::PerCpu) where it works, which is fastest; [`Striped`](Backend::Striped) elsewhere |
/// | [`shards`](Self::shards) | from the machine | enough for all threads that can add at the same time |
/// | [`read_lock`](Self::read_lock) | not set | most reads are scrapes, which do not care whether an add in flight is in this scrape or the next; only levels that are too busy to be read otherwise are locked |
/// | [`padded`](Self::padded) | `false` | few counters are read so often that it would slow down their neighbours |
///
/// Histograms have these, too:
///
/// | setting | default | why |
/// |---|---|---|
/// | [`grouping_power`](Self::grouping_power) | 4 | a quantile is off by 6.25 % at most, and as a rule by far less |
/// | [`max_value_power`](Self::max_value_power) | 36 | nanoseconds up to 68.7 seconds |
/// | [`bounds`](Self::bounds) | none | log-linear buckets need no knowledge of the values |
/// | [`sum`](Self::sum) | `true` | exporters and means need it, at the price of a second add |
///
/// ```
/// use striped_counter::{Backend, Counter};
///
/// static HITS: Counter = Counter::builder().shards(16).backend(Backend::Striped).build();
/// assert_eq!(HITS.shards(), 16);
///
/// let error = Counter::builder().shards(0).try_build().unwrap_err();
/// assert_eq!(error.to_string(), "shards: 0 is out of range, from 1 to 4096");
/// ```
///
/// A wrong setting in a `static` does not compile:
///
/// ```compile_fail,E0080
/// use striped_counter::Counter;
/// static WRONG: Counter = Counter::builder().shards(5000).build();
/// # fn main() { WRONG.inc(); }
/// ```
///
/// If [`PerCpu`](Backend::PerCpu) is chosen and does not work on this machine, `try_build` returns
/// an error, and `build` falls back to [`Striped`](Backend::Striped).
#[doc(alias = "CounterBuilder")]
#[must_use = "a builder does nothing until `build` or `try_build`"]
pub struct Builder<T> {
    backend: Backend,
    shards: Option<usize>,
    read_lock: Option<bool>,
    padded: bool,
    /// The length of a set; 1 for other types.
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

    /// Sets how a thread finds its shard and adds to it.
    ///
    /// If [`PerCpu`](Backend::PerCpu) does not work on this machine, `try_build` returns an error.
    /// `build` is `const` and cannot look at the machine: the counter then falls back to
    /// [`Striped`](Backend::Striped) on first use, and its `backend` method returns that.
    pub const fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Sets the number of shards, from 1 to 4096.
    ///
    /// - [`Striped`](Backend::Striped) rounds up to a power of two. The default is four per
    ///   available CPU. The number of CPUs is read once per process, from the affinity of the first
    ///   thread that needs it: set `shards` if threads are pinned.
    /// - [`PerCpu`](Backend::PerCpu) has one shard for each CPU number below `shards`; adds on
    ///   other CPUs go to the spill. With fewer shards than CPUs, and since Linux 6.3, it uses
    ///   numbers that the kernel keeps dense among the CPUs in use. The default is one for each
    ///   possible CPU.
    /// - [`PerThread`](Backend::PerThread) has one per live thread: setting `shards` is an error.
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Makes sums linearizable (`true`), or leaves them between the true counts when they began and
    /// when they ended (`false`).
    ///
    /// Not calling this is the default. It is the same as `false`, except for levels, which have a
    /// third choice: see below.
    ///
    /// [Linearizable](https://en.wikipedia.org/wiki/Linearizability) means that a sum is the true
    /// count at one moment during the call. Such a sum waits for other readers, and costs about
    /// twice an unlocked one, or more with few shards or while others add. Adds never wait, with
    /// any setting. What they cost depends on the type:
    ///
    /// - Adds to a [`Counter`](crate::Counter) or an [`UpDownCounter`](crate::UpDownCounter) cost
    ///   the same either way.
    /// - A [`CounterSet`](crate::CounterSet) or an [`UpDownCounterSet`](crate::UpDownCounterSet)
    ///   gains a consistent [`snapshot`](crate::CounterSet::snapshot), for which each add counts
    ///   itself in and out. Single adds through `PerCpu` need not, if the kernel has membarrier(2).
    /// - A [`Histogram`](crate::Histogram) or a [`HistogramSet`](crate::HistogramSet) gains
    ///   snapshots whose buckets and sum are of one moment, at the same price. A record with a sum
    ///   is two adds, which count themselves in and out with every backend.
    ///
    /// By default, sums of an [`UpDownCounter`](crate::UpDownCounter) and its set lock only a level
    /// that is too busy to be read otherwise. With `false` they never do, and may return too high a
    /// value for such a level; see [there](crate::UpDownCounter#a-sum-while-others-add).
    #[doc(alias = "linearizable")]
    #[doc(alias = "consistent")]
    #[doc(alias = "snapshot")]
    pub const fn read_lock(mut self, read_lock: bool) -> Self {
        self.read_lock = Some(read_lock);
        self
    }

    /// Gives the counter cache lines of its own, 128 bytes per shard (`true`), instead of sharing
    /// them with other counters, at 8 bytes per shard (`false`, the default).
    ///
    /// Up to 16 counters share a line. All of them are written by the same CPU or thread, so adds
    /// do not disturb one another. But a thread that reads one of them without pause takes the line
    /// away from the threads that add to the others. Pad the counter that is read so often, or one
    /// that must not slow down when another is.
    ///
    /// Sets and histograms ignore this: they always have lines of their own.
    ///
    /// ```
    /// use striped_counter::Counter;
    ///
    /// static POLLED: Counter = Counter::builder().padded(true).build();
    /// POLLED.inc();
    /// assert_eq!(POLLED.sum(), 1);
    /// ```
    #[doc(alias = "CachePadded")]
    pub const fn padded(mut self, padded: bool) -> Self {
        self.padded = padded;
        self
    }

    /// Returns the backend that was chosen.
    #[must_use]
    pub const fn get_backend(&self) -> Backend {
        self.backend
    }

    /// Returns the number of shards that was set, if any.
    #[must_use]
    pub const fn get_shards(&self) -> Option<usize> {
        self.shards
    }

    /// Returns what [`read_lock`](Self::read_lock) was set to, if it was.
    #[must_use]
    pub const fn get_read_lock(&self) -> Option<bool> {
        self.read_lock
    }

    /// Returns what [`padded`](Self::padded) was set to.
    #[must_use]
    pub const fn get_padded(&self) -> bool {
        self.padded
    }

    /// Checks whatever does not depend on the machine, at compile time too.
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

    /// Performs [`check`](Self::check), and checks whether the chosen backend works on this
    /// machine.
    pub(crate) fn check_here(&self) -> Result<(), BuildError> {
        self.check()?;
        if self.backend != Backend::PerCpu {
            return Ok(());
        }
        let unavailable =
            |missing| BuildError::BackendUnavailable { backend: self.backend, missing };
        matrix::area(self.backend).map(|_| ()).map_err(unavailable)
    }

    /// Returns the settings, or panics if [`check`](Self::check) refuses them: at compile time in a
    /// `static`.
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
