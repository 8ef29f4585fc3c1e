//! Many counters in one matrix.

use crate::{
    api::iter::Iter,
    build_error::BuildError,
    builder::Builder,
    index::{SetIndex, in_range},
    matrix::{Many, Matrix, Span},
    settings::Backend,
};
use std::fmt;

mod handles;

pub use handles::{CounterRef, SetDeltas};

/// A set of counters in shared shards, each known by its index.
///
/// The index is a `usize`, or an enum of yours that implements [`SetIndex`]. As with a slice, an
/// index out of range panics. Each counter of the set makes the same promises as a
/// [`Counter`](crate::Counter).
///
/// ```
/// use striped_counter::{CounterSet, SetIndex};
///
/// /// Names the counters: no strings on the hot path.
/// #[derive(Clone, Copy)]
/// enum Event { Request, Error, Bytes }
///
/// impl SetIndex for Event {
///     fn index(self) -> usize { self as usize }
/// }
///
/// static EVENTS: CounterSet = CounterSet::new(Event::Bytes as usize + 1);
///
/// EVENTS.inc(Event::Error);
/// // Several at once:
/// EVENTS.add_many(&[(Event::Request, 1), (Event::Bytes, 512)]);
///
/// assert_eq!(EVENTS.sum(Event::Bytes), 512);
/// assert_eq!(EVENTS.sums(), [1, 1, 512]);
/// ```
///
/// With [`read_lock(true)`](Builder::read_lock) the set can be read in one consistent
/// [`snapshot`](Self::snapshot) of all counters.
///
/// # When to use another type
///
/// - Single [`Counter`](crate::Counter)s, if they are spread over the program or come and go.
/// - An [`UpDownCounterSet`](crate::UpDownCounterSet), if the values also go down.
/// - A [`HistogramSet`](crate::HistogramSet), if there is a distribution of values per index.
///
/// # Cost
///
/// An add costs as much as an add to a `Counter`, and is far more likely to find its line in the
/// cache.
///
/// A set takes 32 bytes in place, and from its first add on 8 bytes per counter and shard. Each
/// shard is rounded up to lines of 128 bytes, and there are five shards more for spills, for what
/// has been taken and for bookkeeping (six with a read lock). A thousand counters on 64 CPUs take
/// half a mebibyte, where a padded cell per counter and CPU would take eight.
///
/// A set of up to 16 counters without a read lock leases its lines from memory that sets share, and
/// the next set reuses them. Larger sets have memory of their own, mapped by pages on Linux, and a
/// page that nothing was written to takes no memory. So if a shard is a page or more, the shards of
/// CPUs that never add take none, and the others lie on their CPU's own NUMA node.
///
/// If there is no memory for the spill on the first add, the process aborts, as `Vec` does. If
/// there is memory for the spill but not for the shards, adds go to the spill.
#[doc(alias = "CounterVec")]
#[doc(alias = "ShardedCounterGroup")]
#[doc(alias = "IntCounterVec")]
#[doc(alias = "labels")]
pub struct CounterSet {
    matrix: Matrix<Many>,
}

impl CounterSet {
    /// Creates `len` counters at 0 with default settings, as `CounterSet::builder(len).build()`
    /// does.
    ///
    /// # Panics
    ///
    /// Panics if `len` is above 2^24. In a `static` this is an error at compile time.
    #[must_use]
    pub const fn new(len: usize) -> Self {
        Self::builder(len).build()
    }

    /// Returns a [`Builder`] of `len` counters, to choose the backend, the number of shards and the
    /// read lock.
    pub const fn builder(len: usize) -> Builder<Self> {
        Builder::new(len)
    }

