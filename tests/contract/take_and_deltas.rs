//! Promise 5: every add is in exactly one take, and takes plus the final sum are all adds; every
//! cursor of deltas sees every add exactly once, whatever others do.

use crate::support::{Stop, add_amounts, on_every_backend};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};
use striped_counter::{Counter, Deltas};

#[test]
fn a_take_is_the_sum_and_leaves_zero() {
    on_every_backend(|case| {
        let counter = case.counter();
        assert_eq!(counter.take(), 0, "untouched");
        counter.add(5);
        assert_eq!((counter.sum(), counter.take(), counter.sum(), counter.take()), (5, 5, 0, 0));
        counter.add(7);
        assert_eq!((counter.sum(), counter.take(), counter.sum()), (7, 7, 0));
    });
}

/// What an exporter keeps: a counter, and what it has not sent yet, with no lifetime.
struct Exporter {
    counter: Arc<Counter>,
    unseen: Deltas<Arc<Counter>>,
}

#[test]
fn a_cursor_is_kept_next_to_the_arc_of_its_counter() {
    on_every_backend(|case| {
        let counter = Arc::new(case.counter());
        let unseen = Deltas::new(Arc::clone(&counter));
        let mut exporter = Exporter { counter, unseen };
        exporter.counter.add(5);
        // Moved, and used on another thread.
        let pushes = thread::spawn(move || {
            exporter.counter.add(2);
            (exporter.unseen.next_delta(), exporter.unseen.counter().sum())
        });
        assert_eq!(pushes.join().unwrap(), (7, 7));
    });
}

#[test]
fn the_first_delta_of_a_new_cursor_is_all_that_was_ever_added() {
    on_every_backend(|case| {
        let counter = case.counter();
        let mut from_the_start = counter.deltas();
        assert_eq!(from_the_start.next_delta(), 0);
        counter.add(5);
        assert_eq!(counter.take(), 5);
        counter.add(2);
        assert_eq!(counter.deltas().next_delta(), 7, "whatever was taken");
        assert_eq!((from_the_start.next_delta(), from_the_start.next_delta()), (7, 0));
    });
}

#[test]
fn a_cloned_cursor_goes_on_by_itself_from_where_the_first_was() {
    on_every_backend(|case| {
        let counter = case.counter();
        let mut one = counter.deltas();
        counter.add(5);
        assert_eq!(one.next_delta(), 5);
        let mut two = one.clone();
        counter.add(2);
        assert_eq!((one.next_delta(), two.next_delta()), (2, 2));
    });
}

/// What the consumers of one counter have seen of it, each in total.
#[derive(Default)]
struct Consumed {
    takers: Vec<u64>,
    cursors: Vec<u64>,
}

const CONSUMERS: usize = 3;

/// Calls `next` until told to stop, and once more, since nobody adds any longer; the total.
fn consume(stop: &AtomicBool, bound: u64, mut next: impl FnMut() -> u64) -> u64 {
    let (mut total, mut last) = (0, false);
    while !last {
        last = stop.load(Relaxed);
        let n = next();
        assert!(n <= bound, "{} in one go: negative", n.cast_signed());
        total += n;
    }
    total
}

/// Has `adders` add while several consumers of either kind consume.
fn consume_while(counter: &Counter, adders: usize, adds: u64) -> (u64, Consumed) {
    let stop = &AtomicBool::new(false);
    let bound = adders as u64 * adds * 1_000;
    thread::scope(|scope| {
        let stopping = Stop(stop);
        let take = || consume(stop, bound, || counter.take());
        let see = || {
            let mut seen = counter.deltas();
            consume(stop, bound, || seen.next_delta())
        };
        let takers = [(); CONSUMERS].map(|()| scope.spawn(take));
        let cursors = [(); CONSUMERS].map(|()| scope.spawn(see));
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
    on_every_backend(|case| {
        let counter = case.counter();
        let (added, consumed) = consume_while(&counter, 3, 10_000);
        let taken = consumed.takers.iter().sum::<u64>();
        assert_eq!(taken + counter.sum(), added, "takes {:?}", consumed.takers);
        assert_eq!(consumed.cursors, [added; CONSUMERS]);
        assert_eq!(counter.deltas().next_delta(), added);
    });
}
