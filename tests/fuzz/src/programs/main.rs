//! Programs of any steps, on three types and every backend, with and without a read lock, on up to three
//! threads in turn, compared with wrapping integers.

#![no_main]

mod counter;
mod level;
mod set;
#[path = "../../../support/threads.rs"]
mod threads;

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use std::{sync::Mutex, thread};
use striped_counter::{Backend, Builder};
use threads::Crew;

/// Threads besides the fuzzer's own.
const OTHERS: u8 = 2;

#[derive(Arbitrary, Debug)]
enum Program {
    Counter(Settings, Turns<counter::Step>),
    Level(Settings, Turns<level::Step>),
    Set(Settings, u8, Turns<set::Step>),
}

fuzz_target!(|program: Program| {
    match program {
        Program::Counter(settings, turns) => counter::run(settings, turns),
        Program::Level(settings, turns) => level::run(settings, turns),
        Program::Set(settings, len, turns) => set::run(settings, usize::from(len % 40) + 1, turns),
    }
});

/// Any settings that a builder takes.
#[derive(Clone, Copy, Debug)]
struct Settings {
    backend: Backend,
    shards: Option<usize>,
    read_lock: bool,
}

impl Arbitrary<'_> for Settings {
    fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Self> {
        const ALL: [Backend; 4] =
            [Backend::Auto, Backend::PerCpu, Backend::PerThread, Backend::Striped];
        let backend = *bytes.choose(&ALL)?;
        let shards = Some(bytes.int_in_range(0..=9)?)
            .filter(|&shards| shards > 0 && backend != Backend::PerThread);
        Ok(Self { backend, shards, read_lock: bytes.arbitrary()? })
    }
}

impl Settings {
    fn on<T>(self, builder: Builder<T>) -> Builder<T> {
        let builder = builder.backend(self.backend).read_lock(self.read_lock);
        self.shards.into_iter().fold(builder, Builder::shards)
    }
}

/// Steps in turn, each with the thread that takes it.
type Turns<Step> = Vec<(u8, Vec<Step>)>;

/// Calls `run` for each step on its thread, in turn.
fn in_turn<Run: Send, Step: Send>(
    run: &mut Run,
    turns: Turns<Step>,
    take_step: impl Fn(&mut Run, Step) + Sync,
) {
    let others = turns.iter().map(|(thread, _)| thread % (OTHERS + 1)).max().unwrap_or(0);
    let (take_step, run) = (&take_step, Mutex::new(run));
    let run = &run;
    thread::scope(|scope| {
        let crew = Crew::new(scope, usize::from(others));
        for (thread, steps) in turns {
            let turn = move || {
                let mut run = run.lock().unwrap();
                steps.into_iter().for_each(|step| take_step(&mut run, step));
            };
            match thread % (OTHERS + 1) {
                0 => turn(),
                other => crew.on(usize::from(other - 1), turn),
            }
        }
    });
}

/// The expected state, modulo 2^64.
struct Model {
    totals: Vec<u64>,
    taken: Vec<u64>,
}

impl Model {
    fn new(len: usize) -> Self {
        Self { totals: vec![0; len], taken: vec![0; len] }
    }

    fn add(&mut self, index: usize, n: u64) {
        self.totals[index] = self.totals[index].wrapping_add(n);
    }

    fn sum(&self, index: usize) -> u64 {
        self.totals[index].wrapping_sub(self.taken[index])
    }

    fn sums(&self) -> Vec<u64> {
        (0..self.totals.len()).map(|index| self.sum(index)).collect()
    }

    fn take(&mut self, index: usize) -> u64 {
        let sum = self.sum(index);
        self.taken[index] = self.totals[index];
        sum
    }

    fn takes(&mut self) -> Vec<u64> {
        (0..self.totals.len()).map(|index| self.take(index)).collect()
    }
}

/// Cursors, each with the totals when it was last read.
struct Cursors<Cursor>(Vec<(Cursor, Vec<u64>)>);

/// Operations on cursors, which are chosen by a number of any size.
#[derive(Arbitrary, Debug)]
enum CursorStep {
    New,
    Clone(u8),
    Drop(u8),
    Next(u8),
}

impl<Cursor: Clone> Cursors<Cursor> {
    fn take_step(
        &mut self,
        step: &CursorStep,
        new: impl FnOnce() -> Cursor,
        next: impl FnOnce(&mut Cursor) -> Vec<u64>,
        totals: &[u64],
    ) {
        let found = |number: &u8| usize::from(*number).checked_rem(self.0.len());
        match step {
            CursorStep::New => self.0.push((new(), vec![0; totals.len()])),
            CursorStep::Clone(number) => self.0.extend(found(number).map(|at| self.0[at].clone())),
            CursorStep::Drop(number) => drop(found(number).map(|at| self.0.remove(at))),
            CursorStep::Next(number) => {
                let Some(at) = found(number) else { return };
                let (cursor, seen) = &mut self.0[at];
                let expected: Vec<_> =
                    totals.iter().zip(&*seen).map(|(now, then)| now.wrapping_sub(*then)).collect();
                assert_eq!(next(cursor), expected);
                seen.copy_from_slice(totals);
            }
        }
    }
}
