//! What only levels promise, one module per promise. That their locked sums are linearizable is tested in
//! `tests/linearizable/`.

#[path = "../support/mod.rs"]
mod support;

mod exact;
mod guard;
mod levels;
mod model;
mod never_negative;
mod set;

use striped_counter::UpDownCounter;
use support::Case;

/// Builds a level, and checks that it has the expected backend.
fn level(case: &Case) -> UpDownCounter {
    let level = case.set(UpDownCounter::builder()).build();
    assert_eq!(level.backend(), case.backend());
    level
}
