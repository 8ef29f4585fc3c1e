//! Programs on an [`UpDownCounter`].

use crate::{Model, Settings, Turns, in_turn};
use arbitrary::Arbitrary;
use striped_counter::{Guard, UpDownCounter};

#[derive(Arbitrary, Debug)]
pub(crate) enum Step {
    Inc,
    Dec,
    Add(i64),
    Sub(i64),
    Hold,
    /// Drops the guard with that number, modulo the number of guards.
    Release(u8),
    Sum,
    Take,
}

struct Run<'a> {
    level: &'a UpDownCounter,
    held: Vec<Guard<&'a UpDownCounter>>,
    model: Model,
}

pub(crate) fn run(settings: Settings, turns: Turns<Step>) {
    let level = &settings.on(UpDownCounter::builder()).build();
    let mut run = Run { level, held: Vec::new(), model: Model::new(1) };
    in_turn(&mut run, turns, Run::take_step);
    assert_eq!(level.sum(), run.sum());
    let held = run.held.len() as i64;
    let sum = run.sum().wrapping_sub(held);
    drop(run);
    assert_eq!(level.sum(), sum, "with all guards dropped");
}

impl Run<'_> {
    fn sum(&self) -> i64 {
        self.model.sum(0).cast_signed()
    }

    fn move_by(&mut self, n: i64) {
        self.model.add(0, n.cast_unsigned());
    }

    fn take_step(&mut self, step: Step) {
        match step {
            Step::Inc => {
                self.level.inc();
                self.move_by(1);
            }
            Step::Dec => {
                self.level.dec();
                self.move_by(-1);
            }
            Step::Add(n) => {
                self.level.add(n);
                self.move_by(n);
            }
            Step::Sub(n) => {
                self.level.sub(n);
                self.move_by(n.wrapping_neg());
            }
            Step::Hold => {
                self.held.push(self.level.guard());
                self.move_by(1);
            }
            Step::Release(number) => {
                if let Some(at) = usize::from(number).checked_rem(self.held.len()) {
                    drop(self.held.remove(at));
                    self.move_by(-1);
                }
            }
            Step::Sum => assert_eq!(self.level.sum(), self.sum()),
            Step::Take => {
                assert_eq!(self.level.take(), self.model.take(0).cast_signed());
            }
        }
    }
}
