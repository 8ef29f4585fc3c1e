//! Many levels in one matrix.

use crate::{
    api::iter::Iter,
    build_error::BuildError,
    builder::Builder,
    index::{SetIndex, in_range},
    matrix::{Many, Matrix, Span},
    settings::Backend,
    signs::signed,
};
use std::{fmt, sync::Arc};

mod handles;

pub use handles::{LevelGuard, LevelRef};

/// A set of levels in shared shards, each known by its index: requests in flight per route, jobs
/// per state.
///
/// The index is a `usize`, or an enum of yours that implements [`SetIndex`]. As with a slice, an
/// index out of range panics. Each level of the set makes the same promises as an
/// [`UpDownCounter`](crate::UpDownCounter), with the same choice of
/// [`read_lock`](Builder::read_lock).
///
/// ```
/// use striped_counter::{SetIndex, UpDownCounterSet};
///
/// #[derive(Clone, Copy)]
/// enum Jobs { Queued, Running }
///
/// impl SetIndex for Jobs {
///     fn index(self) -> usize { self as usize }
/// }
///
/// static JOBS: UpDownCounterSet = UpDownCounterSet::builder(2).read_lock(true).build();
///
/// JOBS.add(Jobs::Queued, 2);
/// // One operation: in every snapshot, a job is either queued or running.
/// JOBS.add_many(&[(Jobs::Queued, -1), (Jobs::Running, 1)]);
/// assert_eq!(JOBS.snapshot(), Some(vec![1, 1]));
/// ```
///
/// With [`read_lock(true)`](Builder::read_lock) the set can be read in one consistent
/// [`snapshot`](Self::snapshot) of all levels, and [`add_many`](Self::add_many) moves from one
/// level to another as one operation.
///
/// # When to use another type
///
/// - Single [`UpDownCounter`](crate::UpDownCounter)s, if they are spread over the program or come
///   and go.
/// - A [`CounterSet`](crate::CounterSet), if the values only go up.
///
/// # Cost
///
/// As for a [`CounterSet`](crate::CounterSet#cost) of twice the length: a level has 16 bytes per
/// shard.
#[doc(alias = "gauge")]
#[doc(alias = "GaugeVec")]
#[doc(alias = "IntGaugeVec")]
#[doc(alias = "level")]
pub struct UpDownCounterSet {
    matrix: Matrix<Many>,
}

/// Returns the column of the ups of the level at `index`; the column of its downs is the next one.
const fn ups(index: usize) -> usize {
    2 * index
}

/// Returns the column that an add of `n` to the level at `index` goes to, and how much to add
/// there.
#[inline(always)]
fn change(index: usize, n: i64) -> (usize, u64) {
    (ups(index) + usize::from(n < 0), n.unsigned_abs())
}

/// Returns what [`change`] does, for a subtraction.
#[inline(always)]
fn change_back(index: usize, n: i64) -> (usize, u64) {
    (ups(index) + usize::from(n >= 0), n.unsigned_abs())
}

impl UpDownCounterSet {
    /// Creates `len` levels of 0 with default settings, as `UpDownCounterSet::builder(len).build()`
    /// does.
    ///
    /// # Panics
    ///
    /// Panics if `len` is above 2^24. In a `static` this is an error at compile time.
    #[must_use]
    pub const fn new(len: usize) -> Self {
        Self::builder(len).build()
    }

    /// Returns a [`Builder`] of `len` levels, to choose the backend, the number of shards and the
    /// read lock.
    pub const fn builder(len: usize) -> Builder<Self> {
        Builder::new(len)
    }

