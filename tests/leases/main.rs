//! Counters that share chunks: however they come and go, on whichever threads, each is exact by itself.
//!
//! A counter that is dropped leaves its columns, with whatever is in them, to the next one. These
//! tests have a process of their own, so that columns are used again and again.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod neighbours;

use striped_counter::{Counter, UpDownCounter};
use support::Case;

/// A counter of either type, with everything modulo 2^64.
enum Subject {
    Counter(Counter),
    Level(UpDownCounter),
}

impl Subject {
    fn new(case: &Case, is_level: bool, padded: bool) -> Self {
        if is_level {
            Self::Level(case.set(UpDownCounter::builder()).padded(padded).build())
        } else {
            Self::Counter(case.set(Counter::builder()).padded(padded).build())
        }
    }

    /// Adds `n`: to a level in one of two ways.
    fn add(&self, n: u64) {
        match self {
            Self::Counter(counter) => counter.add(n),
            Self::Level(level) if n.is_multiple_of(2) => level.add(n.cast_signed()),
            Self::Level(level) => level.sub(n.cast_signed().wrapping_neg()),
        }
    }

    fn sum(&self) -> u64 {
        match self {
            Self::Counter(counter) => counter.sum(),
            Self::Level(level) => level.sum().cast_unsigned(),
        }
    }

    fn take(&self) -> u64 {
        match self {
            Self::Counter(counter) => counter.take(),
            Self::Level(level) => level.take().cast_unsigned(),
        }
    }

    /// Everything ever added, by both ways to ask for it, which must agree. A level has none.
    fn total(&self) -> Option<u64> {
        let Self::Counter(counter) = self else { return None };
        let total = counter.total();
        assert_eq!(counter.deltas().next_delta(), total);
        Some(total)
    }

    fn warm_up(&self) -> bool {
        match self {
            Self::Counter(counter) => counter.warm_up(),
            Self::Level(level) => level.warm_up(),
        }
    }
}
