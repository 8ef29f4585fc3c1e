//! The histogram, and what is read of it.

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

/// A distribution of values, such as latencies or sizes, for many recorders and few readers.
///
/// Each bucket is a counter of its own, and so is the sum of the values: a [`record`](Self::record) is two
/// adds to a shard of the current CPU or thread, in a row. All the rest is told from a
/// [`snapshot`](Self::snapshot): count, mean, quantiles.
///
/// # Buckets
///
/// By default they are *log-linear*: each power of two has 2^4 buckets of equal width, up to 2^36, which is
/// 68.7 seconds in nanoseconds. So a bucket is 6.25 % of its values wide, whatever their size.
/// [`grouping_power`](Builder::grouping_power) and [`max_value_power`](Builder::max_value_power) say
/// otherwise; [`bounds`](Builder::bounds) sets the buckets one by one. The last bucket is open: values above
/// the range are counted there.
///
/// # Cost
///
/// A record costs about two adds to a [`Counter`](crate::Counter), or one with [`sum(false)`](Builder::sum),
/// and touches as many cache lines. A read loads every bucket of every shard.
///
/// Memory: 64 bytes in place, and from the first record on 8 bytes per shard for each bucket and for the
/// sum, each shard rounded up to lines of 128 bytes, and five shards more for the spill, for what has been
/// taken, and for bookkeeping. The default comes to 4,352 bytes per shard. A read lock takes two columns more
/// and a sixth such shard. Without one, what is no more than a line per shard, such as up to 14 bounds with
/// their open bucket and the sum, is leased from chunks that histograms share and leave to the next. All else is
/// mapped from the system by pages, of which those that were never written to take no memory, and is given
/// back at the end, or kept for the next if it is small.
///
/// Where there is no memory for a spill on the first record, the process ends, as when a `Vec` finds none;
/// without memory for shards alone, records spill.
///
/// # Consistency
///
/// Count and buckets cannot disagree: the count is the sum of the buckets. Sum and buckets are two adds, so a
/// read can fall between them; in this order:
///
/// - A [`total`](Self::total) has in its sum whatever it has in its buckets; so has a snapshot, as long as
///   nobody takes. What the sum has beyond that was recorded during the read.
/// - With [`read_lock(true)`](Builder::read_lock) buckets and sum are of one moment, always.
/// - Without it, a [`take`](Self::take) or a delta during a record may have its count, and leave its value to
///   the take or delta before; so may a snapshot after such a take. A snapshot *during* a take may have some
///   buckets as before it and others, or the sum, as after it: a [`total`](Self::total) never does. Nothing is
///   lost, and nothing counted twice.
///
/// A read with the lock waits for records that are under way, at most one per thread, and for other readers;
/// records never wait. What [`CounterSet::snapshot`](crate::CounterSet::snapshot) says of system calls, of
/// the child of a fork and of real-time priorities holds for it too.
///
/// # Example
///
/// ```
/// use striped_counter::Histogram;
/// use std::{thread, time::Duration};
///
/// static LATENCY: Histogram = Histogram::new();
///
/// thread::scope(|scope| {
///     scope.spawn(|| (1..=900).for_each(|us| LATENCY.record_duration(Duration::from_micros(us))));
///     scope.spawn(|| (901..=1_000).for_each(|us| LATENCY.record_duration(Duration::from_micros(us))));
/// });
/// let latency = LATENCY.snapshot();
/// assert_eq!((latency.count(), latency.sum()), (1_000, Some(500_500_000)));
/// let p99 = latency.quantile_bounds(0.99).unwrap();
/// assert!(p99.contains(&990_000));
/// ```
///
/// # Memory ordering
///
/// Records release, reads acquire, as with a [`Counter`](crate::Counter).
#[doc(alias = "AtomicHistogram")]
#[doc(alias = "Summary")]
#[doc(alias = "distribution")]
#[doc(alias = "latency")]
pub struct Histogram {
    group: Group,
}

/// A histogram's place in its group.
const ONE: usize = 0;

impl Histogram {
    /// Makes an empty histogram with every setting at its default; equals `Histogram::builder().build()`.
    #[must_use]
    pub const fn new() -> Self {
        Self::builder().build()
    }

    /// Chooses the buckets, whether there is a sum, the backend, the number of shards, the read lock; see
    /// [`Builder`].
    pub const fn builder() -> Builder<Self> {
        Builder::new(1)
    }

    /// Counts `value` in its bucket, and adds it to the sum, modulo 2^64. Never panics, and never waits; see
    /// [`Counter::add`](crate::Counter::add), also for signal handlers.
    #[inline]
    #[doc(alias = "observe")]
    #[doc(alias = "update")]
    #[doc(alias = "increment")]
    pub fn record(&self, value: u64) {
        self.group.record(ONE, value, 1);
    }

    /// Records `value` as many times as `times` says.
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

    /// Records `duration` in nanoseconds; 584 years if it is longer.
    #[inline]
    #[doc(alias = "observe_duration")]
    pub fn record_duration(&self, duration: Duration) {
        self.record(nanoseconds(duration));
    }

    /// Starts to measure time, which is recorded in nanoseconds when the timer is dropped; see [`Timer`].
    pub fn start_timer(&self) -> Timer<'_> {
        Timer::new(&self.group, ONE)
    }

    /// Returns what was recorded, less what has been taken. Allocates 8 bytes per bucket.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        self.group.read(ONE, Matrix::sums)
    }

    /// Returns everything ever recorded, whatever has been taken: what an exporter needs. Costs a
    /// [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn total(&self) -> HistogramSnapshot {
        self.group.read(ONE, Matrix::totals)
    }

    /// Returns the [`snapshot`](Self::snapshot) and starts again from nothing: every record's count is in
    /// exactly one take, or in the snapshot thereafter, and so is its value.
    ///
    /// Excludes other takes of this histogram while it reads.
    ///
    /// ```
    /// let sizes = striped_counter::Histogram::new();
    /// sizes.record(512);
    /// assert_eq!(sizes.take().count(), 1);
    /// assert_eq!((sizes.take().count(), sizes.total().count()), (0, 1));
    /// ```
    #[must_use = "what is taken is gone from the histogram; nobody else will see it"]
    #[doc(alias = "reset")]
    pub fn take(&self) -> HistogramSnapshot {
        self.group.read(ONE, Matrix::take_all)
    }

    /// Returns a consumer's cursor over what is recorded; any number of them may live at a time. One that
    /// owns its histogram is made by [`HistogramDeltas::new`].
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

    /// Leases or maps the shards now instead of on the first record; see
    /// [`Counter::warm_up`](crate::Counter::warm_up).
    pub fn warm_up(&self) -> bool {
        self.group.matrix.warm_up()
    }

    /// Returns the backend at work, which is never [`Auto`](Backend::Auto).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.group.matrix.backend()
    }

    /// Returns the number of shards, now or after the first record: a power of two for `Striped`.
    /// Grows with the number of live threads for `PerThread`.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.group.matrix.shards()
    }
}

impl OfHistograms for Histogram {}

impl Builder<Histogram> {
    /// Makes the histogram.
    ///
    /// # Panics
    /// On a setting out of range, on bounds that do not ascend or are set together with a power, and on
    /// shards set on `PerThread`: at compile time in a `static`.
    #[must_use]
    pub const fn build(self) -> Histogram {
        Histogram { group: Group::new(&self) }
    }

    /// Makes the histogram, or returns what is wrong with the settings.
    ///
    /// # Errors
    /// On a setting out of range, on bounds that do not ascend or are set together with a power, on
    /// shards set on `PerThread`, or on `PerCpu` where it cannot work.
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
