//! What the crate promises, each promise with its test; the numbers are those of the guarantees in README.md.
//! What all types promise is tested here for all of them; `up_down/`, `set/` and `histogram/` have the rest.
//!
//! 1. **Exact.** Once every add happens-before the read, a sum is the sum of all adds modulo 2^64.
//! 2. **Adds never wait**, and certainly not for readers.
//! 3. **An unlocked sum** lies between the true count when it began and that when it ended, and one
//!    thread's sums never go backwards while no thread takes.
//! 4. **A locked sum** is the true count at one moment, for adds of any size.
//! 5. **Takes** have every add exactly once between them and the final sum; every cursor of
//!    **deltas** sees every add exactly once.
//! 6. **Snapshots**: `tests/set/`.
//! 7. **Wrapping**, never a panic.
//! 8. **Signal handlers** may add through `PerCpu` and `Striped`.
//! 9. **Dense**: `memory.rs`.
//! 10. **Histograms** include in their sum whatever they count: `tests/histogram/`.
//! 11. **Levels** are never negative: `tests/up_down/`.
//!
//! Some tests need a process of their own, and have a file next to this directory: `allocation.rs`,
//! `fork.rs`, `in_allocator.rs`, `large_allocations.rs`, `leases/`, `memory.rs`, `no_memory.rs`,
//! `recycling.rs`, `signals.rs`, `stepping.rs`. Programs at random are in `model.rs` and `leases/`,
//! models of every interleaving in `src/matrix/models/`.

#[path = "../support/mod.rs"]
mod support;

mod adds_never_wait;
mod builder;
mod descriptors;
mod destructors;
mod exact;
mod hostile;
mod locked_sum;
mod small_things;
mod split_store;
mod statics;
mod take_and_deltas;
mod types;
mod unlocked_sum;
mod without_rseq;
mod wrapping;
