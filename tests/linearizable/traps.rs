//! Bursts that trap a sum put together from several moments.
//!
//! Each trap is run twice. Without the read lock a sum is one plain collect, the seeded bug: some burst must
//! have no legal order, or the checker would prove nothing. With the read lock, every burst must have one.

use crate::{
    bursts::{Move, Shape},
    checker::legal_order,
    one_cpu,
    subjects::{Recorder, Spread, Step, Subject},
    support::per_cpu_works,
};
use striped_counter::{Backend, Builder, Counter, CounterSet, Histogram, UpDownCounter};

/// Bursts on one counter.
const BURSTS: usize = 50;
/// How many counters the seeded bug may take to be caught: far more than it needs.
const BOUND: usize = 500;
/// Counters with a read lock.
const LOCKED: usize = 2;

/// What threads do in a burst: writers with these moves, and a reader.
#[derive(Clone, Copy)]
struct Trap {
    writers: usize,
    moves: fn(usize) -> Vec<Move>,
    /// How many threads claim numbers between those of the writers.
    crowd: usize,
    reads: usize,
}

impl Trap {
    /// Returns whether a burst on a new counter has no legal order.
    fn springs(self, subject: &impl Subject) -> bool {
        let Self { writers, crowd, .. } = self;
        let shape = Shape { threads: writers + 1, bursts: BURSTS, crowd, pinned: true };
        let plan = |_, thread| {
            if thread < writers {
                (self.moves)(thread)
            } else {
                vec![Move::Act(Step::Snapshot); self.reads]
            }
        };
        let bursts = shape.run(subject, plan);
        bursts.iter().any(|burst| legal_order(&burst.initial, &burst.history).is_none())
    }

    fn catches_a_plain_collect_alone<B, S: Subject>(
        self,
        builder: Builder<B>,
        build: impl Fn(Builder<B>) -> S,
    ) {
        let springs = |builder| self.springs(&build(builder));
        let caught = one_cpu() || (0..BOUND).any(|_| springs(builder));
        assert!(caught, "not caught in {} bursts: {builder:?}", BOUND * BURSTS);
        let locked = builder.read_lock(true);
        assert!(!(0..LOCKED).any(|_| springs(locked)), "no legal order: {locked:?}");
    }
}

fn add(column: usize, n: i64) -> Move {
    Move::Act(Step::Add(vec![(column, n.cast_unsigned())]))
}

fn backends() -> impl Iterator<Item = Backend> {
    let all = [Backend::PerCpu, Backend::PerThread, Backend::Striped];
    all.into_iter().filter(|&backend| backend != Backend::PerCpu || per_cpu_works())
}

/// Two writers take turns: first the one with a low shard, which a collect reads early, then the one with a
/// high shard. A crowd holds the numbers between them, and so the shards that the collect walks over. (Shards
/// of `PerCpu` cannot be that far apart.)
const TURNS: Trap = Trap { writers: 2, moves: turns, crowd: 400, reads: 8 };

fn turns(thread: usize) -> Vec<Move> {
    let turns = (0..8).filter(|turn| turn % 2 == thread);
    turns.flat_map(|turn| [Move::Await(turn), add(0, 1 << turn), Move::Pass]).collect()
}

/// The backends on which threads can have shards that are far apart.
fn apart<T>(builder: Builder<T>) -> [Builder<T>; 2] {
    [builder.backend(Backend::Striped).shards(1024), builder.backend(Backend::PerThread)]
}

#[test]
fn catches_an_add_to_a_counter_without_another_threads_before_it() {
    for builder in apart(Counter::builder()) {
        TURNS.catches_a_plain_collect_alone(builder, Builder::<Counter>::build);
    }
}

/// Only ups: if a level goes down during a plain collect, it is read again.
#[test]
fn catches_an_up_of_a_level_without_another_threads_before_it() {
    for builder in apart(UpDownCounter::builder()) {
        TURNS.catches_a_plain_collect_alone(builder, Builder::<UpDownCounter>::build);
    }
}

fn sets() -> impl Iterator<Item = Builder<CounterSet>> {
    backends().map(|backend| CounterSet::builder(Spread::LEN).backend(backend))
}

/// A collect of a set walks along a row, while a writer adds to its beginning and to its end.
#[test]
fn catches_half_a_batch() {
    fn moves(_: usize) -> Vec<Move> {
        let batch = |n| Move::Act(Step::Add(vec![(0, n), (1, n)]));
        [1, 2, 4, 8].map(batch).to_vec()
    }
    let trap = Trap { writers: 1, moves, crowd: 0, reads: 4 };
    sets().for_each(|set| trap.catches_a_plain_collect_alone(set, |set| Spread(set.build())));
}

#[test]
fn catches_an_add_to_a_set_without_the_one_before_it() {
    fn moves(_: usize) -> Vec<Move> {
        [(0, 1), (1, 1), (0, 2), (1, 2)].map(|(column, n)| add(column, n)).to_vec()
    }
    let trap = Trap { writers: 1, moves, crowd: 0, reads: 4 };
    sets().for_each(|set| trap.catches_a_plain_collect_alone(set, |set| Spread(set.build())));
}

/// The same with two threads that take turns.
#[test]
fn catches_an_add_to_a_set_without_another_threads_before_it() {
    fn moves(thread: usize) -> Vec<Move> {
        let turns = (0..8).filter(|turn| turn % 2 == thread);
        turns.flat_map(|turn| [Move::Await(turn), add(turn % 2, 1 << turn), Move::Pass]).collect()
    }
    let trap = Trap { writers: 2, moves, crowd: 0, reads: 6 };
    sets().for_each(|set| trap.catches_a_plain_collect_alone(set, |set| Spread(set.build())));
}

/// A collect of a histogram reads the buckets, and then the sum.
#[test]
fn catches_half_a_record() {
    fn moves(_: usize) -> Vec<Move> {
        [(1, 1), (2, 2), (1, 4), (0, 8)]
            .map(|(bucket, times)| Move::Act(Recorder::step(bucket, times)))
            .to_vec()
    }
    let trap = Trap { writers: 1, moves, crowd: 0, reads: 4 };
    for backend in backends() {
        let builder = Histogram::builder().backend(backend);
        trap.catches_a_plain_collect_alone(builder, |builder| Recorder(builder.build()));
    }
}
