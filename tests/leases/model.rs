//! Any program that makes counters, adds to them, reads, takes and drops them, in the same pools on several
//! threads, agrees with plain integers.

use crate::{
    counter,
    support::{Case, Counts, Crew, on_every_backend, together},
};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    test_runner::TestRunner,
};
use std::{
    sync::{Barrier, Mutex},
    thread,
};

const THREADS: usize = 3;
/// How many counters a program has alive at a time.
const SLOTS: usize = 6;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Replaces the counter in the slot, which is dropped.
    Make {
        is_level: bool,
        padded: bool,
    },
    Drop,
    Add(u64),
    Sum,
    Total,
    Take,
    WarmUp,
    /// Adds 1 twice on each of that many new threads, all alive at once: `PerThread` must grow for them.
    AddByMany(usize),
}

fn amounts() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..=10_u64, 1 => any::<u64>(), 1 => Just(u64::MAX), 1 => Just(1 << 63)]
}

fn makes() -> impl Strategy<Value = Step> {
    (any::<bool>(), any::<bool>()).prop_map(|(is_level, padded)| Step::Make { is_level, padded })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => makes(),
        2 => Just(Step::Drop),
        8 => amounts().prop_map(Step::Add),
        3 => Just(Step::Sum),
        2 => Just(Step::Total),
        2 => Just(Step::Take),
        1 => Just(Step::WarmUp),
    ]
}

/// The expected state of a counter.
#[derive(Clone, Copy, Debug, Default)]
struct Model {
    total: u64,
    taken: u64,
}

/// A counter and its expected state.
struct Checked {
    subject: Box<dyn Counts>,
    model: Model,
}

impl Checked {
    fn new(case: &Case, is_level: bool, padded: bool) -> Self {
        Self { subject: counter(case, is_level, padded), model: Model::default() }
    }

    fn sum(&self) -> u64 {
        self.model.total.wrapping_sub(self.model.taken)
    }

    fn added(&mut self, n: u64) {
        self.model.total = self.model.total.wrapping_add(n);
    }

    /// Panics unless the counter has the expected state.
    fn check(&self) {
        assert_eq!(self.subject.sum(), self.sum(), "the sum");
        if let Some(total) = self.subject.total() {
            assert_eq!(total, self.model.total, "the total");
            let delta = self.subject.deltas().map(|mut new| new.next());
            assert_eq!(delta, Some(total), "the first delta");
        }
    }
}

type Slot = Option<Checked>;

/// Takes `step` on a slot, and checks the result.
fn take_step(slot: &mut Slot, case: &Case, step: Step) {
    match (step, slot) {
        (Step::Make { is_level, padded }, slot) => {
            *slot = Some(Checked::new(case, is_level, padded));
        }
        (Step::Drop, slot) => *slot = None,
        (_, None) => {}
        (Step::Add(n), Some(checked)) => {
            checked.subject.add(n);
            checked.added(n);
        }
        (Step::Sum, Some(checked)) => assert_eq!(checked.subject.sum(), checked.sum()),
        (Step::Total, Some(checked)) => checked.check(),
        (Step::Take, Some(checked)) => {
            assert_eq!(checked.subject.take(), checked.sum());
            checked.model.taken = checked.model.total;
        }
        (Step::WarmUp, Some(checked)) => assert!(checked.subject.warm_up()),
        (Step::AddByMany(threads), Some(checked)) => {
            let all_alive = Barrier::new(threads);
            together(threads, |_| {
                checked.subject.add(1);
                all_alive.wait();
                checked.subject.add(1);
            });
            checked.added(2 * threads as u64);
        }
    }
}

fn run<P: Strategy>(programs: P, body: impl Fn(P::Value)) {
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() };
    let run = |program| {
        body(program);
        Ok(())
    };
    TestRunner::new(config).run(&programs, run).unwrap();
}

