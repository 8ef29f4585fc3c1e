//! Guarantee 4: locked sums are linearizable. Several threads run short bursts of operations, and for each
//! burst a checker searches for an order that agrees with real time and explains every result.
//!
//! A checker that finds nothing proves little unless it could find something: `checker.rs` has histories with
//! and without a legal order, and `traps.rs` turns the lock off.

#[path = "../support/mod.rs"]
mod support;

mod bursts;
mod checker;
mod locked;
mod subjects;
mod traps;

/// With a single CPU few operations are concurrent: legal histories can be tested there, but not that illegal
/// ones are caught.
fn one_cpu() -> bool {
    std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1)
}
