//! Many counters in one matrix.

use crate::{
    builder::{Backend, BuildError, Builder},
    shards::{Dense, Matrix, Width},
};
use std::fmt;

/// A set of counters, known by their index, for the memory of one.
///
/// The counters of a shard stand side by side, 16 to a padded line: they have the same writer, so
/// they need not be kept apart from one another, only from the other shards'. A thousand counters
/// on 64 CPUs take half a mebibyte instead of eight.
///
/// Each counter of the set is what a [`Counter`](crate::Counter) is, with the same promises; see
/// there. Indexing is as with a slice: out of range panics with the index and the length.
///
/// Where there is no memory for the spill on the first add, the process ends, as when a `Vec` finds
/// none; without memory for shards alone, adds spill.
///
/// Not for use inside a global allocator: the first add allocates more than once, and each of these
/// allocations would be such a first add again. A [`Counter`](crate::Counter) is.
///
/// # Cost
///
/// An add costs as much as a `Counter`'s, and is far more likely to find its line in the cache.
/// Memory: 8 bytes a counter a shard, each shard rounded up to a line of 128 bytes; as much again as
/// one shard for the spill, and for what has been taken, once something has; and 512 bytes.
///
/// # Example
///
/// ```
/// use striped_counter::CounterSet;
///
/// /// The names of the counters: no strings on the hot path.
/// #[derive(Clone, Copy)]
/// enum Event { Request, Error, Bytes }
///
/// static EVENTS: CounterSet = CounterSet::new(Event::Bytes as usize + 1);
///
/// EVENTS.inc(Event::Error as usize);
/// // Several at once:
/// EVENTS.batch(&[(Event::Request as usize, 1), (Event::Bytes as usize, 512)]);
///
/// assert_eq!(EVENTS.sum(Event::Bytes as usize), 512);
/// assert_eq!(EVENTS.sums(), [1, 1, 512]);
/// ```
#[doc(alias = "CounterVec")]
#[doc(alias = "ShardedCounterGroup")]
pub struct CounterSet {
    matrix: Matrix<Dense>,
}

impl CounterSet {
    /// `len` counters at 0 with every setting at its default; equals
    /// `CounterSet::builder(len).build()`.
    ///
    /// # Panics
    /// If `len` is above 2^24: at compile time in a `static`.
    #[must_use]
    pub const fn new(len: usize) -> Self {
        Self::builder(len).build()
    }

    /// `len` counters, of which you choose the backend, the number of shards, the read lock; see
    /// [`Builder`].
    pub const fn builder(len: usize) -> Builder<Self> {
        Builder::new(len)
    }

