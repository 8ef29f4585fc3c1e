//! Adders, readers and faults at work on targets, until enough has happened.

use crate::{
    faults::{Fault, Side},
    os,
    target::{Config, Reader, Target},
};
use std::{
    array,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicI32, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread::{self, ScopedJoinHandle},
    time::Duration,
};

/// Operations between two injections of a fault from within an adder.
const BURST: u64 = 64;
/// Bursts of an adder that ends early.
const BURSTS_OF_SHORT: u64 = 20;
/// How long to wait for a fault to happen often enough.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// The minimum number of reads.
pub(crate) const READS: u64 = 10;

pub(crate) struct Run {
    pub(crate) targets: Vec<Target>,
    faults: Vec<&'static dyn Fault>,
    /// The thread that is the adder of each slot.
    pub(crate) adders: Vec<AtomicI32>,
    /// Tells adders and faults to end.
    stop: AtomicBool,
    /// All adders have ended: readers make their last check.
    ended: AtomicBool,
    operations: AtomicU64,
    reads: [AtomicU64; 2],
    wrong: Mutex<Vec<String>>,
}

/// One thread that adds.
#[derive(Clone)]
pub(crate) struct Adder {
    pub(crate) run: Arc<Run>,
    pub(crate) slot: usize,
    /// How many adders the slot has had before.
    pub(crate) number: u64,
}

/// The payload of an adder's intended panic.
struct Intended;

/// The result of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) operations: u64,
    pub(crate) reads: u64,
    /// How often each fault has happened.
    pub(crate) happened: Vec<u64>,
    pub(crate) wrong: Vec<String>,
}

impl Run {
    pub(crate) fn new(
        configs: impl IntoIterator<Item = Config>,
        faults: Vec<&'static dyn Fault>,
        slots: usize,
    ) -> Self {
        let shards = faults.iter().find_map(|fault| fault.shards());
        let target = |config| {
            // One more slot than there are adders, for adds before they start.
            let mut target = Target::new(config, shards, slots + 1);
            for fault in &faults {
                fault.prepare(&mut target, slots);
            }
            target
        };
        Self {
            targets: configs.into_iter().map(target).collect(),
            adders: (0..slots).map(|_| AtomicI32::new(0)).collect(),
            stop: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            operations: AtomicU64::new(0),
            reads: array::from_fn(|_| AtomicU64::new(0)),
            wrong: Mutex::new(Vec::new()),
            faults,
        }
    }

    /// Runs until `stop` returns true, which is called every millisecond; then checks that all totals are
    /// exact.
    pub(crate) fn go(self, mut is_enough: impl FnMut(&Progress<'_>) -> bool) -> Outcome {
        let run = &Arc::new(self);
        let progress = Progress { run, happened_before: run.happened() };
        let under_way: Vec<_> = run.faults.iter().map(|fault| fault.begin(run)).collect();
        thread::scope(|scope| {
            let readers = [0, 1].map(|kind| scope.spawn(move || run.read(kind)));
            let slots = 0..run.adders.len();
            let mut adders: Vec<_> =
                slots.map(|slot| scope.spawn(move || run.keep_alive(slot))).collect();
            let sides = run.faults.iter().filter_map(|fault| fault.side());
            adders.extend(sides.map(|side| scope.spawn(move || run.keep_doing(side))));
            while !is_enough(&progress) && !run.is_wrong() {
                thread::sleep(Duration::from_millis(1));
            }
            run.stop.store(true, SeqCst);
            run.join(adders);
            run.ended.store(true, SeqCst);
            run.join(readers);
        });
        drop(under_way);
        progress.outcome()
    }

    fn join<'a>(&self, threads: impl IntoIterator<Item = ScopedJoinHandle<'a, ()>>) {
        for thread in threads {
            if thread.join().is_err() {
                self.wrongly(Err("a thread of the stress itself has panicked".into()));
            }
        }
    }

    /// Runs one adder after another in a slot, as long as there is anything to add.
    fn keep_alive(self: &Arc<Self>, slot: usize) {
        for number in 0.. {
            let adder = Adder { run: Arc::clone(self), slot, number };
            if let Err(panic) = thread::spawn(move || adder.work()).join()
                && !panic.is::<Intended>()
            {
                self.wrongly(Err("an adder has panicked".into()));
            }
            if self.is_over() {
                break;
            }
        }
    }

    fn keep_doing(&self, side: Side) {
        while !self.is_over() {
            self.wrongly(side(self));
        }
    }

