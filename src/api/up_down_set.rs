//! Many levels in one matrix.

use crate::{
    build_error::BuildError,
    builder::Builder,
    index::{SetIndex, in_range},
    matrix::{Many, Matrix, Span},
    settings::Backend,
    signs::signed,
};
use std::fmt;

/// A set of levels, known by their index: requests in flight per route, jobs per state.
///
/// Each level of the set is what an [`UpDownCounter`](crate::UpDownCounter) is, with the same promises and the
/// same choice of [`read_lock`](Builder::read_lock); see there. What the set adds: one
/// [`snapshot`](Self::snapshot) of all of them, and [`add_many`](Self::add_many) that moves from one level to
/// another as one operation. The index is a `usize`, or an enum of yours that is a [`SetIndex`]; out of range
/// panics with the index and the length.
///
/// # Cost
///
/// As for a [`CounterSet`](crate::CounterSet) of twice the length: a level has 16 bytes per shard.
///
/// # Example
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
/// // A job is queued or running, at any moment that a snapshot may be of.
/// JOBS.add_many([(Jobs::Queued, -1), (Jobs::Running, 1)]);
/// assert_eq!(JOBS.snapshot(), Some(vec![1, 1]));
/// ```
#[doc(alias = "gauge")]
#[doc(alias = "GaugeVec")]
pub struct UpDownCounterSet {
    matrix: Matrix<Many>,
}

/// The column of the ups of the level at `index`, next to which is that of its downs.
const fn ups(index: usize) -> usize {
    2 * index
}

/// Where an add of `n` to the level at `index` goes, and how much.
#[inline(always)]
fn change(index: usize, n: i64) -> (usize, u64) {
    (ups(index) + usize::from(n < 0), n.unsigned_abs())
}

impl UpDownCounterSet {
    /// Makes `len` levels of 0 with every setting at its default; equals
    /// `UpDownCounterSet::builder(len).build()`.
    ///
    /// # Panics
    /// If `len` is above 2^24: at compile time in a `static`.
    #[must_use]
    pub const fn new(len: usize) -> Self {
        Self::builder(len).build()
    }

    /// Makes `len` levels, of which you choose the backend, the number of shards, the read lock; see
    /// [`Builder`].
    pub const fn builder(len: usize) -> Builder<Self> {
        Builder::new(len)
    }

