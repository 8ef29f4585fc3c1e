//! Every add is in one take, and is seen once by every cursor.

use super::support::*;
use crate::matrix::{per_thread, striped};

#[test]
fn two_takers_and_the_final_sum_share_all_adds_without_overlap() {
    on_every_setting(touched, |counter| {
        let takers = [taker(counter), taker(counter)];
        add_as(counter, 0, [1, 2]);
        let taken = takers.map(|taker| taker.join().unwrap());
        assert_eq!(taken[0] + taken[1] + counter.sum(COLUMN), 3, "{taken:?}");
    });
}

#[test]
fn a_sum_is_never_negative_while_another_thread_takes() {
    on_every_setting(touched, |counter| {
        let taker = taker(counter);
        let reader = reader(counter);
        add_as(counter, 0, [1]);
        let took = taker.join().unwrap();
        let seen = reader.join().unwrap();
        assert!(seen <= 1, "{}", seen.cast_signed());
        assert_eq!(took + counter.sum(COLUMN), 1);
    });
}

#[test]
fn a_cursor_sees_every_add_once_whatever_a_taker_does() {
    on_every_setting(touched, |counter| {
        let taker = taker(counter);
        let reader = spawn(counter, |counter| (counter.total(COLUMN), counter.total(COLUMN)));
        add_as(counter, 0, [1]);
        let took = taker.join().unwrap();
        let (first, second) = reader.join().unwrap();
        assert!(first <= second, "{first}, then {second}");
        assert_eq!(counter.total(COLUMN), 1);
        assert_eq!(took + counter.sum(COLUMN), 1);
    });
}

/// An owner whose cell holds 1 adds 2, while a take swaps 0 into it.
fn a_take_that_zeroes(add: fn(&AtomicU64, u64)) {
    let cell = Arc::new(AtomicU64::new(1));
    let taker = {
        let cell = Arc::clone(&cell);
        thread::spawn(move || cell.swap(0, Ordering::AcqRel))
    };
    add(&cell, 2);
    let took = taker.join().unwrap();
    let left = cell.load(Ordering::Relaxed);
    assert_eq!(took + left, 3, "an add is lost or doubled");
}

/// Does what `per_thread::add` does, without its check that no other thread stores.
fn add_as_owner(cell: &AtomicU64, n: u64) {
    let before = cell.load(Ordering::Relaxed);
    cell.store(before + n, Ordering::Release);
}

// The seeded twins: a take that resets the cell, which is correct only with atomic adds.

#[test]
#[should_panic(expected = "an add is lost or doubled")]
fn seeded_a_take_that_zeroes_counts_an_owners_add_wrongly() {
    model(|| a_take_that_zeroes(add_as_owner));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn seeded_a_take_that_zeroes_is_noticed_by_the_owners_own_add() {
    model(|| a_take_that_zeroes(per_thread::add));
}

#[test]
fn seeded_a_take_that_zeroes_loses_nothing_of_atomic_adds() {
    model(|| a_take_that_zeroes(striped::add));
}
