//! Labels for what is in a set.

use std::{error::Error, fmt};

/// A set has to have as many labels as counters or histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelsError {
    /// How many labels, or sets of labels, were given.
    pub labels: usize,
    /// How many counters or histograms the set has.
    pub len: usize,
}

impl fmt::Display for LabelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { labels, len } = self;
        write!(f, "labels: {labels} given for a set of {len}; give one each")
    }
}

impl Error for LabelsError {}

/// Whether there is one of `labels` for each of a set of `len`.
pub(super) fn check<L>(labels: &[L], len: usize) -> Result<(), LabelsError> {
    let labels = labels.len();
    if labels == len { Ok(()) } else { Err(LabelsError { labels, len }) }
}
