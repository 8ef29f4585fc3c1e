//! Programs on a [`Counter`].

use crate::{CursorStep, Cursors, Model, Settings, Turns, in_turn};
use arbitrary::Arbitrary;
use striped_counter::{Counter, Deltas};

#[derive(Arbitrary, Debug)]
pub(crate) enum Step {
    Inc,
    Add(u64),
    Sum,
    Take,
    Cursor(CursorStep),
    Debug,
}

struct Run<'a> {
    counter: &'a Counter,
    cursors: Cursors<Deltas<&'a Counter>>,
    model: Model,
}

pub(crate) fn run(settings: Settings, turns: Turns<Step>) {
    let counter = &settings.on(Counter::builder()).build();
    let mut run = Run { counter, cursors: Cursors(Vec::new()), model: Model::new(1) };
    in_turn(&mut run, turns, Run::take_step);
    assert_eq!(counter.sum(), run.model.sum(0));
    assert_eq!(counter.deltas().next_delta(), run.model.totals[0]);
}

impl Run<'_> {
    fn take_step(&mut self, step: Step) {
        let Self { counter, cursors, model } = self;
        match step {
            Step::Inc => {
                counter.inc();
                model.add(0, 1);
            }
            Step::Add(n) => {
                counter.add(n);
                model.add(0, n);
            }
            Step::Sum => assert_eq!(counter.sum(), model.sum(0)),
            Step::Take => assert_eq!(counter.take(), model.take(0)),
            Step::Cursor(step) => {
                let next = |cursor: &mut Deltas| vec![cursor.next_delta()];
                cursors.take_step(&step, || counter.deltas(), next, &model.totals);
            }
            Step::Debug => {
                let sum = format!("sum: {},", model.sum(0));
                assert!(format!("{counter:?}").contains(&sum), "{counter:?}");
            }
        }
    }
}
