//! Any program of ups, downs, guards and takes, run in turn on several threads, agrees with an `i64`.

use crate::{
    level,
    support::{Crew, on_every_backend},
};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    test_runner::TestRunner,
};
use std::thread;
use striped_counter::{Guard, UpDownCounter};

const THREADS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Inc,
    Dec,
    Add(i64),
    Sub(i64),
    /// Makes a guard.
    Hold,
    /// Drops the oldest guard, if there is one.
    Release,
    Sum,
    Take,
}

fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![-3..=3_i64, any::<i64>(), (-2..=2_i64).prop_map(|n| i64::MAX.wrapping_add(n)),]
}

/// Steps, each with the thread that takes it.
fn programs() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        Just(Step::Inc),
        Just(Step::Dec),
        amounts().prop_map(Step::Add),
        amounts().prop_map(Step::Sub),
        Just(Step::Hold),
        Just(Step::Release),
        Just(Step::Sum),
        Just(Step::Take),
    ];
    vec((0..THREADS, step), 0..60)
}

/// Takes `step` on a thread of the crew and on the model.
fn take_step<'a>(
    crew: &Crew<'a>,
    (thread, step): (usize, Step),
    level: &'a UpDownCounter,
    held: &mut Vec<Guard<&'a UpDownCounter>>,
    model: &mut i64,
) {
    let mut change = |n: i64| *model = model.wrapping_add(n);
    match step {
        Step::Inc => {
            change(1);
            crew.on(thread, || level.inc());
        }
        Step::Dec => {
            change(-1);
            crew.on(thread, || level.dec());
        }
        Step::Add(n) => {
            change(n);
            crew.on(thread, move || level.add(n));
        }
        Step::Sub(n) => {
            change(n.wrapping_neg());
            crew.on(thread, move || level.sub(n));
        }
        Step::Hold => {
            change(1);
            held.push(crew.on(thread, || level.guard()));
        }
        Step::Release if held.is_empty() => {}
        Step::Release => {
            change(-1);
            let guard = held.remove(0);
            crew.on(thread, move || drop(guard));
        }
        Step::Sum => assert_eq!(crew.on(thread, || level.sum()), *model),
        Step::Take => assert_eq!(crew.on(thread, || level.take()), std::mem::take(model)),
    }
}

#[test]
fn any_program_on_several_threads_agrees_with_an_i64() {
    on_every_backend(|case| {
        let config = ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() };
        let run = |program| {
            let (level, mut model) = (level(case), 0);
            thread::scope(|scope| {
                let (crew, mut held) = (Crew::new(scope, THREADS), Vec::new());
                for step in program {
                    take_step(&crew, step, &level, &mut held, &mut model);
                    assert_eq!(level.sum(), model);
                }
                model = model.wrapping_sub(i64::try_from(held.len()).unwrap());
            });
            assert_eq!(level.sum(), model, "with all guards dropped");
            Ok(())
        };
        TestRunner::new(config).run(&programs(), run).unwrap();
    });
}
