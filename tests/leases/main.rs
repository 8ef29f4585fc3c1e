//! Counters that share chunks: each is exact, whichever threads make, use and drop it and its neighbours.
//!
//! A counter that is dropped leaves its columns with their content to the next one. These tests have a process
//! of their own, so that columns are reused again and again.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod neighbours;

use striped_counter::{Counter, UpDownCounter};
use support::{Case, Counts};

/// Builds a counter or a level.
fn counter(case: &Case, is_level: bool, padded: bool) -> Box<dyn Counts> {
    if is_level {
        Box::new(case.set(UpDownCounter::builder()).padded(padded).build())
    } else {
        Box::new(case.set(Counter::builder()).padded(padded).build())
    }
}
