//! The matrix: the one structure under every counter type.
//!
//! A matrix of `u64` cells. A row is a shard, written by one CPU, one thread, or a stripe of threads. A
//! column is what one logical counter adds up. Counters *lease* their columns: single ones from chunks
//! that they share with others, a set from a chunk of its own.
//!
//! # The contract
//!
//! 1. **Cells only ever grow** (modulo 2^64). No cell of a counter is ever zeroed, nor one of a shared chunk
//!    for the next lease: a reset would race with an owner's plain store. Readers subtract what a column
//!    held when it was leased, and what has been taken; see `read.rs`.
//! 2. **One compare sends every add on its way.** A backend turns the calling thread into a row;
//!    `row >= limit` means that the add may not touch a shard just now, whatever the reason: nothing
//!    leased yet (the limit of a fresh `static` is 0), a thread without a number or without a
//!    restartable sequence, a row out of range, or adds diverted by a locked read (the limit is 0
//!    again). All of these go to `Matrix::add_slow`, which adds to the spill.
//! 3. **An add lands exactly once**: wholly in one cell or wholly in the spill.
//! 4. **An add never waits**, and calls nothing that might. The slow path leases without a lock, takes
//!    the counter's lock only if it is free, and spills anyhow.
//! 5. **A line of shards has one writer at a time**, or adds that are atomic.
//!
//! # Where things are
//!
//! `matrix.rs` has the add, `leases.rs` its slow path, `route.rs` how it finds its row, and `per_cpu.rs`, `per_thread.rs` and
//! `striped.rs` what it does there: the first a critical section of its own, the other two an add to a
//! cell. `plan.rs` turns settings into rows. `columns.rs` and `many.rs` have what differs between the
//! types, `pool.rs` hands out leases, `rows.rs` finds the cells of one, and `memory.rs` has the memory. `read.rs` and `snapshot.rs` are the whole read path.
//! `thread_id.rs` hands out thread numbers, and `thread_end.rs` has them given back.

mod columns;
mod leases;
mod many;
#[allow(clippy::module_inception, reason = "the type that the folder is named after")]
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