    fn read(&self, kind: usize) {
        let taking = self.faults.iter().any(|fault| fault.takes());
        let mut readers: Vec<_> = self
            .targets
            .iter()
            .enumerate()
            .filter_map(|(index, target)| match kind {
                // Every second one of many is only summed, since a take would lower sums.
                0 if taking && index.is_multiple_of(2) => Some(Reader::taking(target)),
                0 => Some(Reader::summing(target)),
                _ => Reader::following(target),
            })
            .collect();
        loop {
            let last = self.ended.load(SeqCst);
            for reader in &mut readers {
                self.wrongly(reader.check());
            }
            self.reads[kind].fetch_add(readers.len() as u64, Relaxed);
            if last || readers.is_empty() {
                break;
            }
            // Lets adders proceed where there are fewer CPUs than threads.
            thread::yield_now();
        }
    }

    /// Records the first few errors.
    pub(crate) fn wrongly(&self, result: Result<(), String>) {
        const ENOUGH: usize = 5;
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(what) = result
            && wrong.len() < ENOUGH
        {
            wrong.push(what);
        }
    }

    fn is_wrong(&self) -> bool {
        !self.wrong.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// The number of reads so far, by each of the two readers.
    pub(crate) fn reads(&self) -> [u64; 2] {
        [0, 1].map(|kind: usize| self.reads[kind].load(Relaxed))
    }

    fn happened(&self) -> Vec<u64> {
        self.faults.iter().map(|fault| fault.happened(self)).collect()
    }
}

/// The progress of a run.
pub(crate) struct Progress<'a> {
    run: &'a Run,
    happened_before: Vec<u64>,
}

impl Progress<'_> {
    pub(crate) fn operations(&self) -> u64 {
        self.run.operations.load(Relaxed)
    }

    pub(crate) fn reads(&self) -> u64 {
        self.run.reads().iter().sum()
    }

    /// How often each fault has happened in this run.
    pub(crate) fn happened(&self) -> Vec<u64> {
        let happened = self.run.happened().into_iter();
        happened.zip(&self.happened_before).map(|(happened, before)| happened - before).collect()
    }

    /// Returns whether there were that many operations, some reads, and each fault has happened often enough.
    pub(crate) fn is_enough(&self, operations: u64) -> bool {
        self.operations() >= operations
            && self.reads() >= READS
            && self
                .run
                .faults
                .iter()
                .zip(self.happened())
                .all(|(fault, happened)| happened >= fault.least(self.run))
    }

    fn outcome(&self) -> Outcome {
        let happened = self.happened();
        for (fault, &happened) in self.run.faults.iter().zip(&happened) {
            let (name, least) = (fault.name(), fault.least(self.run));
            if happened < least {
                let told = format!("{name}: {happened} times, not {least}, so this proves nothing");
                self.run.wrongly(Err(told));
            }
        }
        let wrong = self.run.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Outcome { operations: self.operations(), reads: self.reads(), happened, wrong }
    }
}

impl Adder {
    fn work(self) {
        let Run { faults, adders, .. } = &*self.run;
        adders[self.slot].store(os::gettid(), Relaxed);
        os::take_signals(true);
        for fault in faults {
            fault.on_start(&self);
        }
        let short = faults.iter().any(|fault| fault.ends_adders_early());
        let bursts = if short { BURSTS_OF_SHORT } else { u64::MAX };
        for burst in 0..bursts {
            for fault in faults {
                fault.inject(&self, self.number + burst);
            }
            self.add(self.turn(burst), BURST);
            if self.run.is_over() {
                break;
            }
        }
        adders[self.slot].store(0, Relaxed);
        for fault in faults {
            fault.on_end(&self);
        }
    }

    /// Returns where a burst's turns begin, so that adders that end early reach all targets in turn.
    pub(crate) fn turn(&self, burst: u64) -> u64 {
        (self.number * BURSTS_OF_SHORT + burst) * BURST
    }

    /// Returns which target is added to from turn `first` on.
    pub(crate) fn target(&self, first: u64) -> &Target {
        let targets = &self.run.targets;
        let index = usize::try_from(first / BURST).unwrap_or(0) + self.slot;
        &targets[index % targets.len()]
    }

    /// Performs that many operations, from turn `first` on, on one of the targets.
    pub(crate) fn add(&self, first: u64, operations: u64) {
        let target = self.target(first);
        (first..first + operations).for_each(|turn| target.operate(self.slot, turn));
        self.run.operations.fetch_add(operations, Relaxed);
    }

    /// Panics during an operation on every target, and then once more, to end.
    pub(crate) fn panic(&self) {
        for target in &self.run.targets {
            let operation = AssertUnwindSafe(|| target.operate_and_panic(self.slot));
            if catch_unwind(operation).is_ok() {
                self.run.wrongly(Err("an operation did not panic".into()));
            }
        }
        resume_unwind(Box::new(Intended));
    }
}
