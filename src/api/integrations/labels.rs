//! Labels for the counters of a set.

use crate::CounterSet;
use std::{error::Error, fmt};

/// A set has to have as many labels as counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelsError {
    /// How many labels, or sets of labels, were given.
    pub labels: usize,
    /// How many counters the set has.
    pub counters: usize,
}

impl fmt::Display for LabelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { labels, counters } = self;
        write!(f, "labels: {labels} given for a set of {counters} counters; give one each")
    }
}

impl Error for LabelsError {}

/// Whether there is one of `labels` for each counter of `set`.
pub(super) fn check<L>(labels: &[L], set: &CounterSet) -> Result<(), LabelsError> {
    let (labels, counters) = (labels.len(), set.len());
    if labels == counters { Ok(()) } else { Err(LabelsError { labels, counters }) }
}
