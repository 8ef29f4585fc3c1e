//! What only sets promise, one module per promise. That their sums and snapshots are linearizable is tested
//! in `tests/linearizable/`, too; their memory in `tests/memory.rs`.

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

/// Builds a set, and checks that it has the expected backend.
fn set(case: &Case, len: usize) -> CounterSet {
    let set = case.set(CounterSet::builder(len)).build();
    assert_eq!((set.backend(), set.len()), (case.backend(), len));
    set
}
