//! Every burst on a counter with a read lock has a legal order: on every backend, for every type.

use crate::{
    bursts::{Burst, Move, Shape},
    checker::{legal_order, on_column},
    one_cpu,
    subjects::{Recorder, Spread, Step, Subject},
    support::{on_every_backend, per_cpu_works},
};
use striped_counter::{Backend, Builder, Counter, CounterSet, Histogram, UpDownCounter};

/// Bursts on one counter. There are many counters with the same settings, so that there are first adds.
const BURSTS: usize = 20;

/// Tests `counters` with a read lock in bursts of steps that `step` rolls: with all settings, and with `wide`
/// shards, so many that other threads do a lot during a sum.
fn on_every_locked_counter<B, S: Subject>(
    builder: Builder<B>,
    (wide, counters): (usize, usize),
    build: impl Fn(Builder<B>) -> S,
    step: impl Fn(&mut Dice, u64) -> Step + Sync,
    assert_legal: impl Fn(&Burst),
) {
    let try_out = |builder| {
        let run_one = |number| run(&build(builder), number, &step);
        let bursts: Vec<_> = (0..counters).flat_map(run_one).collect();
        bursts.iter().for_each(&assert_legal);
        let overlaps = bursts.iter().filter(|burst| burst.has_a_read_during_an_add()).count();
        assert!(overlaps > 0 || one_cpu(), "no read ever overlapped an add");
    };
    on_every_backend(|case| {
        if case.read_lock {
            try_out(case.set(builder));
        }
    });
    for backend in [Backend::PerCpu, Backend::Striped] {
        if backend != Backend::PerCpu || per_cpu_works() {
            try_out(builder.backend(backend).shards(wide).read_lock(true));
        }
    }
}

/// Pseudorandom numbers, the same in each run: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators" (2014).
struct Dice(u64);

impl Dice {
    /// Below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % sides
    }
}

/// The most steps of a thread in a burst.
const STEPS: usize = 4;

/// Bursts of three or four threads with three or four steps each, as `step` rolls them. It is given an amount
/// that no other step of the burst adds: a power of 4, so that no two sums of amounts and their negatives are
/// equal.
fn run(
    subject: &impl Subject,
    counter: usize,
    step: impl Fn(&mut Dice, u64) -> Step + Sync,
) -> Vec<Burst> {
    let threads = 3 + counter % 2;
    let shape = Shape { threads, bursts: BURSTS, crowd: 0, pinned: false };
    shape.run(subject, |burst, thread| {
        let mut dice = Dice(((counter * BURSTS + burst) * threads + thread) as u64);
        let mut moves = Vec::new();
        for number in 0..STEPS - dice.roll(2) {
            match dice.roll(12) {
                0 => moves.push(Move::Hop),
                1..4 => moves.push(Move::Yield),
                _ => {}
            }
            let amount = 1 << (2 * (thread * STEPS + number));
            moves.push(Move::Act(step(&mut dice, amount)));
        }
        moves
    })
}

fn assert_has_a_legal_order(burst: &Burst) {
    assert!(legal_order(&burst.initial, &burst.history).is_some(), "no legal order: {burst:#?}");
}

fn assert_each_column_has_a_legal_order(burst: &Burst) {
    for column in 0..burst.initial.len() {
        let history = on_column(column, &burst.history);
        let order = legal_order(&burst.initial[column..=column], &history);
        assert!(order.is_some(), "no legal order of column {column}: {burst:#?}");
    }
}

#[test]
fn sums_and_takes_of_a_counter_are_linearizable() {
    let step = |dice: &mut Dice, amount| match dice.roll(8) {
        0..4 => Step::Add(vec![(0, amount)]),
        4..7 => Step::Sum(0),
        _ => Step::Take(0),
    };
    let build = Builder::<Counter>::build;
    on_every_locked_counter(Counter::builder(), (256, 25), build, step, assert_has_a_legal_order);
}

#[test]
fn sums_and_takes_of_a_level_are_linearizable() {
    let step = |dice: &mut Dice, amount: u64| match dice.roll(8) {
        0..2 => Step::Add(vec![(0, amount)]),
        2..4 => Step::Add(vec![(0, amount.wrapping_neg())]),
        4..7 => Step::Sum(0),
        _ => Step::Take(0),
    };
    let build = Builder::<UpDownCounter>::build;
    on_every_locked_counter(
        UpDownCounter::builder(),
        (256, 25),
        build,
        step,
        assert_has_a_legal_order,
    );
}

/// The number of columns of a set.
const COLUMNS: usize = 3;

fn on_every_locked_set(
    step: impl Fn(&mut Dice, u64) -> Step + Sync,
    assert_legal: impl Fn(&Burst),
) {
    let builder = CounterSet::builder(Spread::LEN);
    on_every_locked_counter(
        builder,
        (16, 10),
        |builder| Spread(builder.build()),
        step,
        assert_legal,
    );
}

fn single(dice: &mut Dice, amount: u64) -> Step {
    Step::Add(vec![(dice.roll(COLUMNS), amount)])
}

fn batch(dice: &mut Dice, amount: u64) -> Step {
    let columns = [[0, 1, 2], [2, 1, 0], [1, 0, 2]][dice.roll(3)];
    Step::Add(columns[..2 + dice.roll(2)].iter().map(|&column| (column, amount)).collect())
}

/// For reads of the whole set, a batch is one add.
#[test]
fn snapshots_and_takes_of_a_set_are_linearizable_with_batches() {
    let step = |dice: &mut Dice, amount| match dice.roll(8) {
        0..2 => single(dice, amount),
        2..4 => batch(dice, amount),
        4..7 => Step::Snapshot,
        _ => Step::Takes,
    };
    on_every_locked_set(step, assert_has_a_legal_order);
}

/// Without batches, so are reads of single counters together with those of the whole set.
#[test]
fn all_reads_of_a_set_are_linearizable_with_single_adds() {
    let step = |dice: &mut Dice, amount| match dice.roll(10) {
        0..5 => single(dice, amount),
        5..7 => Step::Sum(dice.roll(COLUMNS)),
        7 => Step::Take(dice.roll(COLUMNS)),
        8 => Step::Snapshot,
        _ => Step::Takes,
    };
    on_every_locked_set(step, assert_has_a_legal_order);
}

/// Each counter of a set is linearizable by itself: for a sum of one counter, a batch is several adds.
#[test]
fn all_reads_of_each_counter_of_a_set_are_linearizable_with_batches() {
    let step = |dice: &mut Dice, amount| match dice.roll(10) {
        0..2 => single(dice, amount),
        2..5 => batch(dice, amount),
        5..7 => Step::Sum(dice.roll(COLUMNS)),
        7 => Step::Take(dice.roll(COLUMNS)),
        8 => Step::Snapshot,
        _ => Step::Takes,
    };
    on_every_locked_set(step, assert_each_column_has_a_legal_order);
}

/// A record is one operation on a bucket and the sum.
#[test]
fn snapshots_and_takes_of_a_histogram_are_linearizable() {
    let step = |dice: &mut Dice, amount| match dice.roll(8) {
        0..4 => Recorder::step(dice.roll(3), amount),
        4..7 => Step::Snapshot,
        _ => Step::Takes,
    };
    let build = |builder: Builder<Histogram>| Recorder(builder.build());
    on_every_locked_counter(Histogram::builder(), (16, 15), build, step, assert_has_a_legal_order);
}
