//! What can be wrong with a setting, in words.

use crate::{
    const_text::Text,
    settings::{BOUNDS, Backend, GROUPING_POWERS, MAX_LEN, MAX_VALUE_POWER, SHARDS},
};
use std::{error::Error, fmt};

/// Why [`Builder::try_build`](crate::Builder::try_build) refused: the setting, the value, and what is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// `shards` is outside 1 to 4096.
    ShardsOutOfRange {
        /// The value asked for.
        shards: usize,
    },
    /// `shards` was set together with [`Backend::PerThread`], which has one shard per live thread.
    ShardsOnPerThread {
        /// The value asked for.
        shards: usize,
    },
    /// The length of a set is above 2^24.
    LenOutOfRange {
        /// The value asked for.
        len: usize,
    },
    /// `grouping_power` is above 16.
    GroupingPowerOutOfRange {
        /// The value asked for.
        grouping_power: u8,
    },
    /// `max_value_power` is not above `grouping_power`, or above 64.
    MaxValuePowerOutOfRange {
        /// The value asked for.
        max_value_power: u8,
        /// The grouping power that it goes with.
        grouping_power: u8,
    },
    /// There are no `bounds`, or more than 1,024.
    NumberOfBoundsOutOfRange {
        /// How many there are.
        bounds: usize,
    },
    /// One of the `bounds` is not above the one before it.
    BoundsNotAscending {
        /// Where it is.
        index: usize,
        /// The bound there.
        bound: u64,
        /// The one before it.
        before: u64,
    },
    /// `bounds` was set together with `grouping_power` or `max_value_power`, which are for other buckets.
    BoundsWithPowers {
        /// How many bounds there are.
        bounds: usize,
    },
    /// A set of this many histograms has more than 2^24 buckets and sums.
    HistogramsOutOfRange {
        /// The length asked for.
        len: usize,
        /// What each histogram has: its buckets, and its sum if there is to be one.
        columns: usize,
    },
    /// The backend asked for by name cannot work here.
    BackendUnavailable {
        /// The backend asked for.
        backend: Backend,
        /// What it lacks.
        missing: &'static str,
    },
}

impl BuildError {
    /// The words, for a panic at compile time too, where nothing can be formatted.
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
            // Only the machine can tell, and not at compile time.
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
