//! A distribution of values, and what is read from it.

mod deltas;
mod group;
mod set;
mod snapshot;
mod timer;

pub use deltas::HistogramDeltas;
pub use set::{HistogramRef, HistogramSet};
pub use snapshot::{HistogramSnapshot, ShapeMismatch};
pub use timer::Timer;

use crate::{
    build_error::BuildError,
    builder::{Builder, OfHistograms},
    matrix::Matrix,
    settings::Backend,
};
use group::Group;
use std::{fmt, time::Duration};
use timer::nanoseconds;

/// A distribution of values, such as latencies or sizes, for many threads that record and few that
/// read.
///
/// Each bucket is a counter of its own, and so is the sum of the values. A [`record`](Self::record)
/// is two adds to a shard of the current CPU or thread, one after the other. A
/// [`snapshot`](Self::snapshot) has everything else: count, mean, quantiles.
/// [Histograms](crate::guide::histograms) is the guide to them.
///
/// ```
/// use striped_counter::Histogram;
/// use std::thread;
///
/// static LATENCY: Histogram = Histogram::new();
///
/// thread::scope(|scope| {
///     scope.spawn(|| (1..=900).for_each(|us| LATENCY.record(us * 1_000)));
///     scope.spawn(|| (901..=1_000).for_each(|us| LATENCY.record(us * 1_000)));
/// });
/// let latency = LATENCY.snapshot();
/// assert_eq!((latency.count(), latency.sum()), (1_000, Some(500_500_000)));
/// let p99 = latency.quantile_bounds(0.99).unwrap();
/// assert!(p99.contains(&990_000));
/// ```
///
/// # When to use another type
///
/// - A [`HistogramSet`], if there is one per route, method or status.
/// - Two [`Counter`](crate::Counter)s, one for the number of values and one for their sum, if only
///   the mean matters.
///
/// # Buckets
///
/// By default buckets are *log-linear*: each power of two has 2^4 buckets of equal width, up to
/// 2^36, which is 68.7 seconds in nanoseconds. So the width of a bucket is at most 6.25 % of its
/// values, whatever their size. [`grouping_power`](Builder::grouping_power) and
/// [`max_value_power`](Builder::max_value_power) change that, and [`bounds`](Builder::bounds) sets
/// the buckets one by one. The last bucket is open: it counts all values above the range.
///
/// # Cost
///
/// A record costs about as much as two adds to a [`Counter`](crate::Counter), or one with
/// [`sum(false)`](Builder::sum). It touches the histogram's own cache line, the bucket's and the
/// sum's. A read loads every bucket of every shard.
///
/// A histogram takes 64 bytes in place, and from its first record on 8 bytes per shard for each
/// bucket and for the sum. Each shard is rounded up to lines of 128 bytes, and there are five
/// shards more for spills, for what has been taken and for bookkeeping. The default takes 4,352
/// bytes per shard. A read lock takes two columns more, and a sixth such shard.
///
/// A histogram that takes one line per shard, such as up to 14 bounds with their open bucket and
/// the sum, and has no read lock, leases it from memory that histograms share. Larger ones have
/// memory of their own, mapped by pages, and a page that nothing was written to takes no memory. It
/// is returned to the system when the histogram is dropped, or kept for the next one if it is
/// small.
///
/// If there is no memory for the spill on the first record, the process aborts, as `Vec` does. If
/// there is memory for the spill but not for the shards, records go to the spill.
///
/// # Consistency
///
/// The count is the sum of the buckets, so the two cannot disagree. The sum of the values and the
/// bucket are two adds, so a read may come between them:
///
/// - A [`total`](Self::total) has in its sum every value that it has in its buckets. The same goes
///   for a snapshot, provided that [`take`](Self::take) is not used. Whatever the sum has beyond
///   that was recorded during the read.
/// - With [`read_lock(true)`](Builder::read_lock) buckets and sum are always of one moment.
/// - Without it, a [`take`](Self::take) or a delta during a record may include the value in its
///   count, and leave it to the previous take or delta in the sum; and so may a snapshot after such
///   a take. A snapshot *during* a take may mix buckets and a sum from before it and after it,
///   which a [`total`](Self::total) never does. Nothing is lost, and nothing is counted twice.
///
/// A read under the lock waits for records in progress, at most one per thread, and for other
/// readers; records never wait. What [`CounterSet::snapshot`](crate::CounterSet::snapshot)
/// says of system calls, of the child of a `fork` and of real-time priorities applies here, too.
///
/// # Memory ordering
///
/// As for a [`Counter`](crate::Counter#memory-ordering): records release and reads acquire.
#[doc(alias = "AtomicHistogram")]
#[doc(alias = "Summary")]
#[doc(alias = "distribution")]
#[doc(alias = "latency")]
pub struct Histogram {
    group: Group,
}

/// The index of a histogram in its group, where it is alone.
const ONE: usize = 0;

impl Histogram {
    /// Creates an empty histogram with default settings, as `Histogram::builder().build()` does.
    #[must_use]
    pub const fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a [`Builder`], to choose the buckets, whether there is a sum, the backend, the
    /// number of shards and the read lock.
    pub const fn builder() -> Builder<Self> {
        Builder::new(1)
    }

    /// Counts `value` in its bucket and adds it to the sum, modulo 2^64.
    ///
    /// Never panics and never waits; see [`Counter::add`](crate::Counter::add), also for signal
    /// handlers.
    #[inline]
    #[doc(alias = "observe")]
    #[doc(alias = "update")]
    #[doc(alias = "increment")]
    pub fn record(&self, value: u64) {
        self.group.record(ONE, value, 1);
    }

