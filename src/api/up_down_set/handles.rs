//! A level of a set, the way to all of them, and a guard.

use super::{UpDownCounterSet, change, change_back};
use crate::{
    api::iter::{Iter, Set},
    index::SetIndex,
};
use std::{fmt, ops::Deref};

/// A handle to a level of an [`UpDownCounterSet`], made by [`UpDownCounterSet::get`]. Copies are
/// the same level.
#[derive(Clone, Copy)]
pub struct LevelRef<'a> {
    set: &'a UpDownCounterSet,
    index: usize,
}

impl<'a> LevelRef<'a> {
    /// Expects an index in range.
    #[inline]
    pub(super) fn new(set: &'a UpDownCounterSet, index: usize) -> Self {
        Self { set, index }
    }

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

    /// Subtracts `n`, which may be negative; see [`UpDownCounterSet::sub`].
    #[inline]
    pub fn sub(&self, n: i64) {
        let (column, n) = change_back(self.index, n);
        self.set.matrix.add_one(column, n);
    }

    /// Adds one now, and subtracts one when the returned guard is dropped.
    #[inline]
    pub fn guard(&self) -> LevelGuard<&'a UpDownCounterSet> {
        self.set.guard(self.index)
    }

    /// Returns the level; see [`UpDownCounterSet::sum`].
    #[must_use]
    pub fn sum(&self) -> i64 {
        self.set.sum(self.index)
    }

    /// Returns the level and starts again from zero, losing nothing; see
    /// [`UpDownCounterSet::take`].
    #[must_use = "what is taken is no longer in the sum"]
    pub fn take(&self) -> i64 {
        self.set.take(self.index)
    }

    /// Sets the level to `value`; see [`UpDownCounterSet::set`].
    pub fn set(&self, value: i64) {
        self.set.set(self.index, value);
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

impl Set for UpDownCounterSet {
    type Ref<'a> = LevelRef<'a>;

    fn size(&self) -> usize {
        self.len()
    }

    fn handle(&self, index: usize) -> LevelRef<'_> {
        LevelRef::new(self, index)
    }
}

impl<'a> IntoIterator for &'a UpDownCounterSet {
    type Item = LevelRef<'a>;
    type IntoIter = Iter<'a, UpDownCounterSet>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Decrements a level of an [`UpDownCounterSet`] when dropped.
///
/// Made by [`UpDownCounterSet::guard`], [`guard_arc`](UpDownCounterSet::guard_arc), or
/// [`LevelGuard::new`] from any pointer to a set. [`Guard`](crate::Guard) says more.
#[must_use = "a guard that is dropped at once counts nothing; bind it: `let _busy = BUSY.guard(route);`"]
pub struct LevelGuard<P: Deref<Target = UpDownCounterSet>> {
    set: P,
    index: usize,
}

impl<P: Deref<Target = UpDownCounterSet>> LevelGuard<P> {
    /// Increments the level of `set` at `index` and returns its guard.
    ///
    /// `set` has to dereference to the same set each time, as references, `Arc` and `Box` do.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[inline]
    #[track_caller]
    pub fn new(set: P, index: impl SetIndex) -> Self {
        let index = index.index();
        set.inc(index);
        Self { set, index }
    }

    /// Returns the level.
    ///
    /// ```
    /// let set = striped_counter::UpDownCounterSet::new(2);
    /// let busy = set.guard(1);
    /// assert_eq!((busy.level().index(), busy.level().sum()), (1, 1));
    /// ```
    #[must_use]
    pub fn level(&self) -> LevelRef<'_> {
        // One look, for both: another might find another set.
        let set: &UpDownCounterSet = &self.set;
        LevelRef::new(set, set.checked(self.index))
    }
}

impl<P: Deref<Target = UpDownCounterSet>> Drop for LevelGuard<P> {
    #[inline]
    fn drop(&mut self) {
        self.set.dec(self.index);
    }
}

impl<P: Deref<Target = UpDownCounterSet>> fmt::Debug for LevelGuard<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelGuard").field("level", &self.level()).finish()
    }
}
