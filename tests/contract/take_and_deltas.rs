//! Guarantee 5: every add is in exactly one take, and takes plus the final sum are all adds; every
//! cursor of deltas sees every add exactly once, whatever other threads do.

use crate::support::{Counts, Cursor, Stop, add_amounts, on_every_backend, on_every_type};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};
use striped_counter::{CounterSet, Deltas, Histogram, HistogramDeltas, SetDeltas};

#[test]
fn a_take_is_the_sum_and_leaves_zero() {
    on_every_type(|subject| {
        let counter = subject.build();
        assert_eq!(counter.take(), 0, "untouched");
        counter.add(5);
        assert_eq!((counter.sum(), counter.take(), counter.sum(), counter.take()), (5, 5, 0, 0));
        counter.add(7);
        assert_eq!((counter.sum(), counter.take(), counter.sum()), (7, 7, 0));
    });
}

#[test]
fn a_total_and_a_new_cursor_start_with_all_that_was_ever_added() {
    on_every_type(|subject| {
        let counter = subject.build();
        let assert_total = |n| {
            assert!(counter.total().is_none_or(|total| total == n), "the total is not {n}");
            assert!(counter.deltas().is_none_or(|mut new| new.next() == n), "not {n}");
        };
        let mut from_the_start = counter.deltas();
        assert!(from_the_start.as_mut().is_none_or(|seen| seen.next() == 0));
        assert_total(0);
        counter.add(5);
        assert_eq!(counter.take(), 5);
        assert_total(5);
        counter.add(2);
        assert_total(7);
        if let Some(mut seen) = from_the_start {
            assert_eq!((seen.next(), seen.next()), (7, 0));
        }
    });
}

#[test]
fn a_cloned_cursor_continues_from_where_the_original_was() {
    on_every_type(|subject| {
        let counter = subject.build();
        let Some(mut one) = counter.deltas() else { return };
        counter.add(5);
        assert_eq!(one.next(), 5);
        let mut two = one.another();
        counter.add(2);
        assert_eq!(two.next(), 2);
        drop(two);
        assert_eq!(one.next(), 2);
    });
}

/// Moves a cursor that owns a handle of its counter to another thread, and lets it be the last owner.
fn assert_outlives<T: Counts + 'static>(
    counter: T,
    deltas: impl Fn(Arc<T>) -> Box<dyn Cursor + 'static>,
) {
    let counter = Arc::new(counter);
    let mut unseen = deltas(Arc::clone(&counter));
    counter.add(5);
    let next = thread::spawn(move || {
        counter.add(2);
        drop(counter);
        (unseen.next(), unseen.next())
    });
    assert_eq!(next.join().unwrap(), (7, 0));
}

#[test]
fn a_cursor_may_own_its_counter_and_move_between_threads() {
    on_every_backend(|case| {
        assert_outlives(case.counter(), |counter| {
            let unseen = Deltas::new(counter);
            assert_eq!(unseen.counter().sum(), 0);
            Box::new(unseen)
        });
        assert_outlives(case.set(CounterSet::builder(2)).build(), |set| {
            let unseen = SetDeltas::new(set);
            assert_eq!(unseen.set().sums(), [0, 0]);
            Box::new(unseen)
        });
        assert_outlives(case.set(Histogram::builder()).build(), |histogram| {
            let unseen = HistogramDeltas::new(histogram);
            assert_eq!(unseen.histogram().total().count(), 0);
            Box::new(unseen)
        });
    });
}

/// How many takes that are not 0 there must be while others add.
const ENOUGH: u64 = 300;

/// More than is added during a test, and by how much a take of a level may be below zero: by the steps down of
/// adds that were in progress during the take before.
const BOUND: u64 = 1 << 40;
const BELOW: u64 = 100;

/// A counter, and when its adders and consumers are to stop.
struct Consumed<'a> {
    counter: &'a dyn Counts,
    stop: AtomicBool,
    /// Set after all adds.
    over: AtomicBool,
    /// How many takes were not 0.
    times: AtomicU64,
}

impl Consumed<'_> {
    fn add_until_stopped(&self, thread: usize) -> u64 {
        let mut added = 0;
        while !self.stop.load(Relaxed) {
            added += add_amounts(self.counter, thread, 50);
            thread::yield_now();
        }
        added
    }

    fn take(&self) -> u64 {
        let n = self.counter.take();
        self.times.fetch_add(u64::from(n != 0), Relaxed);
        n
    }

    /// Calls `next` until all adds are over, and then once more; returns the total.
    fn consume(&self, mut next: impl FnMut() -> u64) -> u64 {
        let (mut total, mut last) = (0_u64, false);
        while !last {
            last = self.over.load(Relaxed);
            let n = next();
            assert!(n.wrapping_add(BELOW) <= BOUND, "{} in one go: negative", n.cast_signed());
            total = total.wrapping_add(n);
            if n == 0 {
                thread::yield_now();
            }
        }
        total
    }
}

#[test]
fn every_add_is_in_exactly_one_take_and_is_seen_once_by_every_cursor() {
    on_every_type(|subject| {
        let counter = &*subject.build();
        let (stop, over, times) = (AtomicBool::new(false), AtomicBool::new(false), 0.into());
        let consumed = &Consumed { counter, stop, over, times };
        thread::scope(|scope| {
            let (stop, end) = (Stop(&consumed.stop), Stop(&consumed.over));
            let add = |thread| scope.spawn(move || consumed.add_until_stopped(thread));
            let adders = [0, 1].map(add);
            let take = || consumed.consume(|| consumed.take());
            let takers = [(); 2].map(|()| scope.spawn(take));
            let see = |mut cursor: Box<dyn Cursor + '_>| consumed.consume(|| cursor.next());
            let cursors = (0..2).filter_map(|_| counter.deltas());
            let cursors: Vec<_> = cursors.map(|seen| scope.spawn(move || see(seen))).collect();

            while consumed.times.load(Relaxed) < ENOUGH {
                thread::yield_now();
            }
            drop(stop);
            let added: u64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
            drop(end);
            let taken = takers.map(|it| it.join().unwrap());
            let rest = counter.sum();
            assert_eq!(taken[0].wrapping_add(taken[1]).wrapping_add(rest), added, "{taken:?}");
            for cursor in cursors {
                assert_eq!(cursor.join().unwrap(), added);
            }
            assert!(counter.total().is_none_or(|total| total == added), "{:?}", counter.total());
        });
    });
}
