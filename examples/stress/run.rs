//! Adders, readers and faults at work on targets, until enough has happened.

use crate::{
    faults::{Fault, Side},
    os,
    target::{Column, Reader, Target},
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

/// Operations between two strikes of a fault from within an adder.
const BURST: u64 = 64;
/// Bursts of a life, where lives are short.
const SHORT_LIFE: u64 = 20;
/// How long to insist that a fault happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Reads that are made at the least.
pub(crate) const READS: u64 = 10;

pub(crate) struct Run {
    pub(crate) targets: Vec<Target>,
    faults: Vec<&'static dyn Fault>,
    /// The thread that is the adder of each slot.
    pub(crate) adders: Vec<AtomicI32>,
    /// Adders and faults are to end.
    stop: AtomicBool,
    /// All adders have ended: readers make their last check.
    ended: AtomicBool,
    operations: AtomicU64,
    reads: [AtomicU64; 2],
    wrong: Mutex<Vec<String>>,
}

/// One thread that adds, from its birth to its death.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) run: Arc<Run>,
    pub(crate) slot: usize,
    /// How many lives the slot has had before.
    pub(crate) number: u64,
}

/// What an adder panics with that is to.
struct Intended;

/// What came of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) operations: u64,
    pub(crate) reads: u64,
    /// How often each fault has struck.
    pub(crate) struck: Vec<u64>,
    pub(crate) wrong: Vec<String>,
}

impl Run {
    pub(crate) fn new(
        columns: impl IntoIterator<Item = Column>,
        faults: Vec<&'static dyn Fault>,
        slots: usize,
    ) -> Self {
        let shards = faults.iter().find_map(|fault| fault.shards());
        let target = |column| {
            // One more slot than there are adders, for what is added beforehand.
            let mut target = Target::new(column, shards, slots + 1);
            for fault in &faults {
                fault.prepare(&mut target, slots);
            }
            target
        };
        Self {
            targets: columns.into_iter().map(target).collect(),
            adders: (0..slots).map(|_| AtomicI32::new(0)).collect(),
            stop: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            operations: AtomicU64::new(0),
            reads: array::from_fn(|_| AtomicU64::new(0)),
            wrong: Mutex::new(Vec::new()),
            faults,
        }
    }

    /// Goes on until told to stop, which is asked every millisecond; then checks that all is exact.
    pub(crate) fn go(self, mut is_enough: impl FnMut(&Progress<'_>) -> bool) -> Outcome {
        let run = &Arc::new(self);
        let progress = Progress { run, struck_before: run.struck() };
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

    /// One life after another, as long as there is anything to add.
    fn keep_alive(self: &Arc<Self>, slot: usize) {
        for number in 0.. {
            let life = Life { run: Arc::clone(self), slot, number };
            if let Err(panic) = thread::spawn(move || life.live()).join()
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
                // Every second one of many is left to sums, which a take would lower.
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
            // Adders are to get somewhere, also where there are fewer CPUs than threads.
            thread::yield_now();
        }
    }

    /// Takes down what is wrong, the first few times.
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

    /// Reads so far, of each of the two readers.
    pub(crate) fn reads(&self) -> [u64; 2] {
        [0, 1].map(|kind: usize| self.reads[kind].load(Relaxed))
    }

    fn struck(&self) -> Vec<u64> {
        self.faults.iter().map(|fault| fault.struck(self)).collect()
    }
}

/// What a run has come to so far.
pub(crate) struct Progress<'a> {
    run: &'a Run,
    struck_before: Vec<u64>,
}

impl Progress<'_> {
    pub(crate) fn operations(&self) -> u64 {
        self.run.operations.load(Relaxed)
    }

    pub(crate) fn reads(&self) -> u64 {
        self.run.reads().iter().sum()
    }

    /// How often each fault has struck in this run.
    pub(crate) fn struck(&self) -> Vec<u64> {
        let struck = self.run.struck().into_iter();
        struck.zip(&self.struck_before).map(|(struck, before)| struck - before).collect()
    }

    /// Whether there were so many operations, some reads, and every fault has struck often enough.
    pub(crate) fn is_enough(&self, operations: u64) -> bool {
        self.operations() >= operations
            && self.reads() >= READS
            && self
                .run
                .faults
                .iter()
                .zip(self.struck())
                .all(|(fault, struck)| struck >= fault.least(self.run))
    }

    fn outcome(&self) -> Outcome {
        let struck = self.struck();
        for (fault, &struck) in self.run.faults.iter().zip(&struck) {
            let (name, least) = (fault.name(), fault.least(self.run));
            if struck < least {
                let told = format!("{name}: {struck} times, not {least}, so this proves nothing");
                self.run.wrongly(Err(told));
            }
        }
        let wrong = self.run.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Outcome { operations: self.operations(), reads: self.reads(), struck, wrong }
    }
}

impl Life {
    fn live(self) {
        let Run { faults, adders, .. } = &*self.run;
        adders[self.slot].store(os::gettid(), Relaxed);
        os::take_signals(true);
        for fault in faults {
            fault.born(&self);
        }
        let short = faults.iter().any(|fault| fault.shortens_lives());
        let bursts = if short { SHORT_LIFE } else { u64::MAX };
        for burst in 0..bursts {
            for fault in faults {
                fault.strike(&self, self.number + burst);
            }
            self.add(self.turn(burst), BURST);
            if self.run.is_over() {
                break;
            }
        }
        adders[self.slot].store(0, Relaxed);
        for fault in faults {
            fault.dies(&self);
        }
    }

    /// Where a burst's turns begin: short lives that follow each other get to all targets.
    pub(crate) fn turn(&self, burst: u64) -> u64 {
        (self.number * SHORT_LIFE + burst) * BURST
    }

    /// Which target is added to from turn `first` on.
    pub(crate) fn target(&self, first: u64) -> &Target {
        let targets = &self.run.targets;
        let index = usize::try_from(first / BURST).unwrap_or(0) + self.slot;
        &targets[index % targets.len()]
    }

    /// So many operations, from turn `first` on, on one of the targets.
    pub(crate) fn add(&self, first: u64, operations: u64) {
        let target = self.target(first);
        (first..first + operations).for_each(|turn| target.operate(self.slot, turn));
        self.run.operations.fetch_add(operations, Relaxed);
    }

    /// Panics in the midst of an operation on every target, and then once more, to end.
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
