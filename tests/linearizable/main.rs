//! Promise 4: locked sums are linearizable. Shown on short bursts of operations of several threads,
//! for each of which a checker searches an order that agrees with real time and explains every
//! result.
//!
//! A checker that finds nothing proves little unless it could find something: `checker.rs` has
//! histories with and without a legal order, and `traps.rs`
//! switches the lock off.

#[path = "../support/mod.rs"]
mod support;

mod bursts;
mod checker;
mod locked;
mod subjects;
mod traps;

/// With a single CPU little happens beside something else: what is legal can be shown there, but not
/// that the checker would catch what is not.
fn one_cpu() -> bool {
    std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1)
}
