//! Guarantee 6: snapshots are consistent. A batch is in a snapshot wholly or not at all, and if one add
//! happened before another, a snapshot with the second has the first. The same holds for sums, takes and
//! deltas of a set with a read lock.
//!
//! Writers maintain relations between counters that are far apart in memory; readers check them.

use crate::{
    set,
    support::{Case, Stop, affinity::Hopper, on_every_backend},
};
use std::{
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
};
use striped_counter::CounterSet;

/// 63 lines.
pub(crate) const LEN: usize = 1_000;

/// Always equal: the first and the last counter of a row, and others in lines of their own.
const EQUAL: [usize; 6] = [0, 999, 500, 16, 750, 250];
/// One thread adds 1 to the first of these, and then to the second.
const ORDERED: (usize, usize) = (17, 998);
/// The same with the second before the first in memory.
const REVERSED: (usize, usize) = (997, 18);
/// Two threads take turns at adding 1 to the first, or the second.
const TURNS: (usize, usize) = (970, 33);

/// Panics unless the relations hold in `sums`.
pub(crate) fn assert_fits(sums: &[u64]) {
    let equal = EQUAL.map(|index| sums[index]);
    assert_eq!(equal, [equal[0]; EQUAL.len()], "half a batch");
    for (first, second) in [ORDERED, REVERSED, TURNS] {
        let (first, second) = (sums[first], sums[second]);
        assert!(first >= second, "{second} of the second and only {first} of the first");
        assert!(first <= second + 1, "{first} of the first and only {second} of the second");
    }
}

/// A set, and its writers.
pub(crate) struct Ruled {
    pub(crate) set: CounterSet,
    stop: AtomicBool,
    turn: AtomicU64,
    hop: bool,
}

impl Ruled {
    pub(crate) fn new(case: &Case, hop: bool) -> Self {
        Self { set: set(case, LEN), stop: AtomicBool::new(false), turn: AtomicU64::new(0), hop }
    }

    /// Runs `body` while five writers write.
    pub(crate) fn while_written<T>(&self, body: impl FnOnce() -> T) -> T {
        let reversed: Vec<_> = EQUAL.into_iter().rev().collect();
        thread::scope(|scope| {
            let _stop = Stop(&self.stop);
            scope.spawn(|| self.write_batches(&EQUAL));
            // In the opposite direction, and long, so that threads are preempted within a batch.
            scope.spawn(|| self.write_batches(&reversed.repeat(8)));
            scope.spawn(|| self.write_in_order());
            scope.spawn(|| self.write_in_turn(0, TURNS.0));
            scope.spawn(|| self.write_in_turn(1, TURNS.1));
            body()
        })
    }

    /// Calls `write` until it is stopped, with the number of the round and a function that hops to another
    /// CPU in some rounds.
    fn write(&self, mut write: impl FnMut(u64, &mut dyn FnMut())) {
        let mut hopper = self.hop.then(|| Hopper::pinned(0));
        for round in 0.. {
            if self.stop.load(Relaxed) {
                return;
            }
            write(round, &mut || {
                if let Some(hopper) = hopper.as_mut().filter(|_| round % 8 == 0) {
                    hopper.hop();
                }
            });
        }
    }

    fn write_batches(&self, indexes: &[usize]) {
        self.write(|round, hop| {
            let n = round % 5 + 1;
            let batch: Vec<_> = indexes.iter().map(|&index| (index, n)).collect();
            self.set.add_many(&batch);
            hop();
        });
    }

    fn write_in_order(&self) {
        self.write(|_, hop| {
            self.set.inc(ORDERED.0);
            hop();
            self.set.inc(ORDERED.1);
            // On `PerCpu` a batch of one takes another path than an add.
            self.set.add_many(&[(REVERSED.0, 1)]);
            hop();
            self.set.inc(REVERSED.1);
        });
    }

    fn write_in_turn(&self, parity: u64, index: usize) {
        self.write(|_, hop| {
            let turn = self.turn.load(Acquire);
            if turn % 2 == parity {
                self.set.inc(index);
                self.turn.store(turn + 1, Release);
            } else {
                thread::yield_now();
            }
            hop();
        });
    }
}

/// How many reads with something new a reader must make.
const READS: usize = 20;

/// Calls `read` until it has returned something new [`READS`] times. Panics if the sums are inconsistent or
/// go backwards.
fn check(mut read: impl FnMut() -> Vec<u64>) {
    let (mut last, mut new) = (vec![0; LEN], 0);
    while new < READS {
        let sums = read();
        assert_fits(&sums);
        assert!(sums.iter().zip(&last).all(|(now, last)| now >= last), "backwards");
        new += usize::from(sums != last);
        last = sums;
    }
}

fn on_every_locked_backend(body: impl Fn(&Ruled)) {
    on_every_backend(|case| {
        if case.read_lock {
            for hop in [false, true] {
                body(&Ruled::new(case, hop));
            }
        }
    });
}

#[test]
fn snapshots_by_two_threads_are_consistent_and_never_go_backwards() {
    on_every_locked_backend(|ruled| {
        ruled.while_written(|| {
            thread::scope(|scope| {
                scope.spawn(|| check(|| ruled.set.snapshot().unwrap()));
                check(|| ruled.set.sums());
            });
        });
        assert_fits(&ruled.set.snapshot().unwrap());
    });
}

#[test]
fn takes_and_deltas_add_up_to_consistent_snapshots() {
    fn add(totals: &mut [u64], more: &[u64]) -> Vec<u64> {
        totals.iter_mut().zip(more).for_each(|(total, n)| *total += n);
        totals.to_vec()
    }
    on_every_locked_backend(|ruled| {
        let (mut seen, mut taken, mut delivered) = (ruled.set.deltas(), [0; LEN], [0; LEN]);
        ruled.while_written(|| {
            thread::scope(|scope| {
                scope.spawn(|| check(|| add(&mut taken, &ruled.set.take_all())));
                check(|| add(&mut delivered, &seen.next_delta()));
            });
        });
        assert_fits(&add(&mut taken, &ruled.set.take_all()));
        assert_eq!(add(&mut delivered, &seen.next_delta()), taken);
    });
}

/// A snapshot must not wait for operations that begin after it: with many threads on few CPUs some operation
/// is always in progress.
#[test]
fn a_snapshot_ends_while_far_more_threads_than_cpus_add() {
    on_every_locked_backend(|ruled| {
        let stop = AtomicBool::new(false);
        let add_until_stopped = || {
            while !stop.load(Relaxed) {
                ruled.set.add_many(&EQUAL.map(|index| (index, 1)));
                ruled.set.inc(ORDERED.0);
            }
        };
        thread::scope(|scope| {
            let _stop = Stop(&stop);
            (0..32).for_each(|_| drop(scope.spawn(add_until_stopped)));
            (0..10).for_each(|_| drop(ruled.set.snapshot()));
        });
    });
}
