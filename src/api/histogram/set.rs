//! Many histograms of one shape in one matrix.

use super::{HistogramSnapshot, Timer, group::Group, timer::nanoseconds};
use crate::{
    api::iter::{Iter, Set},
    build_error::BuildError,
    builder::{Builder, OfHistograms},
    index::{SetIndex, in_range},
    matrix::Matrix,
    settings::Backend,
};
use std::{fmt, time::Duration};

/// A set of histograms with the same buckets in shared shards, each known by its index: one per
/// route, method or status.
///
/// The index is a `usize`, or an enum of yours that implements [`SetIndex`]. As with a slice, an
/// index out of range panics. Each histogram of the set makes the same promises as a
/// [`Histogram`](super::Histogram).
///
/// ```
/// use striped_counter::{HistogramSet, SetIndex};
///
/// #[derive(Clone, Copy)]
/// enum Route { Home, Search }
///
/// impl SetIndex for Route {
///     fn index(self) -> usize { self as usize }
/// }
///
/// static LATENCY: HistogramSet = HistogramSet::builder(2).bounds(&[100, 1_000, 10_000]).build();
///
/// LATENCY.record(Route::Search, 250);
/// LATENCY.record(Route::Search, 700);
/// LATENCY.record(Route::Home, 20);
/// let search = LATENCY.snapshot(Route::Search);
/// assert_eq!((search.count(), search.sum()), (2, Some(950)));
/// ```
///
/// # When to use another type
///
/// - Single [`Histogram`](super::Histogram)s, if they have different buckets, are spread over the
///   program, or come and go.
///
/// # Cost
///
/// A record costs as much as a record of a `Histogram`.
///
/// A set takes 64 bytes in place, and from its first record on 8 bytes per shard for each bucket
/// and sum of each histogram. Histograms follow one another in a shard without padding. Each shard
/// is rounded up to lines of 128 bytes, and there are five shards more (with a read lock six, and
/// two columns). A set that takes more than a line per shard is mapped from the system by pages,
/// and a page that nothing was recorded in takes no memory.
#[doc(alias = "HistogramVec")]
#[doc(alias = "Family")]
pub struct HistogramSet {
    group: Group,
}

impl HistogramSet {
    /// Creates `len` empty histograms with default settings, as
    /// `HistogramSet::builder(len).build()` does.
    ///
    /// # Panics
    ///
    /// Panics if `len` is above 31,714. In a `static` this is an error at compile time.
    #[must_use]
    pub const fn new(len: usize) -> Self {
        Self::builder(len).build()
    }

    /// Returns a [`Builder`] of `len` histograms, to choose the buckets, whether there is a sum,
    /// the backend, the number of shards and the read lock.
    pub const fn builder(len: usize) -> Builder<Self> {
        Builder::new(len)
    }

    /// Returns the number of histograms.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.group.len()
    }

    /// Returns `true` if there are no histograms.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records `value` in the histogram at `index`; see [`Histogram::record`](super::Histogram::record).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "observe")]
    #[doc(alias = "update")]
    #[inline]
    #[track_caller]
    pub fn record(&self, index: impl SetIndex, value: u64) {
        self.record_n(index, value, 1);
    }

    /// Records the same `value` several times in the histogram at `index`, at the cost of a single
    /// record.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn record_n(&self, index: impl SetIndex, value: u64, times: u64) {
        self.group.record(self.checked(index), value, times);
    }

    /// Records `duration` in nanoseconds in the histogram at `index`, at most 2^53 of them, which is
    /// 104 days; see [`Histogram::record_duration`](super::Histogram::record_duration).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn record_duration(&self, index: impl SetIndex, duration: Duration) {
        self.record(index, nanoseconds(duration));
    }

    /// Starts a [`Timer`], which records the time in nanoseconds in the histogram at `index` when
    /// it is dropped.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[track_caller]
    pub fn start_timer(&self, index: impl SetIndex) -> Timer<'_> {
        Timer::new(&self.group, self.checked(index))
    }

    /// Returns what was recorded in the histogram at `index`, less what has been taken; see
    /// [`Histogram::snapshot`](super::Histogram::snapshot).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[must_use]
    #[track_caller]
    pub fn snapshot(&self, index: impl SetIndex) -> HistogramSnapshot {
        self.group.read(self.checked(index), Matrix::sums)
    }

    /// Returns everything ever recorded in the histogram at `index`, whatever has been taken.
    ///
    /// Totals replace cursors, which a set does not have: what was recorded between two of them is
    /// [`later.since(&earlier)`](HistogramSnapshot::since).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[must_use]
    #[track_caller]
    pub fn total(&self, index: impl SetIndex) -> HistogramSnapshot {
        self.group.read(self.checked(index), Matrix::totals)
    }

    /// Returns the snapshot of the histogram at `index` and starts it again from empty, losing
    /// nothing; see [`Histogram::take`](super::Histogram::take).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "reset")]
    #[doc(alias = "drain")]
    #[must_use = "what is taken is no longer in the histogram"]
    #[track_caller]
    pub fn take(&self, index: impl SetIndex) -> HistogramSnapshot {
        self.group.read(self.checked(index), Matrix::take_all)
    }

    /// Returns the [`snapshot`](Self::snapshot) of each histogram, with
    /// [`read_lock(true)`](Builder::read_lock) all of one moment.
    #[must_use]
    pub fn snapshots(&self) -> Vec<HistogramSnapshot> {
        self.group.read_all(Matrix::sums)
    }

    /// Returns the [`total`](Self::total) of each histogram, with
    /// [`read_lock(true)`](Builder::read_lock) all of one moment: what a scrape needs.
    #[must_use]
    pub fn totals(&self) -> Vec<HistogramSnapshot> {
        self.group.read_all(Matrix::totals)
    }

    /// Returns all [`snapshots`](Self::snapshots) and starts again from empty, with
    /// [`read_lock(true)`](Builder::read_lock) at one moment.
    #[must_use = "what is taken is no longer in the histograms"]
    pub fn take_all(&self) -> Vec<HistogramSnapshot> {
        self.group.read_all(Matrix::take_all)
    }

    /// Returns the histogram at `index`, or `None` if `index` is out of range.
    ///
    /// ```
    /// let set = striped_counter::HistogramSet::new(2);
    /// let home = set.get(0).unwrap();
    /// home.record(250);
    /// assert_eq!(home.snapshot().count(), 1);
    /// assert!(set.get(2).is_none());
    /// ```
    #[must_use]
    #[inline]
    pub fn get(&self, index: impl SetIndex) -> Option<HistogramRef<'_>> {
        let index = index.index();
        (index < self.len()).then_some(HistogramRef { set: self, index })
    }

    /// Returns an iterator over the histograms, in the order of their indices.
    ///
    /// ```
    /// let set = striped_counter::HistogramSet::new(3);
    /// set.iter().for_each(|histogram| histogram.record(7));
    /// assert!(set.totals().iter().all(|total| total.sum() == Some(7)));
    /// ```
    #[must_use]
    pub fn iter(&self) -> Iter<'_, Self> {
        Iter::new(self)
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

    /// Returns the index, checked to be in range.
    #[inline(always)]
    #[track_caller]
    fn checked(&self, index: impl SetIndex) -> usize {
        in_range(index, self.len(), "histograms")
    }
}

