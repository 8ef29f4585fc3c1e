//! The cut over a set.

use super::support::*;
use crate::matrix::{Span, many::Many};

type Set = Matrix<Many>;

/// Returns a tracked set of two counters in two rows, already leased.
fn touched(backend: Backend) -> Arc<Set> {
    in_place(Many::new(2, true), backend, true)
}

fn adder(set: &Arc<Set>, number: usize, add: fn(&Set)) -> thread::JoinHandle<()> {
    spawn(set, move |set| {
        assume(number);
        add(set);
    })
}

fn cut(set: &Set) -> (u64, u64) {
    let mut totals = [0; 2];
    set.totals(Span::ALL, &mut totals);
    totals.into()
}

fn on_every_backend(preemptions: Option<usize>, body: fn(&Arc<Set>)) {
    for backend in BACKENDS {
        // Captured, and so shown only with a failure.
        println!("{backend}");
        match preemptions {
            Some(preemptions) => within(preemptions, move || body(&touched(backend))),
            None => model(move || body(&touched(backend))),
        }
    }
}

#[test]
fn a_cut_has_a_batch_wholly_or_not_at_all() {
    on_every_backend(None, |set| {
        let adding = adder(set, 0, |set| set.add_all([(0, 1), (1, 1)].into_iter()));
        let (first, second) = cut(set);
        assert_eq!(first, second);
        adding.join().unwrap();
        assert_eq!(cut(set), (1, 1));
    });
}

#[test]
fn a_cut_with_an_add_has_those_that_happened_before_it() {
    on_every_backend(Some(2), |set| {
        let adding = adder(set, 0, |set| {
            set.add_one(0, 1);
            set.add_one(1, 1);
        });
        let (first, second) = cut(set);
        assert!(first >= second, "{first} {second}");
        adding.join().unwrap();
        assert_eq!(cut(set), (1, 1));
    });
}

/// The thread that adds second has joined the thread of the first add, so order has to carry over
/// from shard to shard.
#[test]
fn a_cut_with_an_add_has_those_of_other_threads_that_happened_before_it() {
    on_every_backend(Some(1), |set| {
        let adding = adder(set, 0, |set| set.add_one(0, 1));
        let reader = spawn(set, cut);
        adding.join().unwrap();
        assume(1);
        set.add_one(1, 1);
        let (first, second) = reader.join().unwrap();
        assert!(first >= second, "{first} {second}");
        assert_eq!(cut(set), (1, 1));
    });
}

#[test]
fn two_cuts_during_a_batch_agree() {
    on_every_backend(Some(2), |set| {
        let adding = adder(set, 0, |set| set.add_all([(0, 1), (1, 1)].into_iter()));
        let before = cut(set);
        let after = cut(set);
        for (first, second) in [before, after] {
            assert_eq!(first, second);
        }
        assert!(before <= after);
        adding.join().unwrap();
        assert_eq!(cut(set), (1, 1));
    });
}

#[test]
fn a_cut_while_two_add_has_a_batch_wholly_or_not_at_all() {
    on_every_backend(Some(1), |set| {
        let batch = adder(set, 0, |set| set.add_all([(0, 1), (1, 1)].into_iter()));
        let single = adder(set, 1, |set| set.add_one(1, 16));
        let (first, second) = cut(set);
        assert_eq!(first, second % 16);
        batch.join().unwrap();
        single.join().unwrap();
        assert_eq!(cut(set), (1, 17));
    });
}

/// A locked sum of one counter, while a cut flips the sides of the spill.
#[test]
fn a_locked_sum_during_a_cut_is_that_of_one_moment() {
    on_every_backend(Some(1), |set| {
        let adding = adder(set, 0, |set| {
            set.add_one(0, 1);
            assume(1);
            set.add_one(0, HIGH);
        });
        let cutter = spawn(set, cut);
        let sum = set.sum(0);
        assert!([0, 1, 1 + HIGH].contains(&sum), "torn: {sum:x}");
        adding.join().unwrap();
        cutter.join().unwrap();
        assert_eq!(set.sum(0), 1 + HIGH);
    });
}

/// The seeded twin: without the divert and the wait, loom finds half a batch.
#[test]
#[should_panic(expected = "half a batch")]
fn seeded_a_pass_without_a_cut_is_found_torn() {
    model(|| {
        let set = touched(Backend::Striped);
        let adding = adder(&set, 0, |set| set.add_all([(0, 1), (1, 1)].into_iter()));
        let mut totals = [0; 2];
        set.add_unlocked(Span::ALL, &mut totals);
        assert_eq!(totals[0], totals[1], "half a batch");
        adding.join().unwrap();
    });
}
