//! The faults: one block each, with how it is brought about and how it is counted.

mod process;
mod scheduling;
mod threads;

use crate::{
    run::{Adder, Run},
    target::{Config, Target},
};
use std::{any::Any, sync::Arc};

/// What a thread of its own does, once.
pub(crate) type Side = fn(&Run) -> Result<(), String>;

/// What can happen to adders. All but the first three methods have a default: nothing happens.
pub(crate) trait Fault: Sync {
    fn name(&self) -> &'static str;

    /// How often it has happened: in this run or before, in this process.
    fn happened(&self, run: &Run) -> u64;

    /// What is counted, for the table's legend.
    fn what(&self) -> &'static str;

    /// Whether it can happen to such a target here.
    fn applies(&self, _: Config) -> bool {
        true
    }

    /// How often it must have happened for a run to prove anything.
    fn least(&self, _: &Run) -> u64 {
        10
    }

    /// How many adders at a time.
    fn slots(&self) -> usize {
        4
    }

    /// How many shards to ask for.
    fn shards(&self) -> Option<usize> {
        None
    }

    /// Whether the reader that sums is to take instead.
    fn takes(&self) -> bool {
        false
    }

    /// Whether an adder ends soon, and another one takes its place.
    fn ends_adders_early(&self) -> bool {
        false
    }

    /// Before any adder, with a slot to add in.
    fn prepare(&self, _: &mut Target, _slot: usize) {}

    /// Before the adders begin; what it returns is dropped after they have ended.
    fn begin(&self, _: &Arc<Run>) -> Option<Box<dyn Any>> {
        None
    }

    /// What a thread of its own does again and again while adders are at work.
    fn side(&self) -> Option<Side> {
        None
    }

    /// In an adder, before its first operation.
    fn on_start(&self, _: &Adder) {}

    /// In an adder, after each burst.
    fn inject(&self, _: &Adder, _turn: u64) {}

    /// In an adder, after its last operation.
    fn on_end(&self, _: &Adder) {}
}

/// All of them, in the order of the table.
pub(crate) static FAULTS: [&dyn Fault; 14] = [
    &scheduling::Hops,
    &scheduling::Moves,
    &scheduling::Oversubscription,
    &process::Signals,
    &scheduling::LostRegistration,
    &scheduling::IdOutOfRange,
    &process::Forks,
    &threads::Churn,
    &threads::Panics,
    &threads::Destructors,
    &threads::NoMemory,
    &process::Wrapping,
    &process::Drops,
    &process::Takes,
];
