//! How adders begin and end.

use super::Fault;
use crate::{
    memory,
    run::{Life, Run},
    target::{Kind, Reader, Target},
};
use std::{
    any::Any,
    cell::RefCell,
    panic,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

static DEATHS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Churn;

impl Fault for Churn {
    fn name(&self) -> &'static str {
        "churn"
    }

    fn what(&self) -> &'static str {
        "adders end after 1,280 operations, and others take their places: threads that ended"
    }

    fn struck(&self, _: &Run) -> u64 {
        DEATHS.load(Relaxed)
    }

    fn shortens_lives(&self) -> bool {
        true
    }

    fn dies(&self, _: &Life) {
        DEATHS.fetch_add(1, Relaxed);
    }
}

static PANICS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Panics;

/// Leaves panics unmentioned while it lives.
struct Hush;

impl Drop for Hush {
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

    fn struck(&self, _: &Run) -> u64 {
        PANICS.load(Relaxed)
    }

    fn shortens_lives(&self) -> bool {
        true
    }

    fn begin(&self, _: &Arc<Run>) -> Option<Box<dyn Any>> {
        panic::set_hook(Box::new(|_| {}));
        Some(Box::new(Hush))
    }

    fn dies(&self, life: &Life) {
        if !life.number.is_multiple_of(2) {
            PANICS.fetch_add(1, Relaxed);
            life.panic();
        }
    }
}

static FAREWELLS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Farewells;

/// Adds when it is dropped.
struct Farewell(Life);

impl Drop for Farewell {
    fn drop(&mut self) {
        const ADDS: u64 = 64;
        self.0.add(self.0.turn(0), ADDS);
        FAREWELLS.fetch_add(ADDS, Relaxed);
    }
}

thread_local! {
    static FAREWELL: RefCell<Option<Farewell>> = const { RefCell::new(None) };
}

impl Farewells {
    fn leave(life: &Life) {
        FAREWELL.with_borrow_mut(|farewell| *farewell = Some(Farewell(life.clone())));
    }
}

impl Fault for Farewells {
    fn name(&self) -> &'static str {
        "destructors"
    }

    fn what(&self) -> &'static str {
        "adders add from a thread-local's destructor, registered before their first add or after their last: adds there"
    }

    fn struck(&self, _: &Run) -> u64 {
        FAREWELLS.load(Relaxed)
    }

    fn shortens_lives(&self) -> bool {
        true
    }

    fn born(&self, life: &Life) {
        if life.number.is_multiple_of(2) {
            Self::leave(life);
        }
    }

    fn dies(&self, life: &Life) {
        if !life.number.is_multiple_of(2) {
            Self::leave(life);
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
        "adders are refused memory for shards at their first operations: refusals"
    }

    fn struck(&self, _: &Run) -> u64 {
        REFUSED.load(Relaxed)
    }

    /// Only first operations ask for memory.
    fn least(&self, _: &Run) -> u64 {
        1
    }

    /// The spill of a set must be had: without it the process ends, as it does for `Vec`.
    fn prepare(&self, target: &mut Target, _: usize) {
        if target.column.kind == Kind::CounterSet {
            memory::refused_during(1, || target.touch());
        }
    }

    fn born(&self, life: &Life) {
        // Later ones find the shards there.
        if life.number > 0 {
            return;
        }
        for target in &life.run.targets {
            REFUSED.fetch_add(refusals(target, life.slot), Relaxed);
            // Others may have had all shards of that one made: one of its own has none.
            let mut own = Target::new(target.column, None, 1);
            self.prepare(&mut own, 0);
            REFUSED.fetch_add(refusals(&own, 0), Relaxed);
            life.run.wrongly(Reader::summing(&own).check());
        }
    }
}

/// How often operations on `target` are refused memory, up to ten times.
fn refusals(target: &Target, slot: usize) -> u64 {
    memory::refused_during(0, || {
        for turn in 0..1_000 {
            target.operate(slot, turn);
            if memory::refused() >= 10 {
                break;
            }
            // A reader may hold the lock, and meanwhile no shards are asked for.
            std::thread::yield_now();
        }
    })
}