    /// Returns how many levels there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.matrix.columns().len() / 2
    }

    /// Returns whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one to the level at `index`.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn inc(&self, index: impl SetIndex) {
        self.add(index, 1);
    }

    /// Subtracts one from the level at `index`.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn dec(&self, index: impl SetIndex) {
        self.add(index, -1);
    }

    /// Adds `n`, which may be negative, to the level at `index`, modulo 2^64. Never waits; see
    /// [`Counter::add`](crate::Counter::add).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn add(&self, index: impl SetIndex, n: i64) {
        let (column, n) = change(self.checked(index), n);
        self.matrix.add_one(column, n);
    }

    /// Adds to several levels: pairs of an index and what to add. In a set built with
    /// [`read_lock(true)`](Builder::read_lock) a [`snapshot`](Self::snapshot) has all of it or nothing.
    ///
    /// # Panics
    /// If an index is out of range: then nothing has been added.
    #[inline]
    #[track_caller]
    pub fn add_many<const N: usize>(&self, adds: [(impl SetIndex, i64); N]) {
        self.matrix.add_all(&adds.map(|(index, n)| change(self.checked(index), n)));
    }

    /// Adds one to the level at `index` now, and subtracts one when the guard is dropped.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn guard(&self, index: impl SetIndex) -> LevelGuard<'_> {
        let level = LevelRef { set: self, index: self.checked(index) };
        level.inc();
        LevelGuard { level }
    }

    /// Returns the level at `index`; see [`UpDownCounter::sum`](crate::UpDownCounter::sum).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[must_use]
    #[track_caller]
    pub fn sum(&self, index: impl SetIndex) -> i64 {
        signed(self.matrix.sum(ups(self.checked(index))))
    }

    /// Returns all levels, each as [`sum`](Self::sum) would. In a set built with
    /// [`read_lock(true)`](Builder::read_lock) this is a [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn sums(&self) -> Vec<i64> {
        self.snapshot().unwrap_or_else(|| (0..self.len()).map(|index| self.sum(index)).collect())
    }

    /// Returns all levels at one moment, or `None` if the set was built without
    /// [`read_lock(true)`](Builder::read_lock), which this needs. Waits as
    /// [`CounterSet::snapshot`](crate::CounterSet::snapshot) does; see there.
    #[must_use]
    pub fn snapshot(&self) -> Option<Vec<i64>> {
        self.has_read_lock().then(|| {
            let mut columns = vec![0; self.matrix.columns().len()];
            self.matrix.sums(Span::ALL, &mut columns);
            columns.chunks_exact(2).map(|it| signed(it[0].wrapping_sub(it[1]))).collect()
        })
    }

    /// Returns the level at `index`, which starts again from 0 with nothing lost; see
    /// [`UpDownCounter::take`](crate::UpDownCounter::take).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[must_use = "what is taken is gone from the sum; nobody else will see it"]
    #[track_caller]
    pub fn take(&self, index: impl SetIndex) -> i64 {
        signed(self.matrix.take(ups(self.checked(index))))
    }

    /// Makes the level at `index` `value`; see [`UpDownCounter::set`](crate::UpDownCounter::set).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[track_caller]
    pub fn set(&self, index: impl SetIndex, value: i64) {
        let index = self.checked(index);
        self.matrix.with_sum(ups(index), |sum| self.add(index, value.wrapping_sub(signed(sum))));
    }

    /// Returns the level at `index`, if there is one.
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
        (index < self.len()).then_some(LevelRef { set: self, index })
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
        in_range(index, self.len(), "levels")
    }
}

impl Builder<UpDownCounterSet> {
    /// Makes the set.
    ///
    /// # Panics
    /// On a length above 2^24, or a number of shards out of range, or set on `PerThread`: at compile
    /// time in a `static`.
    #[must_use]
    pub const fn build(self) -> UpDownCounterSet {
        let settings = self.checked();
        let columns = Many::levels(self.len, settings.is_linearizable());
        UpDownCounterSet { matrix: Matrix::new(columns, settings) }
    }

    /// Makes the set, or returns what is wrong with the settings.
    ///
    /// # Errors
    /// On a length above 2^24, or a number of shards out of range, or set on `PerThread`, or
    /// `PerCpu` where it cannot work.
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

/// A level of an [`UpDownCounterSet`], found by [`UpDownCounterSet::get`]. A handle: copies are the same
/// level.
#[derive(Clone, Copy)]
pub struct LevelRef<'a> {
    set: &'a UpDownCounterSet,
    /// Is in range.
    index: usize,
}

impl LevelRef<'_> {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds `n`, which may be negative; see [`UpDownCounterSet::add`].
    #[inline]
    pub fn add(&self, n: i64) {
        let (column, n) = change(self.index, n);
        self.set.matrix.add_one(column, n);
    }

    /// Returns the level; see [`UpDownCounterSet::sum`].
    #[must_use]
    pub fn sum(&self) -> i64 {
        self.set.sum(self.index)
    }

    /// Returns the level's index in its set.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Debug for LevelRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelRef").field("index", &self.index).field("sum", &self.sum()).finish()
    }
}

/// Decrements a level of a set when dropped; made by [`UpDownCounterSet::guard`].
#[derive(Debug)]
#[must_use = "dropped at once, it counts nothing; bind it: `let _busy = BUSY.guard(route);`"]
pub struct LevelGuard<'a> {
    level: LevelRef<'a>,
}

impl Drop for LevelGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.level.dec();
    }
}
