//! Faults at the beginning and end of adders.

use super::Fault;
use super::Side;
use crate::{
    memory::Refusal,
    os,
    run::{Adder, Run},
    target::{Config, Kind, Reader, Target},
};
use std::{
    any::Any,
    cell::RefCell,
    ops::Range,
    panic,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use striped_counter::Backend;

static ENDED: AtomicU64 = AtomicU64::new(0);

pub(super) struct Churn;

impl Fault for Churn {
    fn name(&self) -> &'static str {
        "churn"
    }

    fn what(&self) -> &'static str {
        "adders end after 1,280 operations, and others take their places: threads that ended"
    }

    fn happened(&self, _: &Run) -> u64 {
        ENDED.load(Relaxed)
    }

    fn ends_adders_early(&self) -> bool {
        true
    }

    fn on_end(&self, _: &Adder) {
        ENDED.fetch_add(1, Relaxed);
    }
}

static PANICS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Panics;

/// Silences panics until it is dropped.
struct Quiet;

impl Drop for Quiet {
    fn drop(&mut self) {
        drop(panic::take_hook());
    }
}

impl Fault for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn what(&self) -> &'static str {
        "every second adder ends by a panic: with a guard alive, or by a batch with an index out of range: panics"
    }

    fn happened(&self, _: &Run) -> u64 {
        PANICS.load(Relaxed)
    }

    fn ends_adders_early(&self) -> bool {
        true
    }

    fn begin(&self, _: &Arc<Run>) -> Option<Box<dyn Any>> {
        panic::set_hook(Box::new(|_| {}));
        Some(Box::new(Quiet))
    }

    fn on_end(&self, adder: &Adder) {
        if !adder.number.is_multiple_of(2) {
            PANICS.fetch_add(1, Relaxed);
            adder.panic();
        }
    }
}

static ADDS_IN_DESTRUCTORS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Destructors;

/// Adds when it is dropped.
struct AddsOnDrop(Adder);

impl Drop for AddsOnDrop {
    fn drop(&mut self) {
        const ADDS: u64 = 64;
        self.0.add(self.0.turn(0), ADDS);
        ADDS_IN_DESTRUCTORS.fetch_add(ADDS, Relaxed);
    }
}

thread_local! {
    static LAST: RefCell<Option<AddsOnDrop>> = const { RefCell::new(None) };
}

impl Destructors {
    fn register(adder: &Adder) {
        LAST.with_borrow_mut(|last| *last = Some(AddsOnDrop(adder.clone())));
    }
}

impl Fault for Destructors {
    fn name(&self) -> &'static str {
        "destructors"
    }

    fn what(&self) -> &'static str {
        "adders add from a thread-local's destructor, registered before their first add or after their last: adds there"
    }

    fn happened(&self, _: &Run) -> u64 {
        ADDS_IN_DESTRUCTORS.load(Relaxed)
    }

    fn ends_adders_early(&self) -> bool {
        true
    }

    fn on_start(&self, adder: &Adder) {
        if adder.number.is_multiple_of(2) {
            Self::register(adder);
        }
    }

    fn on_end(&self, adder: &Adder) {
        if !adder.number.is_multiple_of(2) {
            Self::register(adder);
        }
    }
}

static REFUSED: AtomicU64 = AtomicU64::new(0);

pub(super) struct NoMemory;

impl Fault for NoMemory {
    fn name(&self) -> &'static str {
        "no memory"
    }

    fn what(&self) -> &'static str {
        "children whose system maps nothing more, from the first operation on: operations without shards"
    }

    fn happened(&self, _: &Run) -> u64 {
        REFUSED.load(Relaxed)
    }

    /// Some children.
    fn least(&self, _: &Run) -> u64 {
        5 * WITHOUT_SHARDS
    }

    /// The first shards of a set with one shard per thread are no larger than its spill, without which the
    /// process aborts.
    fn applies(&self, config: Config) -> bool {
        config.kind != Kind::CounterSet || config.backend != Backend::PerThread
    }

    fn side(&self) -> Option<Side> {
        Some(|run| {
            for Target { config, .. } in run.targets.iter().filter(|it| NoMemory.applies(it.config))
            {
                os::in_child(|| counts_without_memory(*config))?;
                REFUSED.fetch_add(WITHOUT_SHARDS, Relaxed);
            }
            Ok(())
        })
    }
}

/// Operations of a child while it is refused memory.
const WITHOUT_SHARDS: u64 = 1_000;

/// Returns whether, in a child, operations without memory are exact, and reach shards when there is memory.
fn counts_without_memory(config: Config) -> bool {
    // A set needs memory for its spill, which is smaller than its many shards.
    let (shards, room) =
        if config.kind == Kind::CounterSet { (Some(4_096), 128 << 10) } else { (None, 0) };
    // There may be room in the chunks of other counters.
    let Some(_leases) = Leases::of_all_leases(config) else { return false };
    let target = Target::new(config, shards, 1);
    let mut readers: Vec<_> =
        [Some(Reader::taking(&target)), Reader::following(&target)].into_iter().flatten().collect();
    let mut check = || readers.iter_mut().all(|reader| reader.check().is_ok());
    let Some(refusal) = Refusal::beyond(room) else { return false };
    let operate = |turns: Range<u64>| turns.for_each(|turn| target.operate(0, turn));
    operate(0..WITHOUT_SHARDS / 2);
    let before = !target.warm_up() && check();
    operate(WITHOUT_SHARDS / 2..WITHOUT_SHARDS);
    let without = before && !target.warm_up() && check();
    drop(refusal);
    let with = target.warm_up() && check();
    operate(0..100);
    without && with && check()
}

/// Holds all leases that there is room for, so that the next one needs memory.
struct Leases(#[expect(dead_code, reason = "kept")] Vec<Target>);

impl Leases {
    /// Returns `None` if there is always room.
    fn of_all_leases(config: Config) -> Option<Self> {
        const MOST: usize = 3_000;
        if config.kind == Kind::CounterSet {
            return Some(Self(Vec::new()));
        }
        let targets: Vec<_> = (0..MOST).map(|_| Target::new(config, None, 0)).collect();
        let _refusal = Refusal::beyond(0)?;
        targets.iter().any(|target| !target.warm_up()).then_some(Self(targets))
    }
}