    /// How many counters there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.matrix.width().len()
    }

    /// Whether there are none.
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
    pub fn inc(&self, index: usize) {
        self.add(index, 1);
    }

    /// Adds `n` to the counter at `index`, modulo 2^64. Never waits; see
    /// [`Counter::add`](crate::Counter::add).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn add(&self, index: usize, n: u64) {
        self.check(index);
        self.matrix.add_one(index, n);
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
    #[inline]
    #[track_caller]
    pub fn batch(&self, adds: &[(usize, u64)]) {
        for &(index, _) in adds {
            self.check(index);
        }
        self.matrix.add_all(adds);
    }

    /// The total of the counter at `index`, less what has been taken; see
    /// [`Counter::sum`](crate::Counter::sum). Loads one cache line a shard.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[must_use]
    #[track_caller]
    pub fn sum(&self, index: usize) -> u64 {
        self.check(index);
        self.matrix.sum(index)
    }

    /// The sums of all counters, in one pass over the memory, a shard after another.
    ///
    /// Each is what [`sum`](Self::sum) would say. In a set built with
    /// [`read_lock(true)`](Builder::read_lock) they fit together as well: this is then a
    /// [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn sums(&self) -> Vec<u64> {
        let lock = self.matrix.read_lock().then(|| self.matrix.lock());
        let mut sums = vec![0; self.len()];
        // Before the totals, as in `Matrix::sum`.
        self.matrix.width().subtract_taken(&mut sums);
        self.matrix.add_totals(lock.as_ref(), &mut sums);
        sums
    }

    /// The sums of all counters at one moment: if one add happened before another, a snapshot with
    /// the second has the first, and a batch is in it wholly or not at all.
    ///
    /// Waits for adds that are under way, at most one a thread; adds never wait. Takes some
    /// microseconds more than [`sums`](Self::sums) of a set without a read lock, for a system call.
    /// In the child of a fork, a thread that was in the midst of an add when another one forked is
    /// under way for ever: do not take snapshots there of sets that the parent's threads add to.
    /// Nor should a thread of a real-time priority take one: it may keep the adder it waits for
    /// from running. All this is true of whatever else reads all counters of such a set:
    /// [`sums`](Self::sums), [`takes`](Self::takes), [`deltas`](Self::deltas), `Debug`.
    ///
    /// # Panics
    /// If the set was built without [`read_lock(true)`](Builder::read_lock). If the kernel refuses
    /// membarrier(2) after it has agreed to it, as by a filter installed later.
    ///
    /// ```
    /// use striped_counter::CounterSet;
    ///
    /// static TRANSFERS: CounterSet = CounterSet::builder(2).read_lock(true).build();
    ///
    /// TRANSFERS.batch(&[(0, 5), (1, 5)]);
    /// let both = TRANSFERS.snapshot();
    /// assert_eq!(both[0], both[1], "at any time, from any thread");
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Vec<u64> {
        assert!(self.matrix.read_lock(), "snapshot: needs a CounterSet built with read_lock(true)");
        self.sums()
    }

    /// The sum of the counter at `index`, which starts again from 0 with nothing lost; see
    /// [`Counter::take`](crate::Counter::take).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[must_use = "what is taken is gone from the sum; nobody else will see it"]
    #[track_caller]
    pub fn take(&self, index: usize) -> u64 {
        self.check(index);
        self.matrix.take(index)
    }

    /// All [`sums`](Self::sums), which start again from 0 with nothing lost.
    #[must_use = "what is taken is gone from the sums; nobody else will see it"]
    pub fn takes(&self) -> Vec<u64> {
        let lock = self.matrix.lock();
        let width = self.matrix.width();
        let mut totals = vec![0; self.len()];
        self.matrix.add_totals(Some(&lock), &mut totals);
        for (index, total) in totals.iter_mut().enumerate() {
            let taken = width.taken(index);
            width.set_taken(index, *total);
            *total = total.wrapping_sub(taken);
        }
        totals
    }

    /// One consumer's cursor over the adds to all counters; see
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
    pub fn deltas(&self) -> SetDeltas<'_> {
        SetDeltas { set: self, seen: vec![0; self.len()] }
    }

    /// The counter at `index`, if there is one.
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
    pub fn get(&self, index: usize) -> Option<Entry<'_>> {
        (index < self.len()).then_some(Entry { set: self, index })
    }

    /// The backend at work, which is never [`Auto`](Backend::Auto).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.matrix.backend()
    }

    /// How many shards there are, or will be after the first add: a power of two for `Striped`.
    /// Grows with the threads for `PerThread`.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.matrix.shards()
    }

    #[inline(always)]
    #[track_caller]
    fn check(&self, index: usize) {
        if index >= self.len() {
            out_of_range(index, self.len());
        }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn out_of_range(index: usize, len: usize) -> ! {
    panic!("index out of range: the set has {len} counters but the index is {index}")
}

impl Builder<CounterSet> {
    /// The set.
    ///
    /// # Panics
    /// On a length above 2^24, or a number of shards out of range, or set on `PerThread`: at
    /// compile time in a `static`.
    #[must_use]
    pub const fn build(self) -> CounterSet {
        let settings = self.checked();
        CounterSet { matrix: Matrix::new(Dense::new(self.len, settings.read_lock), settings) }
    }

    /// The set, or what is wrong with the settings.
    ///
    /// # Errors
    /// On a length above 2^24, or a number of shards out of range, or set on `PerThread`, or
    /// `PerCpu` where it cannot work.
    pub fn try_build(self) -> Result<CounterSet, BuildError> {
        self.check_here()?;
        Ok(self.build())
    }
}

/// No counters at all.
impl Default for CounterSet {
    fn default() -> Self {
        Self::new(0)
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

/// A counter of a [`CounterSet`], found by [`CounterSet::get`]. A handle: copies are the same
/// counter.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    set: &'a CounterSet,
    index: usize,
}

impl Entry<'_> {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`, modulo 2^64; see [`CounterSet::add`].
    #[inline]
    pub fn add(&self, n: u64) {
        self.set.matrix.add_one(self.index, n);
    }

    /// The total; see [`CounterSet::sum`].
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.set.matrix.sum(self.index)
    }

    /// The sum, which starts again from 0 with nothing lost; see [`CounterSet::take`].
    #[must_use = "what is taken is gone from the sum; nobody else will see it"]
    pub fn take(&self) -> u64 {
        self.set.matrix.take(self.index)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("index", &self.index).field("sum", &self.sum()).finish()
    }
}

/// One consumer's cursor over the adds of a [`CounterSet`], made by [`CounterSet::deltas`].
#[derive(Clone, Debug)]
pub struct SetDeltas<'a> {
    set: &'a CounterSet,
    seen: Vec<u64>,
}

impl SetDeltas<'_> {
    /// What was added to each counter since this cursor last looked, modulo 2^64. Costs
    /// [`sums`](CounterSet::sums).
    #[must_use = "the next delta starts where this one ends"]
    pub fn next_delta(&mut self) -> Vec<u64> {
        let matrix = &self.set.matrix;
        let lock = matrix.read_lock().then(|| matrix.lock());
        let mut totals = vec![0; self.seen.len()];
        matrix.add_totals(lock.as_ref(), &mut totals);
        let deltas =
            totals.iter().zip(&self.seen).map(|(total, seen)| total.wrapping_sub(*seen)).collect();
        self.seen = totals;
        deltas
    }
}
