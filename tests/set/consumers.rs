//! Every add is in exactly one take of its counter, and takes plus the final sums are all adds; every cursor
//! sees every add exactly once, whatever other threads do.

use crate::{
    set,
    support::{Stop, on_every_backend},
};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};
use striped_counter::CounterSet;

const LEN: usize = 35;

#[test]
fn take_empties_one_counter_and_take_all_empties_all() {
    on_every_backend(|case| {
        let set = set(case, LEN);
        let amounts: Vec<_> = (1..=LEN as u64).collect();
        let batch: Vec<_> = amounts.iter().copied().enumerate().collect();
        set.add_many(&batch);
        for index in [0, 16, LEN - 1] {
            assert_eq!((set.take(index), set.sum(index)), (amounts[index], 0));
        }
        let mut rest = amounts.clone();
        rest[0] = 0;
        rest[16] = 0;
        rest[LEN - 1] = 0;
        assert_eq!(set.sums(), rest);
        assert_eq!(set.take_all(), rest);
        assert_eq!((set.sums(), set.take_all()), (vec![0; LEN], vec![0; LEN]));
        set.add_many(&batch);
        assert_eq!((set.take(5), set.take_all()[6], set.take(6)), (6, 7, 0));
    });
}

#[test]
fn cursors_see_every_add_once_whatever_is_taken() {
    on_every_backend(|case| {
        let set = set(case, 2);
        let mut one = set.deltas();
        assert_eq!(one.next_delta(), [0, 0]);
        set.add_many(&[(0, 5), (1, 6)]);
        assert_eq!(one.next_delta(), [5, 6]);
        let mut clone = one.clone();
        assert_eq!((set.take(0), set.take_all()), (5, vec![0, 6]));
        set.add(1, 7);
        assert_eq!(set.deltas().next_delta(), [5, 13], "a new one starts with all there ever was");
        assert_eq!((one.next_delta(), one.next_delta()), (vec![0, 7], vec![0, 0]));
        set.inc(0);
        assert_eq!((clone.next_delta(), one.next_delta()), (vec![1, 7], vec![1, 0]));
    });
}

/// Adds in all ways until it is stopped, and returns what it has added to each counter.
fn add_until(stop: &AtomicBool, set: &CounterSet, thread: usize) -> Vec<u64> {
    let mut totals = vec![0; LEN];
    for round in 0.. {
        if stop.load(Relaxed) {
            return totals;
        }
        let [a, b, c] = [round % LEN, (round * 7 + thread) % LEN, LEN - 1];
        let n = (round % 100 + thread) as u64;
        set.add_many(&[(a, n), (b, n + 1), (c, 1)]);
        set.add(b, n);
        set.inc(a);
        for (index, n) in [(a, n), (b, n + 1), (c, 1), (b, n), (a, 1)] {
            totals[index] += n;
        }
    }
    unreachable!("there is always a next round")
}

/// How often this thread must see something new before it stops the others.
const ENOUGH: usize = 12;

/// More than is added to any counter in a test: a larger difference is a negative one.
const BOUND: u64 = 1 << 40;

fn add_all(totals: &mut [u64], more: &[u64]) {
    for (total, &n) in totals.iter_mut().zip(more) {
        assert!(n < BOUND, "{} in one go: negative", n.cast_signed());
        *total += n;
    }
}

/// Calls `next` until it is stopped, and once more after all adds; returns the totals.
fn consume_until(over: &AtomicBool, mut next: impl FnMut() -> Vec<u64>) -> Vec<u64> {
    let (mut totals, mut last) = (vec![0; LEN], false);
    while !last {
        last = over.load(Relaxed);
        add_all(&mut totals, &next());
    }
    totals
}

/// Calls `next` until it has returned something new [`ENOUGH`] times; returns the totals.
fn consume_enough(mut next: impl FnMut() -> Vec<u64>) -> Vec<u64> {
    let (mut totals, mut times) = (vec![0; LEN], 0);
    while times < ENOUGH {
        let more = next();
        times += usize::from(more.iter().any(|&n| n > 0));
        add_all(&mut totals, &more);
    }
    totals
}

/// Takes from the counters one by one.
fn take_each(set: &CounterSet) -> Vec<u64> {
    (0..LEN).map(|index| set.take(index)).collect()
}

#[test]
fn takes_of_one_and_of_all_share_out_every_add() {
    on_every_backend(|case| {
        let set = &set(case, LEN);
        let (stop, over) = (&AtomicBool::new(false), &AtomicBool::new(false));
        thread::scope(|scope| {
            let (stop_adders, end) = (Stop(stop), Stop(over));
            let adders = [0, 1].map(|thread| scope.spawn(move || add_until(stop, set, thread)));
            let all = scope.spawn(|| consume_until(over, || set.take_all()));
            let each = scope.spawn(|| consume_until(over, || take_each(set)));
            let [mut mine, mut other] = [set.deltas(), set.deltas()];
            let other = scope.spawn(move || consume_until(over, || other.next_delta()));

            let mut seen = consume_enough(|| mine.next_delta());
            drop(stop_adders);
            let mut added = vec![0; LEN];
            for adder in adders {
                add_all(&mut added, &adder.join().unwrap());
            }
            drop(end);
            let takers = [all, each].map(|taker| taker.join().unwrap());
            let mut taken = set.sums();
            for takes in &takers {
                add_all(&mut taken, takes);
            }
            assert_eq!(taken, added);
            add_all(&mut seen, &mine.next_delta());
            assert_eq!((seen, other.join().unwrap()), (added.clone(), added.clone()));
            assert_eq!(set.deltas().next_delta(), added);
        });
    });
}