    /// Returns the number of levels.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.matrix.columns().len() / 2
    }

    /// Returns `true` if there are no levels.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one to the level at `index`.
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

    /// Subtracts one from the level at `index`.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "decrement")]
    #[inline]
    #[track_caller]
    pub fn dec(&self, index: impl SetIndex) {
        self.add(index, -1);
    }

    /// Adds `n`, which may be negative, to the level at `index`, modulo 2^64. Never waits; see
    /// [`Counter::add`](crate::Counter::add).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "fetch_add")]
    #[inline]
    #[track_caller]
    pub fn add(&self, index: impl SetIndex, n: i64) {
        let (column, n) = change(self.checked(index), n);
        self.matrix.add_one(column, n);
    }

    /// Subtracts `n`, which may be negative, from the level at `index`, modulo 2^64. Works for
    /// [`i64::MIN`] too, whose negation does not fit an `i64`. Never waits.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "fetch_sub")]
    #[inline]
    #[track_caller]
    pub fn sub(&self, index: impl SetIndex, n: i64) {
        let (column, n) = change_back(self.checked(index), n);
        self.matrix.add_one(column, n);
    }

    /// Adds to several levels, given as pairs of an index and what to add.
    ///
    /// In a set built with [`read_lock(true)`](Builder::read_lock) a [`snapshot`](Self::snapshot)
    /// includes all of a batch or nothing of it.
    ///
    /// # Panics
    ///
    /// Panics if an index is out of range. Nothing is added then, not even the valid part of the
    /// batch.
    #[inline]
    #[track_caller]
    pub fn add_many(&self, adds: &[(impl SetIndex, i64)]) {
        for &(index, _) in adds {
            self.checked(index);
        }
        self.matrix.add_all(adds.iter().map(|&(index, n)| change(index.index(), n)));
    }

    /// Adds one to the level at `index` now, and subtracts one when the returned guard is dropped;
    /// see [`UpDownCounter::guard`](crate::UpDownCounter::guard).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "in_flight")]
    #[inline]
    #[track_caller]
    pub fn guard(&self, index: impl SetIndex) -> LevelGuard<&Self> {
        LevelGuard::new(self, index)
    }

    /// Returns a [`guard`](Self::guard) that keeps the set alive, to move to another thread or task
    /// or to store in a struct; see [`UpDownCounter::guard_arc`](crate::UpDownCounter::guard_arc)
    /// for what that costs.
    ///
    /// ```
    /// use std::{sync::Arc, thread};
    /// use striped_counter::UpDownCounterSet;
    ///
    /// let busy = Arc::new(UpDownCounterSet::new(2));
    /// let guard = busy.guard_arc(1);
    /// thread::spawn(move || drop(guard)).join().unwrap();
    /// assert_eq!(busy.sums(), [0, 0]);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn guard_arc(self: &Arc<Self>, index: impl SetIndex) -> LevelGuard<Arc<Self>> {
        LevelGuard::new(Arc::clone(self), index)
    }

    /// Returns the level at `index`; see [`UpDownCounter::sum`](crate::UpDownCounter::sum).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "load")]
    #[doc(alias = "get")]
    #[doc(alias = "value")]
    #[must_use]
    #[track_caller]
    pub fn sum(&self, index: impl SetIndex) -> i64 {
        signed(self.matrix.sum(ups(self.checked(index))))
    }

    /// Returns all levels.
    ///
    /// Each is what [`sum`](Self::sum) would return. In a set built with
    /// [`read_lock(true)`](Builder::read_lock) they also belong to one moment: this is then a
    /// [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn sums(&self) -> Vec<i64> {
        let mut sums = vec![0; self.len()];
        self.sums_into(&mut sums);
        sums
    }

    /// Writes the [`sums`](Self::sums) to `sums`. Without a read lock this does not allocate.
    ///
    /// ```
    /// let set = striped_counter::UpDownCounterSet::new(2);
    /// set.sub(1, 7);
    /// let mut sums = vec![0; set.len()];
    /// set.sums_into(&mut sums);
    /// assert_eq!(sums, [0, -7]);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if `sums` and the set differ in length.
    #[track_caller]
    pub fn sums_into(&self, sums: &mut [i64]) {
        let (room, len) = (sums.len(), self.len());
        assert!(room == len, "sums_into: the set has {len} levels but there is room for {room}");
        if self.has_read_lock() {
            self.read_cut(Matrix::sums, sums);
        } else {
            sums.iter_mut().zip(self).for_each(|(sum, level)| *sum = level.sum());
        }
    }

    /// Returns all levels at one moment, or `None` if the set was built without
    /// [`read_lock(true)`](Builder::read_lock).
    ///
    /// Waits as a [`CounterSet::snapshot`](crate::CounterSet::snapshot) does.
    #[must_use]
    pub fn snapshot(&self) -> Option<Vec<i64>> {
        self.has_read_lock().then(|| self.sums())
    }

    /// Returns an iterator over the levels, in the order of their indices.
    ///
    /// ```
    /// let set = striped_counter::UpDownCounterSet::new(2);
    /// set.iter().for_each(|level| level.dec());
    /// assert_eq!(set.sums(), [-1, -1]);
    /// ```
    #[must_use]
    pub fn iter(&self) -> Iter<'_, Self> {
        Iter::new(self)
    }

    /// Returns the level at `index` and starts it again from zero, losing nothing; see
    /// [`UpDownCounter::take`](crate::UpDownCounter::take).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "reset")]
    #[doc(alias = "swap")]
    #[doc(alias = "drain")]
    #[doc(alias = "sumThenReset")]
    #[doc(alias = "sum_then_reset")]
    #[must_use = "what is taken is no longer in the sum"]
    #[track_caller]
    pub fn take(&self, index: impl SetIndex) -> i64 {
        signed(self.matrix.take(ups(self.checked(index))))
    }

    /// Returns all [`sums`](Self::sums) and starts again from zero, losing nothing.
    ///
    /// In a set built with [`read_lock(true)`](Builder::read_lock) all levels are taken at one
    /// moment; otherwise one after another.
    #[doc(alias = "reset")]
    #[doc(alias = "drain")]
    #[must_use = "what is taken is no longer in the sums"]
    pub fn take_all(&self) -> Vec<i64> {
        if !self.has_read_lock() {
            return self.iter().map(|level| level.take()).collect();
        }
        let mut sums = vec![0; self.len()];
        self.read_cut(Matrix::take_all, &mut sums);
        sums
    }

    /// Sets the level at `index` to `value`; see [`UpDownCounter::set`](crate::UpDownCounter::set).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "store")]
    #[track_caller]
    pub fn set(&self, index: impl SetIndex, value: i64) {
        let index = self.checked(index);
        self.matrix.with_sum(ups(index), |sum| self.add(index, value.wrapping_sub(signed(sum))));
    }

    /// Returns the level at `index`, or `None` if `index` is out of range.
    ///
    /// ```
    /// let set = striped_counter::UpDownCounterSet::new(2);
    /// let busy = set.get(0).unwrap();
    /// busy.inc();
    /// assert_eq!(busy.sum(), 1);
    /// assert!(set.get(2).is_none());
    /// ```
    #[must_use]
    #[inline]
    pub fn get(&self, index: impl SetIndex) -> Option<LevelRef<'_>> {
        let index = index.index();
        (index < self.len()).then_some(LevelRef::new(self, index))
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

    /// Writes the levels of one moment to `levels`, from the ups and downs that `read` returns.
    fn read_cut(&self, read: fn(&Matrix<Many>, Span, &mut [u64]), levels: &mut [i64]) {
        let mut columns = vec![0; self.matrix.columns().len()];
        read(&self.matrix, Span::ALL, &mut columns);
        for (level, pair) in levels.iter_mut().zip(columns.chunks_exact(2)) {
            *level = signed(pair[0].wrapping_sub(pair[1]));
        }
    }

    /// Returns the index, checked to be in range.
    #[inline(always)]
    #[track_caller]
    fn checked(&self, index: impl SetIndex) -> usize {
        in_range(index, self.len(), "levels")
    }
}

impl Builder<UpDownCounterSet> {
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
    pub const fn build(self) -> UpDownCounterSet {
        let settings = self.checked();
        let columns = Many::levels(self.len, settings.is_linearizable());
        UpDownCounterSet { matrix: Matrix::new(columns, settings) }
    }

    /// Creates the set, or returns what is wrong with the settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the length is above 2^24, if the number of shards is out of range, or
    /// set together with [`PerThread`](Backend::PerThread), or if [`PerCpu`](Backend::PerCpu) was
    /// chosen and does not work on this machine.
    pub fn try_build(self) -> Result<UpDownCounterSet, BuildError> {
        self.check_here()?;
        Ok(self.build())
    }
}

impl fmt::Debug for UpDownCounterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpDownCounterSet")
            .field("sums", &self.sums())
            .field("backend", &self.backend())
            .field("shards", &self.shards())
            .finish()
    }
}
