//! Programs on a [`CounterSet`].

use crate::{CursorStep, Cursors, Model, Settings, Turns, in_turn};
use arbitrary::Arbitrary;
use striped_counter::{CounterSet, SetDeltas};

/// Indices are of any size: modulo the length.
#[derive(Arbitrary, Debug)]
pub(crate) enum Step {
    Inc(u8),
    Add(u8, u64),
    Batch(Vec<(u8, u64)>),
    Entry(u8, u64),
    Sum(u8),
    Sums,
    /// Of a set without a read lock: as `Sums`.
    Snapshot,
    Take(u8),
    Takes,
    Cursor(CursorStep),
}

struct Run<'a> {
    set: &'a CounterSet,
    read_lock: bool,
    cursors: Cursors<SetDeltas<&'a CounterSet>>,
    model: Model,
}

pub(crate) fn run(settings: Settings, len: usize, turns: Turns<Step>) {
    let set = &settings.on(CounterSet::builder(len)).build();
    let (cursors, model) = (Cursors(Vec::new()), Model::new(len));
    let mut run = Run { set, read_lock: settings.read_lock, cursors, model };
    in_turn(&mut run, turns, Run::take_step);
    assert_eq!(set.sums(), run.model.sums());
    assert_eq!(set.deltas().next_delta(), run.model.totals);
}

impl Run<'_> {
    fn take_step(&mut self, step: Step) {
        let Self { set, read_lock, cursors, model } = self;
        let within = |index: u8| usize::from(index) % set.len();
        match step {
            Step::Inc(index) => {
                set.inc(within(index));
                model.add(within(index), 1);
            }
            Step::Add(index, n) => {
                set.add(within(index), n);
                model.add(within(index), n);
            }
            Step::Batch(adds) => {
                let adds: Vec<_> = adds.iter().map(|&(index, n)| (within(index), n)).collect();
                set.add_many(&adds);
                adds.iter().for_each(|&(index, n)| model.add(index, n));
            }
            Step::Entry(index, n) => {
                set.get(within(index)).expect("within the set").add(n);
                model.add(within(index), n);
            }
            Step::Sum(index) => assert_eq!(set.sum(within(index)), model.sum(within(index))),
            Step::Snapshot if *read_lock => assert_eq!(set.snapshot(), Some(model.sums())),
            Step::Sums | Step::Snapshot => assert_eq!(set.sums(), model.sums()),
            Step::Take(index) => assert_eq!(set.take(within(index)), model.take(within(index))),
            Step::Takes => assert_eq!(set.take_all(), model.takes()),
            Step::Cursor(step) => {
                let next = |cursor: &mut SetDeltas<_>| cursor.next_delta();
                cursors.take_step(&step, || set.deltas(), next, &model.totals);
            }
        }
    }
}
