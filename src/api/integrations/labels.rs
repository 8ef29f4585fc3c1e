//! The labels of the counters or histograms in a set.

use std::{
    collections::{HashMap, hash_map::Entry},
    error::Error,
    fmt,
    hash::Hash,
};

/// The name of the label that has the bound of a bucket.
pub(super) const BOUND: &str = "le";

/// What is wrong with the labels of a histogram, or of a set's counters or histograms.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A name is reserved: for a label that the exporter adds, such as `le` for the bounds of a
    /// histogram, or by Prometheus, which reserves all that begin with two underscores.
    Reserved {
        /// The name of the label.
        name: String,
    },
    /// Two labels of one counter or histogram have the same name.
    Repeated {
        /// The name of the labels.
        name: String,
    },
    /// A name is not one of ASCII letters, digits and underscores, or begins with a digit.
    /// Prometheus would refuse the scrape.
    Invalid {
        /// The name of the label.
        name: String,
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
            Self::Reserved { name } => {
                write!(f, "labels: the name {name:?} is reserved; choose another")
            }
            Self::Repeated { name } => {
                write!(f, "labels: the name {name:?} is given twice; give it once")
            }
            Self::Invalid { name } => {
                write!(f, "labels: the name {name:?} does not match [a-zA-Z_][a-zA-Z0-9_]*")
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

/// Checks the names of the labels of one counter or histogram, to which the exporter adds `added`.
pub(super) fn check_names(names: &[&str], added: &[&str]) -> Result<(), LabelsError> {
    for (index, &name) in names.iter().enumerate() {
        if added.contains(&name) {
            return Err(LabelsError::Reserved { name: name.to_owned() });
        }
        if names[..index].contains(&name) {
            return Err(LabelsError::Repeated { name: name.to_owned() });
        }
    }
    Ok(())
}

/// Checks the names of labels as [`check_names`] does, and as Prometheus does.
#[cfg(any(feature = "prometheus", feature = "prometheus-client"))]
pub(super) fn check_prometheus_names(names: &[&str], added: &[&str]) -> Result<(), LabelsError> {
    for &name in names {
        let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word || name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(LabelsError::Invalid { name: name.to_owned() });
        }
        if name.starts_with("__") {
            return Err(LabelsError::Reserved { name: name.to_owned() });
        }
    }
    check_names(names, added)
}