    /// Records the same `value` several times, at the cost of a single record.
    ///
    /// ```
    /// let sizes = striped_counter::Histogram::new();
    /// sizes.record_n(512, 3);
    /// assert_eq!((sizes.snapshot().count(), sizes.snapshot().sum()), (3, Some(1_536)));
    /// ```
    #[inline]
    #[doc(alias = "observe_n")]
    pub fn record_n(&self, value: u64, times: u64) {
        self.group.record(ONE, value, times);
    }

    /// Records `duration` in nanoseconds, at most 2^53 of them, which is 104 days.
    ///
    /// The sum is modulo 2^64. Without the limit, a single [`Duration::MAX`] would make it smaller,
    /// which an exporter's reader takes for a restart. To record longer times, call
    /// [`record`](Self::record) with a coarser unit.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let latency = striped_counter::Histogram::new();
    /// latency.record_duration(Duration::from_millis(5));
    /// assert_eq!(latency.snapshot().sum(), Some(5_000_000));
    /// ```
    #[inline]
    #[doc(alias = "observe_duration")]
    pub fn record_duration(&self, duration: Duration) {
        self.record(nanoseconds(duration));
    }

    /// Starts a [`Timer`], which records the time in nanoseconds when it is dropped.
    pub fn start_timer(&self) -> Timer<'_> {
        Timer::new(&self.group, ONE)
    }

    /// Returns what was recorded, less what has been taken.
    ///
    /// Allocates 8 bytes per bucket.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        self.group.read(ONE, Matrix::sums)
    }

    /// Returns everything ever recorded, whatever has been taken: what an exporter needs.
    ///
    /// Costs as much as a [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn total(&self) -> HistogramSnapshot {
        self.group.read(ONE, Matrix::totals)
    }

    /// Returns the [`snapshot`](Self::snapshot) and starts again from empty, losing nothing.
    ///
    /// Every record's count is in exactly one take, or in the snapshot afterwards, and so is its
    /// value. Waits for other takes of this histogram.
    ///
    /// ```
    /// let sizes = striped_counter::Histogram::new();
    /// sizes.record(512);
    /// assert_eq!(sizes.take().count(), 1);
    /// assert_eq!((sizes.take().count(), sizes.total().count()), (0, 1));
    /// ```
    #[doc(alias = "drain")]
    #[doc(alias = "swap")]
    #[must_use = "what is taken is no longer in the histogram"]
    #[doc(alias = "reset")]
    pub fn take(&self) -> HistogramSnapshot {
        self.group.read(ONE, Matrix::take_all)
    }

    /// Returns a cursor over what is recorded, for one of any number of consumers.
    ///
    /// A cursor sees every record exactly once, whatever other cursors see and whatever is taken.
    /// To keep a cursor where a borrow is in the way, see [`HistogramDeltas::new`].
    ///
    /// ```
    /// let sizes = striped_counter::Histogram::new();
    /// let mut recorded = sizes.deltas();
    /// sizes.record(512);
    /// assert_eq!(recorded.next_delta().count(), 1);
    /// assert_eq!(recorded.next_delta().count(), 0);
    /// ```
    #[must_use]
    pub fn deltas(&self) -> HistogramDeltas<&Self> {
        HistogramDeltas::new(self)
    }

    /// Leases the shards now instead of on the first record; see
    /// [`Counter::warm_up`](crate::Counter::warm_up).
    pub fn warm_up(&self) -> bool {
        self.group.matrix.warm_up()
    }

    /// Returns the backend in use, which is never [`Auto`](Backend::Auto).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.group.matrix.backend()
    }

    /// Returns whether this was built with [`read_lock(true)`](Builder::read_lock).
    #[must_use]
    pub fn has_read_lock(&self) -> bool {
        self.group.matrix.settings().is_linearizable()
    }

    /// Returns the number of shards, or before the first record the number that there will be.
    ///
    /// It is a power of two with [`Striped`](Backend::Striped), and grows with the number of live
    /// threads with [`PerThread`](Backend::PerThread).
    #[must_use]
    pub fn shards(&self) -> usize {
        self.group.matrix.shards()
    }
}

impl OfHistograms for Histogram {}

impl Builder<Histogram> {
    /// Creates the histogram.
    ///
    /// If [`PerCpu`](Backend::PerCpu) was chosen and does not work on this machine, the histogram
    /// uses [`Striped`](Backend::Striped).
    ///
    /// # Panics
    ///
    /// Panics if a setting is out of range, if bounds do not ascend or are set together with a
    /// power, or if shards are set together with [`PerThread`](Backend::PerThread). In a `static`
    /// this is an error at compile time.
    #[must_use]
    pub const fn build(self) -> Histogram {
        Histogram { group: Group::new(&self) }
    }

    /// Creates the histogram, or returns what is wrong with the settings.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is out of range, if bounds do not ascend or are set together
    /// with a power, if shards are set together with [`PerThread`](Backend::PerThread), or if
    /// [`PerCpu`](Backend::PerCpu) was chosen and does not work on this machine.
    ///
    /// ```
    /// use striped_counter::Histogram;
    ///
    /// let error = Histogram::builder().grouping_power(17).try_build().unwrap_err();
    /// assert_eq!(error.to_string(), "grouping_power: 17 is out of range, from 0 to 16");
    /// ```
    pub fn try_build(self) -> Result<Histogram, BuildError> {
        self.check_histograms_here()?;
        Ok(self.build())
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        f.debug_struct("Histogram")
            .field("count", &snapshot.count())
            .field("sum", &snapshot.sum())
            .field("backend", &self.backend())
            .field("shards", &self.shards())
            .finish()
    }
}
