//! The labels of the counters or histograms in a set.

use std::{
    collections::{HashMap, hash_map::Entry},
    error::Error,
    fmt,
    hash::Hash,
};

/// What is wrong with the labels of a set's counters or histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelsError {
    /// The numbers of labels and of counters or histograms differ.
    Number {
        /// The number of labels, or sets of labels, that were given.
        labels: usize,
        /// The number of counters or histograms in the set.
        len: usize,
    },
    /// Two counters or histograms have the same labels, and would be one time series.
    Duplicate {
        /// The index of the first one.
        first: usize,
        /// The index of the second one.
        second: usize,
    },
}

impl fmt::Display for LabelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { labels, len } => {
                write!(f, "labels: {labels} given for a set of {len}; give one each")
            }
            Self::Duplicate { first, second } => {
                write!(f, "labels: those at {first} and {second} are the same; give each its own")
            }
        }
    }
}

impl Error for LabelsError {}

/// Checks that there are `len` labels, no two of them the same.
pub(super) fn check<L: Eq + Hash>(labels: &[L], len: usize) -> Result<(), LabelsError> {
    if labels.len() != len {
        return Err(LabelsError::Number { labels: labels.len(), len });
    }
    let mut known = HashMap::with_capacity(len);
    for (second, labels) in labels.iter().enumerate() {
        match known.entry(labels) {
            Entry::Occupied(first) => {
                return Err(LabelsError::Duplicate { first: *first.get(), second });
            }
            Entry::Vacant(new) => new.insert(second),
        };
    }
    Ok(())
}
