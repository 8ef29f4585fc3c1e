//! Models of the matrix: all interleavings of a few threads, by loom, and some interleavings of
//! more threads, by shuttle.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 cargo test --release --target-dir target/loom --lib models
//! RUSTFLAGS="--cfg shuttle" cargo test --release --target-dir target/shuttle --lib models::shuttle
//! ```
//!
//! Neither has restartable sequences, so `PerCpu` has no model; the stress tests in `tests/` cover
//! it. A model that finds nothing proves little unless it could find something: the most important
//! ones have a twin with a seeded bug, whose consequence must be found.

#[cfg(loom)]
mod divert;
#[cfg(loom)]
mod early;
#[cfg(loom)]
mod exact;
#[cfg(loom)]
mod growth;
#[cfg(loom)]
mod lease;
#[cfg(loom)]
mod level;
#[cfg(loom)]
mod pairs;
#[cfg(loom)]
mod routes;
#[cfg(shuttle)]
mod shuttle;
#[cfg(loom)]
mod snapshot;
#[cfg(loom)]
mod sums;
#[cfg(loom)]
mod support;
#[cfg(loom)]
mod take;
#[cfg(loom)]
mod thread_numbers;

use crate::settings::{Backend, Settings};

const BACKENDS: [Backend; 2] = [Backend::PerThread, Backend::Striped];

/// An add that can be distinguished from adds of 1 in a sum.
const HIGH: u64 = 1 << 32;

/// Returns settings that begin with two rows on either backend: `PerThread` has as many as the
/// machine has CPUs, which is two here.
fn settings(backend: Backend, read_lock: impl Into<Option<bool>>) -> Settings {
    let shards = (backend == Backend::Striped).then_some(2);
    Settings::new(backend, shards).with_read_lock(read_lock.into())
}
