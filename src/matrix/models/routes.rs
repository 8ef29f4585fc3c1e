//! Adds that load the route of a fresh counter, and then the limit of a published lease.

use super::support::*;
use crate::matrix::{Span, many::Many, per_thread, route::Path};

type Set = Matrix<Many>;

/// The thread with number 0 makes the first adds, and another thread adds by `add`.
fn two_first_adds(add: fn(&Counter, u64)) {
    let counter = fresh(Backend::PerThread, false);
    let other = spawn(&counter, move |counter| {
        assume(1);
        add(counter, HIGH);
    });
    add_as(&counter, 0, [1, 2]);
    join(other);
    assert_eq!(counter.sum(COLUMN), 3 + HIGH);
    let row_0 = counter.newest().ok().unwrap().cell(0, COLUMN).load(Ordering::Relaxed);
    assert!(row_0 < HIGH, "an add to another thread's row");
}

#[test]
fn an_add_by_the_route_of_a_fresh_counter_never_reaches_row_0() {
    model(|| two_first_adds(|counter, n| counter.add(COLUMN, n)));
}

/// The seeded bug: takes the route of a fresh counter, 0, for a mask.
fn add_by_any_route(counter: &Counter, n: u64) {
    if matches!(counter.path(), Path::Unknown) && counter.limit() > 0 {
        per_thread::add(counter.newest_of_some().cell(0, COLUMN), n);
    } else {
        counter.add(COLUMN, n);
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn seeded_a_route_of_0_taken_for_a_mask_adds_to_another_threads_row() {
    model(|| two_first_adds(add_by_any_route));
}

/// A tracked set is leased and cut while a thread makes its first add, and then a second one.
fn a_cut_with_the_first_add(add: fn(&Set)) {
    let set = Arc::new(Set::new(Many::new(2, true), settings(Backend::PerThread, true)));
    let adding = spawn(&set, move |set| {
        assume(0);
        add(set);
        set.add_one(1, 1);
    });
    assert!(set.warm_up());
    let mut totals = [0; 2];
    set.totals(Span::ALL, &mut totals);
    assert!(totals[0] >= totals[1], "torn: {totals:?}");
    join(adding);
    set.totals(Span::ALL, &mut totals);
    assert_eq!(totals, [1, 1]);
}

#[test]
fn an_operation_by_the_route_of_a_fresh_set_is_announced() {
    within(1, || a_cut_with_the_first_add(|set| set.add_one(0, 1)));
}

/// The seeded bug: takes the route of a fresh set, 0, for `PerCpu`, whose adds need no
/// announcement.
fn add_unannounced(set: &Set) {
    if matches!(set.path(), Path::Unknown) {
        set.add(0, 1);
    } else {
        set.add_one(0, 1);
    }
}

#[test]
#[should_panic(expected = "torn")]
fn seeded_a_route_of_0_taken_for_per_cpu_tears_a_cut() {
    within(1, || a_cut_with_the_first_add(add_unannounced));
}
