//! Random programs on several threads, compared with a vector of the recorded values.

use crate::{
    counts,
    support::{Crew, on_every_backend},
};
use proptest::{
    prelude::*,
    test_runner::{Config as ProptestConfig, TestRunner},
};
use std::thread;
use striped_counter::{HistogramSet, HistogramSnapshot};

const THREADS: usize = 3;
const LEN: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Record(usize, u64, u64),
    Snapshot(usize),
    Total(usize),
    Take(usize),
    All,
    TakeAll,
}

/// Small values, which few bounds and small powers separate, and values of any size.
fn value() -> impl Strategy<Value = u64> {
    prop_oneof![0..200_u64, 0..100_000_u64, any::<u64>()]
}

fn programs() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        6 => (0..LEN, value(), 0..4_u64).prop_map(|(i, v, n)| Step::Record(i, v, n)),
        1 => (0..LEN).prop_map(Step::Snapshot),
        1 => (0..LEN).prop_map(Step::Total),
        1 => (0..LEN).prop_map(Step::Take),
        1 => Just(Step::All),
        1 => Just(Step::TakeAll),
    ];
    prop::collection::vec((0..THREADS, step), 1..60)
}

/// The recorded values of one histogram, and how many of them there were at the last take.
#[derive(Clone, Default)]
struct Model {
    recorded: Vec<u64>,
    taken: usize,
}

impl Model {
    /// Compares a snapshot with the values from the `from`th on.
    fn check(&self, snapshot: &HistogramSnapshot, from: usize) {
        let values = &self.recorded[from..];
        assert_eq!(snapshot.count(), values.len() as u64);
        assert_eq!(snapshot.sum(), Some(values.iter().copied().fold(0, u64::wrapping_add)));
        let in_range = |(range, _): (std::ops::RangeInclusive<u64>, u64)| {
            values.iter().filter(|value| range.contains(value)).count() as u64
        };
        assert_eq!(counts(snapshot), snapshot.buckets().map(in_range).collect::<Vec<_>>());
    }
}

fn run(set: &HistogramSet, program: Vec<(usize, Step)>) {
    thread::scope(|scope| {
        let crew = Crew::new(scope, THREADS);
        let mut models = vec![Model::default(); LEN];
        for (thread, step) in program {
            match step {
                Step::Record(index, value, times) => {
                    models[index].recorded.extend((0..times).map(|_| value));
                    crew.on(thread, move || set.record_n(index, value, times));
                }
                Step::Snapshot(index) => {
                    let model = &models[index];
                    model.check(&crew.on(thread, move || set.snapshot(index)), model.taken);
                }
                Step::Total(index) => {
                    models[index].check(&crew.on(thread, move || set.total(index)), 0);
                }
                Step::Take(index) => {
                    let model = &mut models[index];
                    model.check(&crew.on(thread, move || set.take(index)), model.taken);
                    model.taken = model.recorded.len();
                }
                Step::All => {
                    let all = crew.on(thread, || set.snapshots());
                    models.iter().zip(&all).for_each(|(model, of)| model.check(of, model.taken));
                }
                Step::TakeAll => {
                    let all = crew.on(thread, || set.take_all());
                    for (model, of) in models.iter_mut().zip(&all) {
                        model.check(of, model.taken);
                        model.taken = model.recorded.len();
                    }
                }
            }
        }
    });
}

#[test]
fn any_program_on_several_threads_agrees_with_a_vector_of_values() {
    on_every_backend(|case| {
        let config = ProptestConfig { cases: 15, failure_persistence: None, ..Default::default() };
        let builder = case.set(HistogramSet::builder(LEN));
        TestRunner::new(config)
            .run(&programs(), |program| {
                run(&builder.bounds(&[0, 9, 50, 1_000]).build(), program.clone());
                run(&builder.grouping_power(1).max_value_power(10).build(), program.clone());
                run(&builder.grouping_power(3).max_value_power(64).build(), program);
                Ok(())
            })
            .unwrap();
    });
}
