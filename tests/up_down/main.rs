//! What an `UpDownCounter` promises, a module a promise. That its locked sums are linearizable is
//! shown in `tests/linearizable/`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../threads/mod.rs"]
mod threads;

mod exact;
mod guard;
mod levels;
mod model;
mod never_negative;
mod set;
mod take;
mod types;

use common::Case;
use striped_counter::UpDownCounter;

/// A level of these settings, on the backend that was to be expected of them.
fn level(case: &Case) -> UpDownCounter {
    let level = case.set(UpDownCounter::builder()).build();
    assert_eq!(level.backend(), case.backend());
    level
}
