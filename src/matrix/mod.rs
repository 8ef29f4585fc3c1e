//! The matrix: the one structure under every counter type.
//!
//! A matrix of `u64` cells. A row is a shard, written by one CPU, one thread, or a stripe of
//! threads. A column is the cells of one logical counter. Counters *lease* their columns: single
//! ones from chunks that they share, larger sets and histograms from a chunk of their own.
//!
//! # The contract
//!
//! 1. **Cells only grow** (modulo 2^64). No cell is ever zeroed, neither by a take nor for the next
//!    lease of a shared chunk: that would race with an owner's plain store. Readers subtract what a
//!    column held when it was leased, and what has been taken; see `read.rs`.
//! 2. **One comparison decides where an add goes.** A backend turns the calling thread into a row;
//!    `row >= limit` means that the add may not touch a shard at the moment, whatever the reason:
//!    nothing is leased yet (the limit of a fresh `static` is 0), the thread has no number or no
//!    restartable sequence, the row is out of range, or a locked read diverts adds (the limit is 0
//!    again). All of these go to `Matrix::add_slow`, which adds to the spill.
//! 3. **An add lands exactly once**: wholly in one cell or wholly in the spill.
//! 4. **An add never waits**, and calls nothing that might. The slow path leases without a lock,
//!    takes the counter's lock only if it is free, and always spills.
//! 5. **A line of shards has one writer at a time**, or its adds are atomic.
//!
//! # Where things are
//!
//! `matrix.rs` has the add, `leases.rs` its slow path, and `route.rs` how it finds its row. What it
//! does there is in `per_cpu.rs`, `per_thread.rs` and `striped.rs`: the first runs a critical
//! section, the other two add to a cell. `plan.rs` turns settings into rows. `columns.rs` and
//! `many.rs` have the differences between the types. `pool.rs` assigns leases, `rows.rs` finds
//! their cells, and `memory.rs` gets the memory. `read.rs` and `snapshot.rs` are the whole read
//! path. `thread_id.rs` assigns thread numbers, and `thread_end.rs` returns them.

mod columns;
mod leases;
mod many;
#[allow(clippy::module_inception, reason = "the folder is named after this type")]
mod matrix;
mod memory;
#[cfg(all(test, any(loom, shuttle)))]
mod models;
mod pairs;
mod per_cpu;
mod per_thread;
mod phaser;
mod plan;
mod pool;
mod read;
mod route;
mod rows;
mod snapshot;
mod striped;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod thread_end;
mod thread_id;

pub(crate) use columns::{One, UpDown};
pub(crate) use many::Many;
pub(crate) use matrix::Matrix;
pub(crate) use per_cpu::area;
pub(crate) use snapshot::Span;
