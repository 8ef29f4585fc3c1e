//! Guarantee 5: every add is in exactly one take, and takes plus the final sum are all adds; every
//! cursor of deltas sees every add exactly once, whatever other threads do.

use crate::support::{Counts, Cursor, Stop, add_amounts, on_every_backend, on_every_type};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
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

/// What the consumers of one counter have seen of it, each in total.
struct Consumed {
    takers: Vec<u64>,
    cursors: Vec<u64>,
}

const CONSUMERS: usize = 3;

/// By how much a take of a level may be below zero: by the steps down of adds that began before the take before.
const BELOW: u64 = 100;

/// Calls `next` until it is stopped, and once more after all adds; returns the total.
fn consume(stop: &AtomicBool, bound: u64, mut next: impl FnMut() -> u64) -> u64 {
    let (mut total, mut last) = (0_u64, false);
    while !last {
        last = stop.load(Relaxed);
        let n = next();
        assert!(n.wrapping_add(BELOW) <= bound, "{} in one go: negative", n.cast_signed());
        total = total.wrapping_add(n);
    }
    total
}

/// Consumes with several takers and several cursors, if there are any, while `adders` threads add.
fn consume_while(counter: &dyn Counts, adders: usize, adds: u64) -> (u64, Consumed) {
    let stop = &AtomicBool::new(false);
    let bound = 2 * adders as u64 * adds * 1_000;
    thread::scope(|scope| {
        let stopping = Stop(stop);
        let take = || consume(stop, bound, || counter.take());
        let see = |mut seen: Box<dyn Cursor + '_>| consume(stop, bound, || seen.next());
        let takers = [(); CONSUMERS].map(|()| scope.spawn(take));
        let cursors = (0..CONSUMERS).filter_map(|_| counter.deltas());
        let cursors: Vec<_> = cursors.map(|seen| scope.spawn(move || see(seen))).collect();
        let add = |thread| scope.spawn(move || add_amounts(counter, thread, adds));
        let adders: Vec<_> = (0..adders).map(add).collect();
        let added = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
        drop(stopping);
        let takers = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
        let cursors = cursors.into_iter().map(|cursor| cursor.join().unwrap()).collect();
        (added, Consumed { takers, cursors })
    })
}

#[test]
fn every_add_is_in_exactly_one_take_and_is_seen_once_by_every_cursor() {
    on_every_type(|subject| {
        let counter = subject.build();
        let (added, consumed) = consume_while(&*counter, 3, 2_000);
        let taken = consumed.takers.iter().copied().fold(0, u64::wrapping_add);
        assert_eq!(taken.wrapping_add(counter.sum()), added, "takes {:?}", consumed.takers);
        assert!(consumed.cursors.iter().all(|&seen| seen == added), "{:?}", consumed.cursors);
        assert!(counter.total().is_none_or(|total| total == added), "{:?}", counter.total());
    });
}
