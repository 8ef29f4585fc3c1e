//! What a `CounterSet` promises, a module a promise. That its sums and snapshots are linearizable is
//! shown in `tests/linearizable/` as well, and what it weighs in `tests/memory.rs`.

#[path = "../support/mod.rs"]
mod support;

mod columns;
mod consumers;
mod index;
mod model;
mod snapshot;
mod snapshots_of_two;
mod types;

use striped_counter::CounterSet;
use support::Case;

/// A set of these settings, on the backend that was to be expected of them.
fn set(case: &Case, len: usize) -> CounterSet {
    let set = case.set(CounterSet::builder(len)).build();
    assert_eq!((set.backend(), set.len()), (case.backend(), len));
    set
}
