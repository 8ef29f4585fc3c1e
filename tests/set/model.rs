//! Any program of adds, batches, takes and deltas, run in turn on several threads, agrees with a vector of
//! `u64`.

use crate::{
    set,
    support::{Crew, on_every_backend},
};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    sample::Index,
    test_runner::TestRunner,
};
use std::thread;
use striped_counter::{CounterSet, SetDeltas};

const THREADS: usize = 3;
const CURSORS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Add(Index, u64),
    Batch(Vec<(Index, u64)>),
    Sum(Index),
    Sums,
    Take(Index),
    Takes,
    /// The next delta of one of the cursors.
    Delta(usize),
}

fn amounts() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, any::<u64>(), (0..4_u64).prop_map(|n| u64::MAX - n)]
}

fn add() -> impl Strategy<Value = (Index, u64)> {
    (any::<Index>(), amounts())
}

/// A length, and steps, each with the thread that takes it.
fn programs() -> impl Strategy<Value = (usize, Vec<(usize, Step)>)> {
    let step = prop_oneof![
        3 => add().prop_map(|(index, n)| Step::Add(index, n)),
        3 => vec(add(), 0..6).prop_map(Step::Batch),
        1 => any::<Index>().prop_map(Step::Sum),
        1 => Just(Step::Sums),
        1 => any::<Index>().prop_map(Step::Take),
        1 => Just(Step::Takes),
        1 => (0..CURSORS).prop_map(Step::Delta),
    ];
    (1..40_usize, vec((0..THREADS, step), 0..50))
}

/// The expected state of a set.
struct Model {
    totals: Vec<u64>,
    taken: Vec<u64>,
    seen: [Vec<u64>; CURSORS],
}

fn minus(totals: &[u64], less: &[u64]) -> Vec<u64> {
    totals.iter().zip(less).map(|(total, less)| total.wrapping_sub(*less)).collect()
}

impl Model {
    fn new(len: usize) -> Self {
        let zeroes = vec![0; len];
        Self { seen: [zeroes.clone(), zeroes.clone()], taken: zeroes.clone(), totals: zeroes }
    }

    fn add(&mut self, index: usize, n: u64) {
        self.totals[index] = self.totals[index].wrapping_add(n);
    }

    fn sums(&self) -> Vec<u64> {
        minus(&self.totals, &self.taken)
    }

    fn take(&mut self, index: usize) -> u64 {
        let sum = self.sums()[index];
        self.taken[index] = self.totals[index];
        sum
    }

    fn takes(&mut self) -> Vec<u64> {
        let sums = self.sums();
        self.taken.clone_from(&self.totals);
        sums
    }

    fn delta(&mut self, cursor: usize) -> Vec<u64> {
        let delta = minus(&self.totals, &self.seen[cursor]);
        self.seen[cursor].clone_from(&self.totals);
        delta
    }
}

/// Runs a program on the threads of a crew and on the model, and compares them.
struct Run<'a> {
    crew: Crew<'a>,
    set: &'a CounterSet,
    cursors: Vec<SetDeltas<&'a CounterSet>>,
    model: Model,
}

impl Run<'_> {
    fn take_step(&mut self, thread: usize, step: Step) {
        let (set, len) = (self.set, self.set.len());
        match step {
            Step::Add(index, n) => {
                self.model.add(index.index(len), n);
                self.crew.on(thread, move || set.add(index.index(len), n));
            }
            Step::Batch(adds) => {
                let adds: Vec<_> = adds.iter().map(|(index, n)| (index.index(len), *n)).collect();
                for &(index, n) in &adds {
                    self.model.add(index, n);
                }
                self.crew.on(thread, move || set.add_many(&adds));
            }
            Step::Sum(index) => {
                let index = index.index(len);
                assert_eq!(self.crew.on(thread, move || set.sum(index)), self.model.sums()[index]);
            }
            Step::Sums => {
                assert_eq!(self.crew.on(thread, || set.sums()), self.model.sums());
            }
            Step::Take(index) => {
                let index = index.index(len);
                let taken = self.crew.on(thread, move || set.take(index));
                assert_eq!(taken, self.model.take(index));
            }
            Step::Takes => {
                assert_eq!(self.crew.on(thread, || set.take_all()), self.model.takes());
            }
            Step::Delta(cursor) => {
                let mut moved = self.cursors[cursor].clone();
                let (delta, moved) = self.crew.on(thread, move || (moved.next_delta(), moved));
                self.cursors[cursor] = moved;
                assert_eq!(delta, self.model.delta(cursor));
            }
        }
    }
}

#[test]
fn any_program_on_several_threads_agrees_with_a_vector_of_u64() {
    on_every_backend(|case| {
        let config = ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() };
        let run = |(len, program)| {
            let set = set(case, len);
            thread::scope(|scope| {
                let cursors = vec![set.deltas(); CURSORS];
                let crew = Crew::new(scope, THREADS);
                let mut run = Run { crew, set: &set, cursors, model: Model::new(len) };
                for (thread, step) in program {
                    run.take_step(thread, step);
                }
                assert_eq!(set.sums(), run.model.sums());
                assert_eq!(set.deltas().next_delta(), run.model.totals);
            });
            Ok(())
        };
        TestRunner::new(config).run(&programs(), run).unwrap();
    });
}