    /// Returns the number of counters.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.matrix.columns().len()
    }

    /// Returns `true` if there are no counters.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one to the counter at `index`.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "increment")]
    #[inline]
    #[track_caller]
    pub fn inc(&self, index: impl SetIndex) {
        self.add(index, 1);
    }

    /// Adds `n` to the counter at `index`, modulo 2^64. Never waits; see
    /// [`Counter::add`](crate::Counter::add).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "fetch_add")]
    #[doc(alias = "inc_by")]
    #[inline]
    #[track_caller]
    pub fn add(&self, index: impl SetIndex, n: u64) {
        self.matrix.add_one(self.checked(index), n);
    }

    /// Adds to several counters, given as pairs of an index and what to add.
    ///
    /// In a set built with [`read_lock(true)`](Builder::read_lock) a [`snapshot`](Self::snapshot)
    /// includes all of a batch or nothing of it. A batch may be cheaper than its adds one by one,
    /// too:
    ///
    /// - Through `PerThread` and `Striped` a batch finds the shard once. Without a read lock it
    ///   depends on the processor whether that gains anything; with a read lock it does, since the
    ///   batch announces itself to snapshots once.
    /// - Through `PerCpu` each add finds its own shard, so a batch gains nothing. With a read lock
    ///   it costs more, since single adds need not announce themselves.
    ///
    /// # Panics
    ///
    /// Panics if an index is out of range. Nothing is added then, not even the valid part of the
    /// batch.
    #[doc(alias = "batch")]
    #[inline]
    #[track_caller]
    pub fn add_many(&self, adds: &[(impl SetIndex, u64)]) {
        for &(index, _) in adds {
            self.checked(index);
        }
        self.matrix.add_all(adds.iter().map(|&(index, n)| (index.index(), n)));
    }

    /// Returns the total of the counter at `index`, less what has been taken; see
    /// [`Counter::sum`](crate::Counter::sum).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "load")]
    #[doc(alias = "value")]
    #[doc(alias = "get")]
    #[must_use]
    #[track_caller]
    pub fn sum(&self, index: impl SetIndex) -> u64 {
        self.matrix.sum(self.checked(index))
    }

    /// Returns everything ever added to the counter at `index`, whatever has been taken; see
    /// [`Counter::total`](crate::Counter::total).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[must_use]
    #[track_caller]
    pub fn total(&self, index: impl SetIndex) -> u64 {
        self.matrix.total(self.checked(index))
    }

    /// Returns the sums of all counters.
    ///
    /// Each is what [`sum`](Self::sum) would return, but all are read in one pass over the memory,
    /// shard by shard. In a set built with [`read_lock(true)`](Builder::read_lock) they also belong
    /// to one moment: this is then a [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.len()];
        self.matrix.sums(Span::ALL, &mut sums);
        sums
    }

    /// Writes the [`sums`](Self::sums) to `sums`, without allocating.
    ///
    /// ```
    /// let set = striped_counter::CounterSet::new(2);
    /// set.add(1, 7);
    /// let mut sums = vec![0; set.len()];
    /// set.sums_into(&mut sums);
    /// assert_eq!(sums, [0, 7]);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if `sums` and the set differ in length.
    #[track_caller]
    pub fn sums_into(&self, sums: &mut [u64]) {
        let (room, len) = (sums.len(), self.len());
        assert!(room == len, "sums_into: the set has {len} counters but there is room for {room}");
        self.matrix.sums(Span::ALL, sums);
    }

    /// Returns everything ever added to each counter, whatever has been taken.
    ///
    /// Totals never decrease, which is what exporters of monotonic counters need. In a set built
    /// with [`read_lock(true)`](Builder::read_lock) they are of one moment, and waiting is as for a
    /// [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn totals(&self) -> Vec<u64> {
        let mut totals = vec![0; self.len()];
        self.matrix.totals(Span::ALL, &mut totals);
        totals
    }

    /// Returns an iterator over the counters, in the order of their indices.
    ///
    /// ```
    /// let set = striped_counter::CounterSet::new(2);
    /// set.iter().for_each(|counter| counter.inc());
    /// assert_eq!(set.sums(), [1, 1]);
    /// ```
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self)
    }

    /// Returns the sums of all counters at one moment, or `None` if the set was built without
    /// [`read_lock(true)`](Builder::read_lock).
    ///
    /// If one add happened before another, a snapshot that includes the second includes the first.
    /// A batch of [`add_many`](Self::add_many) is included as a whole or not at all.
    ///
    /// ```
    /// use striped_counter::CounterSet;
    ///
    /// static TRANSFERS: CounterSet = CounterSet::builder(2).read_lock(true).build();
    ///
    /// TRANSFERS.add_many(&[(0, 5), (1, 5)]);
    /// let both = TRANSFERS.snapshot().expect("built with a read lock");
    /// assert_eq!(both[0], both[1], "at any time, from any thread");
    ///
    /// assert!(CounterSet::new(2).snapshot().is_none());
    /// ```
    ///
    /// # Waiting
    ///
    /// A snapshot waits for adds in progress, at most one per thread, and for other readers; adds
    /// never wait. It takes some microseconds more than [`sums`](Self::sums) of a set without a
    /// read lock, for a system call,
    /// [membarrier(2)](https://man7.org/linux/man-pages/man2/membarrier.2.html).
    ///
    /// - In the child of a `fork`, an add that another thread had begun never completes: take no
    ///   snapshots there of sets that other threads of the parent add to.
    /// - A thread with a real-time priority should take none either: it may keep the add that it
    ///   waits for from running.
    ///
    /// All of this applies to whatever reads all counters of such a set: [`sums`](Self::sums),
    /// [`totals`](Self::totals), [`take_all`](Self::take_all), [`deltas`](Self::deltas) and
    /// `Debug`.
    ///
    /// # Panics
    ///
    /// Panics if the kernel first agrees to membarrier(2) and later refuses it, as it does after a
    /// seccomp filter was installed.
    #[doc(alias = "consistent")]
    #[must_use]
    pub fn snapshot(&self) -> Option<Vec<u64>> {
        self.matrix.settings().is_linearizable().then(|| self.sums())
    }

    /// Returns the sum of the counter at `index` and starts it again from zero, losing nothing; see
    /// [`Counter::take`](crate::Counter::take).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "reset")]
    #[doc(alias = "swap")]
    #[doc(alias = "sumThenReset")]
    #[doc(alias = "drain")]
    #[doc(alias = "sum_then_reset")]
    #[must_use = "what is taken is no longer in the sum"]
    #[track_caller]
    pub fn take(&self, index: impl SetIndex) -> u64 {
        self.matrix.take(self.checked(index))
    }

    /// Returns all [`sums`](Self::sums) and starts again from zero, losing nothing.
    #[doc(alias = "reset")]
    #[doc(alias = "drain")]
    #[must_use = "what is taken is no longer in the sums"]
    pub fn take_all(&self) -> Vec<u64> {
        let mut sums = vec![0; self.len()];
        self.matrix.take_all(Span::ALL, &mut sums);
        sums
    }

    /// Returns a cursor over the adds to all counters, for one of any number of consumers; see
    /// [`Counter::deltas`](crate::Counter::deltas).
    ///
    /// ```
    /// let set = striped_counter::CounterSet::new(2);
    /// let mut seen = set.deltas();
    /// set.add(1, 7);
    /// assert_eq!(seen.next_delta(), [0, 7]);
    /// set.inc(0);
    /// assert_eq!(seen.next_delta(), [1, 0]);
    /// ```
    #[must_use]
    pub fn deltas(&self) -> SetDeltas<&Self> {
        SetDeltas::new(self)
    }

    /// Returns the counter at `index`, or `None` if `index` is out of range.
    ///
    /// ```
    /// let set = striped_counter::CounterSet::new(2);
    /// let hits = set.get(0).unwrap();
    /// hits.inc();
    /// assert_eq!(hits.sum(), 1);
    /// assert!(set.get(2).is_none());
    /// ```
    #[must_use]
    #[inline]
    pub fn get(&self, index: impl SetIndex) -> Option<CounterRef<'_>> {
        let index = index.index();
        (index < self.len()).then_some(CounterRef::new(self, index))
    }

    /// Leases the shards now instead of on the first add; see
    /// [`Counter::warm_up`](crate::Counter::warm_up).
    pub fn warm_up(&self) -> bool {
        self.matrix.warm_up()
    }

    /// Returns the backend in use, which is never [`Auto`](Backend::Auto).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.matrix.backend()
    }

    /// Returns whether this was built with [`read_lock(true)`](Builder::read_lock).
    #[must_use]
    pub fn has_read_lock(&self) -> bool {
        self.matrix.settings().is_linearizable()
    }

    /// Returns the number of shards, or before the first add the number that there will be.
    ///
    /// It is a power of two with [`Striped`](Backend::Striped), and grows with the number of live
    /// threads with [`PerThread`](Backend::PerThread).
    #[must_use]
    pub fn shards(&self) -> usize {
        self.matrix.shards()
    }

    /// Returns the index, checked to be in range.
    #[inline(always)]
    #[track_caller]
    fn checked(&self, index: impl SetIndex) -> usize {
        in_range(index, self.len(), "counters")
    }
}

impl Builder<CounterSet> {
    /// Creates the set.
    ///
    /// If [`PerCpu`](Backend::PerCpu) was chosen and does not work on this machine, the set uses
    /// [`Striped`](Backend::Striped).
    ///
    /// # Panics
    ///
    /// Panics if the length is above 2^24, or if the number of shards is out of range, or set
    /// together with [`PerThread`](Backend::PerThread). In a `static` this is an error at compile
    /// time.
    #[must_use]
    pub const fn build(self) -> CounterSet {
        let settings = self.checked();
        let columns = Many::new(self.len, settings.is_linearizable());
        CounterSet { matrix: Matrix::new(columns, settings) }
    }

    /// Creates the set, or returns what is wrong with the settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the length is above 2^24, if the number of shards is out of range, or
    /// set together with [`PerThread`](Backend::PerThread), or if [`PerCpu`](Backend::PerCpu) was
    /// chosen and does not work on this machine.
    pub fn try_build(self) -> Result<CounterSet, BuildError> {
        self.check_here()?;
        Ok(self.build())
    }
}

impl fmt::Debug for CounterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterSet")
            .field("sums", &self.sums())
            .field("backend", &self.backend())
            .field("shards", &self.shards())
            .finish()
    }
}
