//! What an `UpDownCounter` promises, a module a promise. That its locked sums are linearizable is
//! shown in `tests/linearizable/`.

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

/// A level of these settings, on the backend that was to be expected of them.
fn level(case: &Case) -> UpDownCounter {
    let level = case.set(UpDownCounter::builder()).build();
    assert_eq!(level.backend(), case.backend());
    level
}
