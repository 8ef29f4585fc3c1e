//! How the values of options are parsed, and their ranges.

use crate::{
    Backend, Counter,
    bench::lab::backends::{BACKENDS, works},
};
use std::{iter, ops::RangeInclusive};

/// The message for an unknown name.
const ONE_OF: &str = "name one or more of PerCpu, PerThread, Striped";

/// The range for numbers of threads and of shards; for the latter it is the library's.
pub(super) const COUNTS: RangeInclusive<usize> = 1..=4096;

/// The range for numbers of counters: a hundred thousand padded ones take 166 MB with eight shards.
pub(super) const COUNTERS: RangeInclusive<usize> = 1..=100_000;

/// The range for the costs of a forecast.
pub(super) const NANOSECONDS: RangeInclusive<f64> = 0.01..=10_000.0;

/// Parses the name of a backend that works on this machine.
pub(super) fn backend(name: &str) -> Result<Backend, String> {
    match name.parse() {
        Ok(backend) if BACKENDS.contains(&backend) => works(backend).map(|()| backend),
        Ok(_) => Err(format!("on this machine that is {}: {ONE_OF}", Counter::new().backend())),
        Err(_) => Err(ONE_OF.to_owned()),
    }
}

/// Returns the numbers sorted and without duplicates, or `None` if there are none.
pub(super) fn ascending(counts: impl IntoIterator<Item = usize>) -> Option<Vec<usize>> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable();
    counts.dedup();
    (!counts.is_empty()).then_some(counts)
}

/// Returns 1, 2, 4 and so on below `last`, and `last`.
pub(super) fn doubling(last: usize) -> Vec<usize> {
    let last = last.min(*COUNTS.end());
    let below = iter::successors(Some(1), |n| Some(n * 2)).take_while(|&n| n < last);
    below.chain([last]).collect()
}
