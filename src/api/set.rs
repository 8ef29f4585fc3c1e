//! Many counters in one matrix.

use crate::{
    build_error::BuildError,
    builder::Builder,
    index::{SetIndex, in_range},
    matrix::{Many, Matrix, Span},
    settings::Backend,
};
use std::fmt;

mod handles;

pub use handles::{CounterRef, Iter, SetDeltas};

/// A set of counters, known by their index, for the memory of one. The index is a `usize`, or an enum of
/// yours that is a [`SetIndex`].
///
/// The counters of a shard stand side by side, 16 to a padded line: they have the same writer, so
/// they need not be kept apart from one another, only from the other shards'. A thousand counters
/// on 64 CPUs take half a mebibyte instead of eight.
///
/// Each counter of the set is what a [`Counter`](crate::Counter) is, with the same promises; see
/// there. Indexing is as with a slice: out of range panics with the index and the length.
///
/// Where there is no memory for a spill on the first add, the process ends, as when a `Vec` finds none;
/// without memory for shards alone, adds spill.
///
/// # Cost
///
/// An add costs as much as a `Counter`'s, and is far more likely to find its line in the cache.
/// Memory: 32 bytes in place, and on the first add 8 bytes per counter and shard, each shard rounded up to
/// lines of 128 bytes, and five shards more for the spill, for what has been taken, and for bookkeeping (six
/// with a read lock). Up to 16 counters without a read lock lease their line from chunks that sets share,
/// and leave it to the next. More come from the system by pages on Linux, and a page that nothing was
/// written to takes no memory: where a shard is a page or more, the shards of CPUs that never add take none,
/// and those of the others lie on their CPU's own NUMA node.
///
/// # Example
///
/// ```
/// use striped_counter::{CounterSet, SetIndex};
///
/// /// The names of the counters: no strings on the hot path.
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
#[doc(alias = "CounterVec")]
#[doc(alias = "ShardedCounterGroup")]
pub struct CounterSet {
    matrix: Matrix<Many>,
}

impl CounterSet {
    /// Makes `len` counters at 0 with every setting at its default; equals
    /// `CounterSet::builder(len).build()`.
    ///
    /// # Panics
    /// If `len` is above 2^24: at compile time in a `static`.
    #[must_use]
    pub const fn new(len: usize) -> Self {
        Self::builder(len).build()
    }

    /// Makes `len` counters, of which you choose the backend, the number of shards, the read lock; see
    /// [`Builder`].
    pub const fn builder(len: usize) -> Builder<Self> {
        Builder::new(len)
    }

