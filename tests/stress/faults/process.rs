//! Faults that happen to the process while threads add, or to a thread that adds.

use super::{Fault, Side};
use crate::{
    os,
    run::{Adder, Run},
    target::{Config, Kind, Reader, Target},
};
use std::{
    any::Any,
    ffi::c_int,
    ptr,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{
            AtomicPtr, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread::{self, ScopedJoinHandle},
};
use striped_counter::Backend;

static SIGNALS: AtomicU64 = AtomicU64::new(0);
/// The run whose targets the handler adds to.
static INTERRUPTED: AtomicPtr<Run> = AtomicPtr::new(ptr::null_mut());

pub(super) struct Signals;

/// Makes the handler add to a run's targets until it is dropped.
struct Aim {
    _storm: os::Storm,
    _run: Arc<Run>,
}

impl Drop for Aim {
    fn drop(&mut self) {
        INTERRUPTED.store(ptr::null_mut(), SeqCst);
    }
}

extern "C" fn on_signal(_: c_int) {
    #[expect(unsafe_code, reason = "a handler has no other way to what it adds to")]
    // SAFETY: null, or a run that `Aim` keeps alive; only adders take the signal, and they have
    // ended before `Aim` is dropped.
    let Some(run) = (unsafe { INTERRUPTED.load(SeqCst).as_ref() }) else { return };
    SIGNALS.fetch_add(1, Relaxed);
    added_to_in_handlers(run).for_each(Target::operate_in_handler);
}

fn added_to_in_handlers(run: &Run) -> impl Iterator<Item = &Target> {
    run.targets.iter().filter(|target| may_add_in_handler(target.config))
}

/// `docs/internals/ordering.md`, A4, explains why a handler cannot add to its thread's shard, except in a
/// locked set.
fn may_add_in_handler(config: Config) -> bool {
    config.backend != Backend::PerThread || config.kind == Kind::CounterSet && config.read_lock
}

/// Makes shards for all numbers that adders may have, so that no handler allocates. In turn, since a thread
/// that finds another one making shards makes none.
fn touch_by_many(run: &Run) {
    let threads = 2 * run.adders.len();
    let (turn, together) = (Mutex::new(()), Barrier::new(threads));
    let touch = || {
        let turn = turn.lock();
        added_to_in_handlers(run).for_each(Target::touch);
        drop(turn);
        together.wait();
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(touch)).collect();
        // Joins the threads, so that their numbers are free.
        threads.into_iter().try_for_each(ScopedJoinHandle::join).expect("touching does not panic");
    });
}

impl Fault for Signals {
    fn name(&self) -> &'static str {
        "signals"
    }

    fn what(&self) -> &'static str {
        "a signal every 100 microseconds, whose handler adds to what it interrupts: signals handled"
    }

    fn happened(&self, _: &Run) -> u64 {
        SIGNALS.load(Relaxed)
    }

    fn applies(&self, config: Config) -> bool {
        may_add_in_handler(config)
    }

    fn begin(&self, run: &Arc<Run>) -> Option<Box<dyn Any>> {
        touch_by_many(run);
        INTERRUPTED.store(Arc::as_ptr(run).cast_mut(), SeqCst);
        Some(Box::new(Aim { _storm: os::Storm::new(on_signal), _run: Arc::clone(run) }))
    }
}

static FORKS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Forks;

impl Fault for Forks {
    fn name(&self) -> &'static str {
        "forks"
    }

    fn what(&self) -> &'static str {
        "forks while others add, whose children add too: children that ended well"
    }

    fn happened(&self, _: &Run) -> u64 {
        FORKS.load(Relaxed)
    }

    fn side(&self) -> Option<Side> {
        Some(|run| {
            os::in_child(|| run.targets.iter().all(Target::counts_on_in_child))?;
            FORKS.fetch_add(1, Relaxed);
            thread::sleep(std::time::Duration::from_millis(1));
            Ok(())
        })
    }
}

pub(super) struct Wrapping;

impl Fault for Wrapping {
    fn name(&self) -> &'static str {
        "wrapping"
    }

    fn what(&self) -> &'static str {
        "totals begin 1,000 before 2^64: totals that passed it"
    }

    fn happened(&self, run: &Run) -> u64 {
        run.targets.iter().map(Target::wraps).sum()
    }

    /// Each total wraps once, so adders have added to every target.
    fn least(&self, run: &Run) -> u64 {
        run.targets.iter().map(Target::totals).sum()
    }

    fn prepare(&self, target: &mut Target, slot: usize) {
        target.fill(slot);
    }
}

static DROPS: AtomicU64 = AtomicU64::new(0);

/// Makes that many counters, every second one with lines of its own, adds to all of them in turn, and drops
/// them.
fn make_and_drop(config: Config, count: usize) -> Result<(), String> {
    let targets: Vec<_> = (0..count)
        .map(|number| Target::with_padding(config, None, 1, number.is_multiple_of(2)))
        .collect();
    for turn in 0..20 {
        for target in &targets {
            target.operate(0, turn);
        }
    }
    for target in &targets {
        Reader::summing(target).check()?;
        Reader::taking(target).check()?;
        DROPS.fetch_add(1, Relaxed);
    }
    Ok(())
}

pub(super) struct Drops;

impl Fault for Drops {
    fn name(&self) -> &'static str {
        "drops"
    }

    fn what(&self) -> &'static str {
        "adders and another thread make counters of the same kind, which take the columns of those before, add, and drop them: counters dropped"
    }

    fn happened(&self, _: &Run) -> u64 {
        DROPS.load(Relaxed)
    }

    fn side(&self) -> Option<Side> {
        Some(|run| run.targets.iter().try_for_each(|target| make_and_drop(target.config, 24)))
    }

    fn inject(&self, adder: &Adder, turn: u64) {
        let config = adder.target(adder.turn(turn)).config;
        adder.run.wrongly(make_and_drop(config, 2));
    }
}

pub(super) struct Takes;

impl Fault for Takes {
    fn name(&self) -> &'static str {
        "takes"
    }

    fn what(&self) -> &'static str {
        "the reader takes instead of summing, while another follows the deltas: takes"
    }

    fn happened(&self, run: &Run) -> u64 {
        run.reads()[0]
    }

    fn takes(&self) -> bool {
        true
    }
}
