//! A counter of a set, the way to all of them, and a consumer's cursor.

use super::CounterSet;
use crate::api::iter::{Iter, Set};
use std::{fmt, ops::Deref};

/// A handle to a counter of a [`CounterSet`], made by [`CounterSet::get`]. Copies are the same
/// counter.
#[derive(Clone, Copy)]
pub struct CounterRef<'a> {
    set: &'a CounterSet,
    index: usize,
}

impl<'a> CounterRef<'a> {
    /// Expects an index in range.
    #[inline]
    pub(super) fn new(set: &'a CounterSet, index: usize) -> Self {
        Self { set, index }
    }

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

    /// Returns the total of all adds, less what has been taken; see [`CounterSet::sum`].
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.set.matrix.sum(self.index)
    }

    /// Returns everything ever added, whatever has been taken; see [`CounterSet::total`].
    #[must_use]
    pub fn total(&self) -> u64 {
        self.set.matrix.total(self.index)
    }

    /// Returns the counter's index in its set.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the sum and starts again from zero, losing nothing; see [`CounterSet::take`].
    #[must_use = "what is taken is no longer in the sum"]
    pub fn take(&self) -> u64 {
        self.set.matrix.take(self.index)
    }
}

impl fmt::Debug for CounterRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterRef").field("index", &self.index).field("sum", &self.sum()).finish()
    }
}

/// A consumer's cursor over the adds to a [`CounterSet`].
///
/// [`CounterSet::deltas`] makes one that borrows the set; [`SetDeltas::new`] makes one that owns an
/// `Arc` or any other pointer to it. A clone continues from where the original is.
#[derive(Clone, Debug)]
pub struct SetDeltas<P: Deref<Target = CounterSet>> {
    set: P,
    seen: Vec<u64>,
}

impl<P: Deref<Target = CounterSet>> SetDeltas<P> {
    /// Creates a cursor that has seen nothing; see [`Deltas::new`](crate::Deltas::new).
    #[must_use]
    pub fn new(set: P) -> Self {
        let seen = vec![0; set.len()];
        Self { set, seen }
    }

    /// Returns the set.
    #[must_use]
    pub fn set(&self) -> &CounterSet {
        &self.set
    }

    /// Returns what was added to each counter since this cursor last looked, modulo 2^64.
    ///
    /// Costs as much as [`sums`](CounterSet::sums).
    #[must_use = "the next delta starts where this one ends"]
    pub fn next_delta(&mut self) -> Vec<u64> {
        let totals = self.set.totals();
        let deltas =
            totals.iter().zip(&self.seen).map(|(total, seen)| total.wrapping_sub(*seen)).collect();
        self.seen = totals;
        deltas
    }
}

impl Set for CounterSet {
    type Ref<'a> = CounterRef<'a>;

    fn size(&self) -> usize {
        self.len()
    }

    fn handle(&self, index: usize) -> CounterRef<'_> {
        CounterRef::new(self, index)
    }
}

impl<'a> IntoIterator for &'a CounterSet {
    type Item = CounterRef<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}
