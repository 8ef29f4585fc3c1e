//! The iterator over a set of any kind.

use super::CounterSet;
use std::{iter::FusedIterator, ops::Range};

/// A set, as its iterator sees it.
pub trait Set {
    /// A handle to one of the set.
    type Ref<'a>
    where
        Self: 'a;

    /// Returns the length.
    fn size(&self) -> usize;

    /// Returns the handle to the one at `index`, which is in range.
    fn handle(&self, index: usize) -> Self::Ref<'_>;
}

/// An iterator over the handles of a set, in the order of their indices.
///
/// Made by [`CounterSet::iter`], [`UpDownCounterSet::iter`](crate::UpDownCounterSet::iter) and
/// [`HistogramSet::iter`](crate::HistogramSet::iter).
#[derive(Debug)]
pub struct Iter<'a, S = CounterSet> {
    set: &'a S,
    indices: Range<usize>,
}

impl<'a, S: Set> Iter<'a, S> {
    pub(super) fn new(set: &'a S) -> Self {
        Self { set, indices: 0..set.size() }
    }
}

impl<S> Clone for Iter<'_, S> {
    fn clone(&self) -> Self {
        Self { set: self.set, indices: self.indices.clone() }
    }
}

impl<'a, S: Set> Iterator for Iter<'a, S> {
    type Item = S::Ref<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.indices.next().map(|index| self.set.handle(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.indices.size_hint()
    }
}

impl<S: Set> DoubleEndedIterator for Iter<'_, S> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.indices.next_back().map(|index| self.set.handle(index))
    }
}

impl<S: Set> ExactSizeIterator for Iter<'_, S> {}

impl<S: Set> FusedIterator for Iter<'_, S> {}
