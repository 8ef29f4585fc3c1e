//! A lease that is published while a reader diverts adds.

use super::support::*;
use crate::matrix::{Span, columns::Demand, many::Many, rows::Lease};
use std::mem;

/// A counter with a seeded bug: its leases are published without the lock.
struct Unlocked(One);

impl Columns for Unlocked {
    const SHARED: bool = true;

    fn stride(&self) -> usize {
        self.0.stride()
    }

    fn downs(&self, _column: usize) -> Option<usize> {
        None
    }

    fn lease<'a>(&'a self, demand: Demand<'a>) -> Option<Lease<'a>> {
        let lease = self.0.lease(demand)?;
        // The lock of the first lease is taken from the start; for later ones the lock of the
        // oldest is held.
        drop(lease.oldest().adopt_lock());
        Some(lease)
    }

    fn give_back(&self, lease: Lease<'_>) {
        self.0.give_back(lease);
    }

    fn spill(&self, oldest: Option<Lease<'_>>, column: usize, n: u64) {
        self.0.spill(oldest, column, n);
    }

    fn spilled(&self, oldest: Option<Lease<'_>>, column: usize) -> u64 {
        self.0.spilled(oldest, column)
    }
}

/// A thread with `number` leases in an add, while a reader diverts.
fn a_divert_lasts<C: Columns + Send + Sync + 'static>(counter: &Arc<Matrix<C>>, number: usize) {
    let reader = spawn(counter, |counter| {
        // Before there is a lease there is nothing to divert.
        let Ok(lock) = counter.lock() else { return };
        let _diverted = counter.divert(&lock);
        assert!(counter.is_diverted(), "the divert is over");
        assert_eq!(counter.collect(COLUMN), counter.collect(COLUMN), "the divert is over");
        assert!(counter.is_diverted(), "the divert is over");
    });
    assume(number);
    counter.add(COLUMN, 1);
    join(reader);
    assert_eq!(counter.limit(), counter.rows(), "an old limit");
    assert_eq!(counter.sum(COLUMN), 1);
}

fn fresh_of<C: Columns>(columns: C) -> Arc<Matrix<C>> {
    Arc::new(Matrix::new(columns, settings(Backend::PerThread, true)))
}

fn of_two_rows<C: Columns>(columns: C) -> Arc<Matrix<C>> {
    in_place(columns, Backend::PerThread, true)
}

#[test]
fn a_divert_is_not_ended_by_the_first_lease() {
    model(|| a_divert_lasts(&fresh_of(One::new()), 0));
}

#[test]
#[should_panic(expected = "the divert is over")]
fn seeded_a_first_lease_that_is_not_born_taken_ends_a_divert() {
    model(|| a_divert_lasts(&fresh_of(Unlocked(One::new())), 0));
}

#[test]
fn a_divert_is_not_ended_by_growth_nor_leaves_an_old_limit() {
    model(|| a_divert_lasts(&of_two_rows(One::new()), 2));
}

#[test]
#[should_panic(expected = "the divert is over")]
fn seeded_growth_without_the_lock_ends_a_divert() {
    model(|| a_divert_lasts(&of_two_rows(Unlocked(One::new())), 2));
}

/// Shows what ending a divert would do to a cut: a thread leases and then adds, while another cuts.
fn a_cut_is_whole(set: &Arc<Matrix<Many>>, number: usize, lease: fn(&Matrix<Many>)) {
    let adding = spawn(set, move |set| {
        assume(number);
        lease(set);
        set.add_all([(0, 1), (1, 1)].into_iter());
    });
    let mut totals = [0; 2];
    set.totals(Span::ALL, &mut totals);
    assert_eq!(totals[0], totals[1], "half a batch");
    join(adding);
    set.totals(Span::ALL, &mut totals);
    assert_eq!(totals, [1, 1]);
}

#[test]
fn a_cut_is_whole_while_its_set_leases_and_grows() {
    within(2, || a_cut_is_whole(&fresh_of(Many::new(2, true)), 0, Matrix::prepare));
    within(2, || a_cut_is_whole(&of_two_rows(Many::new(2, true)), 2, Matrix::prepare));
}

/// Stores the limit, as a publication and the end of a divert do, on a thread that does not have
/// the lock.
fn publish_without_the_lock(set: &Matrix<Many>) {
    let lock = set.oldest().unwrap().adopt_lock();
    drop(set.divert(&lock));
    mem::forget(lock);
}

#[test]
#[should_panic(expected = "half a batch")]
fn seeded_a_publication_during_a_cut_tears_it() {
    within(1, || a_cut_is_whole(&of_two_rows(Many::new(2, true)), 0, publish_without_the_lock));
}
