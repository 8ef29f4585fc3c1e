//! Random programs of adds, takes, deltas and sums over several threads, against a plain integer.

mod support;

use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{
    sync::{Mutex, mpsc},
    thread::{self, Scope, ScopedJoinHandle},
};
use striped_counter::{Backend, Counter, Deltas};

const THREADS: usize = 3;
const CURSORS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(u64),
    Take,
    Sum,
    Delta(usize),
    /// Replaces this cursor by one that has seen nothing.
    NewCursor(usize),
    /// Replaces the thread whose turn it is.
    NewThread,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    backend: Backend,
    shards: Option<usize>,
    read_lock: bool,
}

impl Settings {
    fn build(self) -> Counter {
        let builder = Counter::builder().backend(self.backend).read_lock(self.read_lock);
        match self.shards {
            Some(shards) => builder.shards(shards).build(),
            None => builder.build(),
        }
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let backend =
        select(vec![Backend::Auto, Backend::PerCpu, Backend::PerThread, Backend::Striped]);
    let shards = option::of(prop_oneof![Just(1), 1..=9_usize, Just(64)]);
    (backend, shards, any::<bool>()).prop_map(|(backend, shards, read_lock)| {
        let shards = shards.filter(|_| backend != Backend::PerThread);
        Settings { backend, shards, read_lock }
    })
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..=10_u64, 1 => any::<u64>(), 1 => Just(u64::MAX), 1 => Just(1 << 63)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => amount().prop_map(Step::Add),
        2 => Just(Step::Take),
        3 => Just(Step::Sum),
        3 => (0..CURSORS).prop_map(Step::Delta),
        1 => (0..CURSORS).prop_map(Step::NewCursor),
        1 => Just(Step::NewThread),
    ]
}

/// The expected state of a counter, modulo 2^64.
#[derive(Default)]
struct Model {
    total: u64,
    taken: u64,
    seen: [u64; CURSORS],
}

impl Model {
    fn run(&mut self, step: Step) -> Option<u64> {
        match step {
            Step::Add(n) => self.total = self.total.wrapping_add(n),
            Step::NewCursor(cursor) => self.seen[cursor] = 0,
            Step::NewThread => {}
            Step::Take => return Some(move_up(&mut self.taken, self.total)),
            Step::Delta(cursor) => return Some(move_up(&mut self.seen[cursor], self.total)),
            Step::Sum => return Some(self.total.wrapping_sub(self.taken)),
        }
        None
    }
}

/// Sets `baseline` to `total`, and returns the difference.
fn move_up(baseline: &mut u64, total: u64) -> u64 {
    total.wrapping_sub(std::mem::replace(baseline, total))
}

/// A counter and the cursors over it.
struct Subject<'a> {
    counter: &'a Counter,
    cursors: [Mutex<Deltas<&'a Counter>>; CURSORS],
}

impl<'a> Subject<'a> {
    fn new(counter: &'a Counter) -> Self {
        Self { counter, cursors: std::array::from_fn(|_| Mutex::new(counter.deltas())) }
    }

    fn run(&self, step: Step) -> Option<u64> {
        match step {
            Step::Add(n) => self.counter.add(n),
            Step::NewCursor(cursor) => {
                *self.cursors[cursor].lock().unwrap() = self.counter.deltas();
            }
            Step::NewThread => {}
            Step::Take => return Some(self.counter.take()),
            Step::Delta(cursor) => return Some(self.cursors[cursor].lock().unwrap().next_delta()),
            Step::Sum => return Some(self.counter.sum()),
        }
        None
    }
}

/// A thread that takes one step at a time, on demand.
struct Worker<'scope> {
    steps: mpsc::Sender<Step>,
    results: mpsc::Receiver<Option<u64>>,
    thread: ScopedJoinHandle<'scope, ()>,
}

impl<'scope> Worker<'scope> {
    fn start(scope: &'scope Scope<'scope, '_>, subject: &'scope Subject<'_>) -> Self {
        let (steps, next_steps) = mpsc::channel();
        let (sender, results) = mpsc::channel();
        let thread = scope.spawn(move || {
            for step in next_steps {
                sender.send(subject.run(step)).unwrap();
            }
        });
        Self { steps, results, thread }
    }

    fn run(&self, step: Step) -> Option<u64> {
        self.steps.send(step).unwrap();
        self.results.recv().unwrap()
    }

    fn end(self) {
        drop(self.steps);
        self.thread.join().unwrap();
    }
}

/// In turn, each step on any of the threads.
fn run_in_turn(settings: Settings, program: &[(usize, Step)]) -> Result<(), TestCaseError> {
    let counter = settings.build();
    let (subject, mut model) = (Subject::new(&counter), Model::default());
    thread::scope(|scope| {
        let mut workers: [_; THREADS] = std::array::from_fn(|_| Worker::start(scope, &subject));
        for (at, &(thread, step)) in program.iter().enumerate() {
            if let Step::NewThread = step {
                std::mem::replace(&mut workers[thread], Worker::start(scope, &subject)).end();
            } else {
                prop_assert_eq!(workers[thread].run(step), model.run(step), "step {}", at);
            }
        }
        Ok(())
    })
}

/// One thread's part in a concurrent program, and its cursor, modulo 2^64.
struct Part<'a> {
    counter: &'a Counter,
    cursor: Deltas<&'a Counter>,
    added: u64,
    taken: u64,
    seen: u64,
}

impl<'a> Part<'a> {
    fn new(counter: &'a Counter) -> Self {
        Self { counter, cursor: counter.deltas(), added: 0, taken: 0, seen: 0 }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Add(n) => {
                self.counter.add(n);
                self.added = self.added.wrapping_add(n);
            }
            Step::Take => self.taken = self.taken.wrapping_add(self.counter.take()),
            Step::Delta(_) => self.seen = self.seen.wrapping_add(self.cursor.next_delta()),
            Step::NewCursor(_) => (self.cursor, self.seen) = (self.counter.deltas(), 0),
            Step::Sum | Step::NewThread => drop(self.counter.sum()),
        }
    }
}

/// All threads at once: in the end, nothing was lost and nothing was counted twice.
fn run_at_once(settings: Settings, programs: &[Vec<Step>]) -> Result<(), TestCaseError> {
    let counter = settings.build();
    let parts = support::together(programs.len(), |thread| {
        let mut part = Part::new(&counter);
        programs[thread].iter().for_each(|&step| part.run(step));
        part
    });
    let total = |of: fn(&Part) -> u64| parts.iter().map(of).fold(0, u64::wrapping_add);
    let (added, taken) = (total(|part| part.added), total(|part| part.taken));
    prop_assert_eq!(taken.wrapping_add(counter.sum()), added);
    for mut part in parts {
        part.run(Step::Delta(0));
        prop_assert_eq!(part.seen, added);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_program_in_turn_agrees_with_an_integer(
        settings in settings(),
        program in vec((0..THREADS, step()), 1..40),
    ) {
        run_in_turn(settings, &program)?;
    }

    #[test]
    fn concurrent_programs_lose_nothing_and_count_nothing_twice(
        settings in settings(),
        programs in vec(vec(step(), 0..40), 1..5),
    ) {
        run_at_once(settings, &programs)?;
    }
}
