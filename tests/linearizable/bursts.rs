//! Bursts: several threads start together, take a few steps each, and record the results.

use crate::{
    checker::{Action, Operation},
    subjects::{Step, Subject},
    support::affinity::Hopper,
};
use std::{
    hint, iter, mem,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        },
        mpsc::channel,
    },
    thread::{self, Scope, ScopedJoinHandle},
};

/// A move of a thread in a burst.
#[derive(Clone, Debug)]
pub(crate) enum Move {
    Act(Step),
    /// Waits until the turn has this number.
    Await(usize),
    /// Increments the turn.
    Pass,
    /// Yields to other threads.
    Yield,
    /// Moves to another CPU.
    Hop,
}

/// The record of a burst.
#[derive(Debug)]
pub(crate) struct Burst {
    /// The state before it.
    pub(crate) initial: Vec<u64>,
    pub(crate) history: Vec<Operation>,
}

impl Burst {
    /// Returns whether some thread read while another one added.
    pub(crate) fn has_a_read_during_an_add(&self) -> bool {
        let is_add = |it: &&Operation| matches!(it.action, Action::Add(_));
        let overlap = |one: &Operation, two: &Operation| one.begin < two.end && two.begin < one.end;
        let (adds, reads): (Vec<_>, Vec<_>) = self.history.iter().partition(is_add);
        reads.iter().any(|read| adds.iter().any(|add| overlap(read, add)))
    }
}

/// How bursts are run.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) threads: usize,
    pub(crate) bursts: usize,
    /// How many threads claim a number between one thread of the burst and the next, so that their shards are
    /// that far apart.
    pub(crate) crowd: usize,
    /// Whether the last thread has a CPU of its own, if there are two.
    pub(crate) pinned: bool,
}

impl Shape {
    /// Runs bursts on `subject`, with the moves that `plan` returns for a burst and a thread.
    pub(crate) fn run(
        self,
        subject: &impl Subject,
        plan: impl Fn(usize, usize) -> Vec<Move> + Sync,
    ) -> Vec<Burst> {
        let (stage, stay, plan) = (&Stage::new(self.threads), &Mutex::new(()), &plan);
        let records = thread::scope(|scope| {
            let stay_here = stay.lock();
            let hire = |index| {
                if index > 0 {
                    (0..self.crowd).for_each(|_| drop(start(scope, subject, || drop(stay.lock()))));
                }
                start(scope, subject, move || {
                    let cpu = usize::from(index + 1 < self.threads);
                    let _pinned = self.pinned.then(|| Hopper::pinned(cpu));
                    let part = |burst| stage.play(index, subject, &plan(burst, index));
                    (0..self.bursts).map(part).collect::<Vec<_>>()
                })
            };
            let actors: Vec<_> = (0..self.threads).map(hire).collect();
            drop(stay_here);
            actors.into_iter().map(|actor| actor.join().unwrap()).collect()
        });
        merge(subject.columns(), records)
    }
}

/// Starts a thread, and returns after it has added, and so claimed a number.
fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    subject: &'scope impl Subject,
    body: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let (sender, receiver) = channel();
    let thread = scope.spawn(move || {
        subject.act(&Step::Add(vec![(0, 0)]));
        sender.send(()).unwrap();
        body()
    });
    receiver.recv().unwrap();
    thread
}

/// Merges what each thread has recorded in each burst. A burst ends with a read by the first thread, which is
/// the initial state of the next one.
fn merge(columns: usize, records: Vec<Vec<Vec<Operation>>>) -> Vec<Burst> {
    let mut state = vec![0; columns];
    let mut threads: Vec<_> = records.into_iter().map(Vec::into_iter).collect();
    let next = || {
        let parts: Vec<_> = threads.iter_mut().filter_map(Iterator::next).collect();
        let Action::Sum(0, end) = &parts.first()?.last()?.action else {
            panic!("a burst ends with a read of all columns")
        };
        let initial = mem::replace(&mut state, end.clone());
        Some(Burst { initial, history: parts.concat() })
    };
    iter::from_fn(next).collect()
}

/// State shared by the threads of a burst.
struct Stage {
    clock: AtomicU64,
    turn: AtomicUsize,
    gate: Gate,
}

impl Stage {
    fn new(threads: usize) -> Self {
        Self { clock: AtomicU64::new(0), turn: AtomicUsize::new(0), gate: Gate::new(threads) }
    }

    /// Plays one thread's part in a burst.
    fn play(&self, thread: usize, subject: &impl Subject, moves: &[Move]) -> Vec<Operation> {
        let mut hopper = None;
        let mut operations = Vec::with_capacity(moves.len() + 1);
        let _breaks = BreaksOnPanic(&self.gate);
        self.gate.wait();
        for it in moves {
            match it {
                Move::Act(step) => operations.push(self.record(|| subject.act(step))),
                Move::Await(turn) => self.gate.until(|| self.turn.load(Acquire) >= *turn),
                Move::Pass => drop(self.turn.fetch_add(1, Release)),
                Move::Yield => thread::yield_now(),
                Move::Hop => hopper.get_or_insert_with(|| Hopper::pinned(thread)).hop(),
            }
        }
        self.gate.wait();
        if thread == 0 {
            operations.push(self.record(|| subject.act(&Step::Snapshot)));
            self.turn.store(0, Relaxed);
        }
        operations
    }

    fn record(&self, act: impl FnOnce() -> Action) -> Operation {
        let begin = self.clock.fetch_add(1, SeqCst);
        let action = act();
        let end = self.clock.fetch_add(1, SeqCst);
        Operation { begin, end, action }
    }
}

/// A barrier that spins, so that as many threads as there are CPUs leave it at the same moment.
struct Gate {
    threads: usize,
    arrived: AtomicUsize,
    opened: AtomicUsize,
    broken: AtomicBool,
}

impl Gate {
    fn new(threads: usize) -> Self {
        let (arrived, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { threads, arrived, opened, broken: AtomicBool::new(false) }
    }

    fn wait(&self) {
        let opened = self.opened.load(Acquire);
        if self.arrived.fetch_add(1, AcqRel) + 1 == self.threads {
            self.arrived.store(0, Relaxed);
            self.opened.store(opened + 1, Release);
        } else {
            self.until(|| self.opened.load(Acquire) != opened);
        }
    }

    fn until(&self, condition: impl Fn() -> bool) {
        for round in 0.. {
            if condition() {
                return;
            }
            assert!(!self.broken.load(Relaxed), "another thread has panicked");
            if round % 64 == 63 { thread::yield_now() } else { hint::spin_loop() }
        }
    }
}

/// Makes the other threads panic, too, instead of waiting for this one.
struct BreaksOnPanic<'a>(&'a Gate);

impl Drop for BreaksOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.broken.store(true, Relaxed);
        }
    }
}
