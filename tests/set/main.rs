//! What a `CounterSet` promises, a module a promise. That its sums and snapshots are linearizable is
//! shown in `tests/linearizable/` as well, and what it weighs in `tests/memory.rs`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../threads/mod.rs"]
mod threads;

mod columns;
mod consumers;
mod index;
mod model;
mod snapshot;
mod snapshots_of_two;
mod types;
mod wrapping;

use common::Case;
use striped_counter::CounterSet;

/// A set of these settings, on the backend that was to be expected of them.
fn set(case: &Case, len: usize) -> CounterSet {
    let set = case.set(CounterSet::builder(len)).build();
    assert_eq!((set.backend(), set.len()), (case.backend(), len));
    set
}
