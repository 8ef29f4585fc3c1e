//! What can be wrong with a setting, in words.

use crate::{
    const_text::Text,
    settings::{BOUNDS, Backend, GROUPING_POWERS, MAX_LEN, MAX_VALUE_POWER, SHARDS},
};
use std::{error::Error, fmt};

/// The error of [`Builder::try_build`](crate::Builder::try_build): the setting, the value, and what
/// is possible.
///
/// ```
/// use striped_counter::{BuildError, Counter};
///
/// let error = Counter::builder().shards(5_000).try_build().unwrap_err();
/// assert_eq!(error, BuildError::ShardsOutOfRange { shards: 5_000 });
/// assert_eq!(error.to_string(), "shards: 5000 is out of range, from 1 to 4096");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// `shards` is outside 1 to 4096.
    ShardsOutOfRange {
        /// The value that was set.
        shards: usize,
    },
    /// `shards` was set together with [`Backend::PerThread`], which has one shard per live thread.
    ShardsOnPerThread {
        /// The value that was set.
        shards: usize,
    },
    /// The length of a set is above 2^24.
    LenOutOfRange {
        /// The value that was set.
        len: usize,
    },
    /// `grouping_power` is above 16.
    GroupingPowerOutOfRange {
        /// The value that was set.
        grouping_power: u8,
    },
    /// `max_value_power` is above 64, or not above `grouping_power`.
    MaxValuePowerOutOfRange {
        /// The value that was set.
        max_value_power: u8,
        /// The grouping power that was set, or the default.
        grouping_power: u8,
    },
    /// `bounds` is empty, or has more than 1,024 bounds.
    NumberOfBoundsOutOfRange {
        /// The number of bounds.
        bounds: usize,
    },
    /// A bound is not above the one before it.
    BoundsNotAscending {
        /// The index of the bound.
        index: usize,
        /// The bound.
        bound: u64,
        /// The bound before it.
        before: u64,
    },
    /// `bounds` was set together with `grouping_power` or `max_value_power`, which are for
    /// log-linear buckets.
    BoundsWithPowers {
        /// The number of bounds.
        bounds: usize,
    },
    /// The histograms of a set have more than 2^24 buckets and sums in all.
    HistogramsOutOfRange {
        /// The length of the set.
        len: usize,
        /// The number of buckets of each histogram, and one more if it has a sum.
        columns: usize,
    },
    /// The chosen backend does not work on this machine.
    BackendUnavailable {
        /// The backend that was chosen.
        backend: Backend,
        /// What the backend lacks.
        missing: &'static str,
    },
}

impl BuildError {
    /// Returns the message, also for a panic at compile time, where nothing can be formatted.
    pub(crate) const fn words(&self) -> Text {
        match *self {
            Self::ShardsOutOfRange { shards } => {
                let (from, to) = (*SHARDS.start() as u64, *SHARDS.end() as u64);
                Text::out_of_range("shards", shards as u64, from, to)
            }
            Self::ShardsOnPerThread { shards } => Text::new()
                .text("shards: ")
                .number(shards as u64)
                .text(" cannot be set with backend PerThread, which has one shard per live thread"),
            Self::LenOutOfRange { len } => Text::out_of_range("len", len as u64, 0, MAX_LEN as u64),
            Self::GroupingPowerOutOfRange { grouping_power } => {
                let (from, to) = (*GROUPING_POWERS.start() as u64, *GROUPING_POWERS.end() as u64);
                Text::out_of_range("grouping_power", grouping_power as u64, from, to)
            }
            Self::MaxValuePowerOutOfRange { max_value_power, grouping_power } => {
                let (from, to) = (grouping_power as u64 + 1, MAX_VALUE_POWER as u64);
                Text::out_of_range("max_value_power", max_value_power as u64, from, to)
            }
            Self::NumberOfBoundsOutOfRange { bounds } => {
                let (from, to) = (*BOUNDS.start() as u64, *BOUNDS.end() as u64);
                Text::out_of_range("number of bounds", bounds as u64, from, to)
            }
            Self::BoundsNotAscending { index, bound, before } => {
                let wrong = Text::new().text("bounds: ").number(bound);
                let wrong = wrong.text(" at index ").number(index as u64);
                wrong.text(" is not above ").number(before).text(", the bound before it")
            }
            Self::BoundsWithPowers { bounds } => Text::new()
                .text("bounds: ")
                .number(bounds as u64)
                .text(" bounds cannot be set with grouping_power or max_value_power"),
            Self::HistogramsOutOfRange { len, columns } => {
                let most = (MAX_LEN / columns) as u64;
                Text::out_of_range("len", len as u64, 0, most)
                    .text(" for histograms of ")
                    .number(columns as u64)
                    .text(" buckets and sums")
            }
            // `try_build` alone finds this out, at run time.
            Self::BackendUnavailable { .. } => unreachable!(),
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BackendUnavailable { backend, missing } => write!(
                f,
                "backend: {backend} cannot work here: {missing}; Auto falls back by itself"
            ),
            wrong => f.write_str(wrong.words().as_str()),
        }
    }
}

impl Error for BuildError {}