/// In turn, each step on any of the threads: a counter is made on one, added to on others, and dropped on yet
/// another.
#[test]
fn programs_in_turn_agree_with_integers() {
    let step = prop_oneof![30 => steps(), 1 => (1..9_usize).prop_map(Step::AddByMany)];
    let programs = vec((0..THREADS, 0..SLOTS, step), 0..150);
    on_every_backend(|case| {
        run(&programs, |program| {
            let slots: [_; SLOTS] = std::array::from_fn(|_| Mutex::new(None));
            thread::scope(|scope| {
                let crew = Crew::new(scope, THREADS);
                for (thread, slot, step) in program {
                    let slot = &slots[slot];
                    crew.on(thread, move || take_step(&mut slot.lock().unwrap(), case, step));
                }
            });
            for slot in &slots {
                slot.lock().unwrap().iter().for_each(Checked::check);
            }
        });
    });
}

/// All threads at once, each with its own counters, and all adding to some shared ones.
#[test]
fn concurrent_programs_agree_with_integers() {
    let program = || vec((0..SLOTS, steps()), 0..120);
    let programs = vec(program(), 2..5);
    on_every_backend(|case| {
        run(&programs, |programs| {
            let shared = [(false, false), (true, false), (false, true), (true, true)]
                .map(|(is_level, padded)| counter(case, is_level, padded));
            let lives = together(programs.len(), |thread| {
                let mut slots: [Slot; SLOTS] = Default::default();
                let mut added = 0_u64;
                for &(slot, step) in &programs[thread] {
                    take_step(&mut slots[slot], case, step);
                    if let Step::Add(n) = step {
                        for subject in &shared {
                            subject.add(n);
                        }
                        added = added.wrapping_add(n);
                    }
                }
                (slots, added)
            });
            // Read on a thread that did not add. Other threads may hold the numbers of those that did.
            let added = lives.iter().map(|(_, added)| *added).fold(0, u64::wrapping_add);
            lives.iter().flat_map(|(slots, _)| slots).flatten().for_each(Checked::check);
            assert!(shared.iter().all(|subject| subject.sum() == added));
        });
    });
}

/// Counters that outlive their neighbours keep their counts, while more and more threads make `PerThread`
/// take longer and longer leases.
#[test]
fn counters_keep_their_counts_while_neighbours_are_replaced_and_threads_added() {
    on_every_backend(|case| {
        let lasting: Vec<_> = (0..40).map(|n| counter(case, n % 3 == 0, n % 5 == 0)).collect();
        let mut added = 0;
        for threads in [1, 2, 3, 5, 9, 17, 33] {
            let all_alive = Barrier::new(threads);
            let passing: Vec<_> = together(threads, |thread| {
                let n = thread as u64 + 1;
                let passing = counter(case, thread % 2 == 0, thread % 3 == 0);
                let add = || lasting.iter().chain([&passing]).for_each(|subject| subject.add(n));
                add();
                all_alive.wait();
                add();
                (passing, 2 * n)
            });
            assert!(passing.iter().all(|(subject, n)| subject.sum() == *n));
            added += passing.iter().map(|(_, n)| n).sum::<u64>();
            assert!(lasting.iter().all(|subject| subject.sum() == added), "{threads} threads");
        }
    });
}

/// A counter is leased while other threads add to it, take from it and read it for the first time, too.
#[test]
fn first_adds_takes_and_sums_at_once_lose_nothing_and_count_nothing_twice() {
    const THREADS: usize = 4;
    on_every_backend(|case| {
        let counters: Vec<_> = (0..400).map(|n| counter(case, n % 2 == 0, n % 7 == 0)).collect();
        let next = Barrier::new(THREADS);
        let taken = together(THREADS, |thread| {
            let step = |counter: &dyn Counts| {
                next.wait();
                counter.add(6);
                let taken = if thread < 2 { counter.take() } else { 0 };
                counter.add(3);
                // Never negative, which would be huge: multiples of three go only up.
                assert!(thread < 2 || counter.sum() <= 9 * THREADS as u64);
                taken
            };
            counters.iter().map(|counter| step(&**counter)).collect::<Vec<_>>()
        });
        for (at, counter) in counters.iter().enumerate() {
            let taken: u64 = taken.iter().map(|taken| taken[at]).sum();
            assert_eq!(taken + counter.sum(), 9 * THREADS as u64, "counter {at}");
        }
    });
}
