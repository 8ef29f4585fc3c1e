//! How the values of options are read, and what they may be.

use crate::{
    Backend, Counter,
    bench::lab::backends::{BACKENDS, works},
};
use std::{iter, ops::RangeInclusive};

/// What to say to another name.
const ONE_OF: &str = "name one or more of PerCpu, PerThread, Striped";

/// Numbers of threads and of shards; the latter as the library limits them.
pub(super) const COUNTS: RangeInclusive<usize> = 1..=4096;

/// Numbers of counters: a hundred thousand padded ones are 166 MB on eight shards.
pub(super) const COUNTERS: RangeInclusive<usize> = 1..=100_000;

/// Costs of a forecast.
pub(super) const NANOSECONDS: RangeInclusive<f64> = 0.01..=10_000.0;

/// Reads the name of a backend that can be measured here.
pub(super) fn backend(name: &str) -> Result<Backend, String> {
    match name.parse() {
        Ok(backend) if BACKENDS.contains(&backend) => works(backend).map(|()| backend),
        Ok(_) => Err(format!("here that is {}: {ONE_OF}", Counter::new().backend())),
        Err(_) => Err(ONE_OF.to_owned()),
    }
}

/// Sorted, each once; `None` for none.
pub(super) fn ascending(counts: impl IntoIterator<Item = usize>) -> Option<Vec<usize>> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable();
    counts.dedup();
    (!counts.is_empty()).then_some(counts)
}

/// 1, 2, 4 and so on below `last`, and `last`.
pub(super) fn doubling(last: usize) -> Vec<usize> {
    let last = last.min(*COUNTS.end());
    let below = iter::successors(Some(1), |n| Some(n * 2)).take_while(|&n| n < last);
    below.chain([last]).collect()
}