impl OfHistograms for HistogramSet {}

impl Builder<HistogramSet> {
    /// Creates the set.
    ///
    /// # Panics
    ///
    /// Panics if the histograms have more than 2^24 buckets and sums in all, or if a single
    /// [`Histogram`](super::Histogram) with these settings could not be built. In a `static` this
    /// is an error at compile time.
    #[must_use]
    pub const fn build(self) -> HistogramSet {
        HistogramSet { group: Group::new(&self) }
    }

    /// Creates the set, or returns what is wrong with the settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the histograms have more than 2^24 buckets and sums in all, or if a
    /// single [`Histogram`](super::Histogram) with these settings could not be built.
    ///
    /// ```
    /// use striped_counter::HistogramSet;
    ///
    /// let error = HistogramSet::builder(100_000).try_build().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "len: 100000 is out of range, from 0 to 31714 for histograms of 529 buckets and sums",
    /// );
    /// ```
    pub fn try_build(self) -> Result<HistogramSet, BuildError> {
        self.check_histograms_here()?;
        Ok(self.build())
    }
}

impl fmt::Debug for HistogramSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.snapshots().iter().map(HistogramSnapshot::count).collect();
        f.debug_struct("HistogramSet")
            .field("counts", &counts)
            .field("backend", &self.backend())
            .field("shards", &self.shards())
            .finish()
    }
}

/// A handle to a histogram of a [`HistogramSet`], made by [`HistogramSet::get`]. Copies are the
/// same histogram.
#[derive(Clone, Copy)]
pub struct HistogramRef<'a> {
    set: &'a HistogramSet,
    index: usize,
}

impl<'a> HistogramRef<'a> {
    /// Records `value`; see [`HistogramSet::record`].
    #[inline]
    pub fn record(&self, value: u64) {
        self.record_n(value, 1);
    }

    /// Records the same `value` several times, at the cost of a single record.
    #[inline]
    pub fn record_n(&self, value: u64, times: u64) {
        self.set.group.record(self.index, value, times);
    }

    /// Records `duration` in nanoseconds; see [`HistogramSet::record_duration`].
    #[inline]
    pub fn record_duration(&self, duration: Duration) {
        self.record(nanoseconds(duration));
    }

    /// Starts a [`Timer`], which records the time in nanoseconds when it is dropped.
    pub fn start_timer(&self) -> Timer<'a> {
        Timer::new(&self.set.group, self.index)
    }

    /// Returns what was recorded, less what has been taken; see [`HistogramSet::snapshot`].
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        self.set.snapshot(self.index)
    }

    /// Returns everything ever recorded, whatever has been taken; see [`HistogramSet::total`].
    #[must_use]
    pub fn total(&self) -> HistogramSnapshot {
        self.set.total(self.index)
    }

    /// Returns the snapshot and starts again from empty, losing nothing; see
    /// [`HistogramSet::take`].
    #[must_use = "what is taken is no longer in the histogram"]
    pub fn take(&self) -> HistogramSnapshot {
        self.set.take(self.index)
    }

    /// Returns the histogram's index in its set.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Debug for HistogramRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        f.debug_struct("HistogramRef")
            .field("index", &self.index)
            .field("count", &snapshot.count())
            .field("sum", &snapshot.sum())
            .finish()
    }
}

impl Set for HistogramSet {
    type Ref<'a> = HistogramRef<'a>;

    fn size(&self) -> usize {
        self.len()
    }

    fn handle(&self, index: usize) -> HistogramRef<'_> {
        HistogramRef { set: self, index }
    }
}

impl<'a> IntoIterator for &'a HistogramSet {
    type Item = HistogramRef<'a>;
    type IntoIter = Iter<'a, HistogramSet>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