    /// Returns how many counters there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.matrix.columns().len()
    }

    /// Returns whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one to the counter at `index`.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn inc(&self, index: impl SetIndex) {
        self.add(index, 1);
    }

    /// Adds `n` to the counter at `index`, modulo 2^64. Never waits; see
    /// [`Counter::add`](crate::Counter::add).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[doc(alias = "fetch_add")]
    #[doc(alias = "inc_by")]
    #[inline]
    #[track_caller]
    pub fn add(&self, index: impl SetIndex, n: u64) {
        self.matrix.add_one(self.checked(index), n);
    }

    /// Adds to several counters: pairs of an index and what to add. In a set built with
    /// [`read_lock(true)`](Builder::read_lock) a [`snapshot`](Self::snapshot) has all of a batch or
    /// nothing of it.
    ///
    /// Through `PerThread` and `Striped` a batch finds the shard once. Whether that makes it cheaper
    /// than its adds one by one depends on the processor, but with a read lock it is: it announces
    /// itself to snapshots once. Through `PerCpu` each add finds its own shard, so a batch saves
    /// nothing, and with a read lock it is dearer, since single adds need not announce themselves.
    ///
    /// # Panics
    /// If an index is out of range: then nothing has been added.
    #[doc(alias = "batch")]
    #[inline]
    #[track_caller]
    pub fn add_many(&self, adds: &[(impl SetIndex, u64)]) {
        for &(index, _) in adds {
            self.checked(index);
        }
        self.matrix.add_all(adds);
    }

    /// Returns the total of the counter at `index`, less what has been taken; see
    /// [`Counter::sum`](crate::Counter::sum). Loads one cache line per shard.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[doc(alias = "load")]
    #[doc(alias = "value")]
    #[must_use]
    #[track_caller]
    pub fn sum(&self, index: impl SetIndex) -> u64 {
        self.matrix.sum(self.checked(index))
    }

    /// Returns everything ever added to the counter at `index`, whatever has been taken; see
    /// [`Counter::total`](crate::Counter::total).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[must_use]
    #[track_caller]
    pub fn total(&self, index: impl SetIndex) -> u64 {
        self.matrix.total(self.checked(index))
    }

    /// Returns the sums of all counters, in one pass over the memory, shard by shard.
    ///
    /// Each is what [`sum`](Self::sum) would return. In a set built with
    /// [`read_lock(true)`](Builder::read_lock) they fit together as well: this is then a
    /// [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.len()];
        self.matrix.sums(Span::ALL, &mut sums);
        sums
    }

    /// Writes the [`sums`](Self::sums) to `sums`, for a scrape that allocates nothing.
    ///
    /// # Panics
    /// If `sums` has another length than the set.
    ///
    /// ```
    /// let set = striped_counter::CounterSet::new(2);
    /// set.add(1, 7);
    /// let mut sums = vec![0; set.len()];
    /// set.sums_into(&mut sums);
    /// assert_eq!(sums, [0, 7]);
    /// ```
    #[track_caller]
    pub fn sums_into(&self, sums: &mut [u64]) {
        let (room, len) = (sums.len(), self.len());
        assert!(room == len, "sums_into: the set has {len} counters but there is room for {room}");
        self.matrix.sums(Span::ALL, sums);
    }

    /// Returns everything ever added to each counter, whatever has been taken: what an exporter of
    /// monotonic counters needs. At one moment if built with [`read_lock(true)`](Builder::read_lock).
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
    /// [`read_lock(true)`](Builder::read_lock), which this needs. If one add happened before another,
    /// a snapshot with the second has the first, and a batch is in it wholly or not at all.
    ///
    /// Waits for adds that are under way, at most one per thread; adds never wait. Takes some
    /// microseconds more than [`sums`](Self::sums) of a set without a read lock, for a system call.
    /// In the child of a fork, an add that another thread had begun never ends: do not take snapshots
    /// there of sets that the parent's threads add to.
    /// Nor should a thread of a real-time priority take one: it may keep the adder it waits for
    /// from running. All this is true of whatever else reads all counters of such a set:
    /// [`sums`](Self::sums), [`take_all`](Self::take_all), [`deltas`](Self::deltas), `Debug`.
    ///
    /// # Panics
    /// If the kernel refuses membarrier(2) after it has agreed to it, as by a filter installed later.
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
    #[must_use]
    pub fn snapshot(&self) -> Option<Vec<u64>> {
        self.matrix.settings().is_linearizable().then(|| self.sums())
    }

    /// Returns the sum of the counter at `index`, which starts again from 0 with nothing lost; see
    /// [`Counter::take`](crate::Counter::take).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[doc(alias = "reset")]
    #[doc(alias = "swap")]
    #[doc(alias = "sumThenReset")]
    #[must_use = "what is taken is gone from the sum; nobody else will see it"]
    #[track_caller]
    pub fn take(&self, index: impl SetIndex) -> u64 {
        self.matrix.take(self.checked(index))
    }

    /// Returns all [`sums`](Self::sums) and starts again from zero, losing nothing.
    #[doc(alias = "reset")]
    #[must_use = "what is taken is gone from the sums; nobody else will see it"]
    pub fn take_all(&self) -> Vec<u64> {
        let mut sums = vec![0; self.len()];
        self.matrix.take_all(Span::ALL, &mut sums);
        sums
    }

    /// Returns a consumer's cursor over the adds to all counters; see
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

    /// Returns the counter at `index`, if there is one.
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

    /// Returns the backend at work, which is never [`Auto`](Backend::Auto).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.matrix.backend()
    }

    /// Returns whether the set was built with [`read_lock(true)`](Builder::read_lock).
    #[must_use]
    pub fn has_read_lock(&self) -> bool {
        self.matrix.settings().is_linearizable()
    }

    /// Returns the number of shards, now or after the first add: a power of two for `Striped`.
    /// Grows with the number of live threads for `PerThread`.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.matrix.shards()
    }

    /// Returns the index, which is in range.
    #[inline(always)]
    #[track_caller]
    fn checked(&self, index: impl SetIndex) -> usize {
        in_range(index, self.len(), "counters")
    }
}

impl Builder<CounterSet> {
    /// Makes the set.
    ///
    /// # Panics
    /// On a length above 2^24, or a number of shards out of range, or set on `PerThread`: at
    /// compile time in a `static`.
    #[must_use]
    pub const fn build(self) -> CounterSet {
        let settings = self.checked();
        let columns = Many::new(self.len, settings.is_linearizable());
        CounterSet { matrix: Matrix::new(columns, settings) }
    }

    /// Makes the set, or returns what is wrong with the settings.
    ///
    /// # Errors
    /// On a length above 2^24, or a number of shards out of range, or set on `PerThread`, or
    /// `PerCpu` where it cannot work.
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
