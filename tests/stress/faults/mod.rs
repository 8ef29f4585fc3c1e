//! The faults: one block each, with what causes it and how it is counted.

mod process;
mod scheduling;
mod threads;

use crate::{
    run::{Adder, Run},
    target::{Config, Target},
};
use std::{any::Any, sync::Arc};

/// What a separate thread does once.
pub(crate) type Side = fn(&Run) -> Result<(), String>;

/// Something that can happen to adders. All methods except the first three do nothing by default.
pub(crate) trait Fault: Sync {
    fn name(&self) -> &'static str;

    /// Returns how often it has happened in this process, in this run or before.
    fn happened(&self, run: &Run) -> u64;

    /// What is counted, for the table's legend.
    fn what(&self) -> &'static str;

    /// Returns whether it can happen to such a target on this machine.
    fn applies(&self, _: Config) -> bool {
        true
    }

    /// Returns how often it must happen for a run to prove anything.
    fn least(&self, _: &Run) -> u64 {
        10
    }

    /// Returns how many adders run at a time.
    fn slots(&self) -> usize {
        4
    }

    /// Returns how many shards to set.
    fn shards(&self) -> Option<usize> {
        None
    }

    /// Returns whether the reader that sums takes instead.
    fn takes(&self) -> bool {
        false
    }

    /// Returns whether an adder ends soon and another one takes its place.
    fn ends_adders_early(&self) -> bool {
        false
    }

    /// Before any adder, with a slot to add in.
    fn prepare(&self, _: &mut Target, _slot: usize) {}

    /// Before the adders begin; what it returns is dropped after they have ended.
    fn begin(&self, _: &Arc<Run>) -> Option<Box<dyn Any>> {
        None
    }

    /// What a separate thread does again and again while adders run.
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
