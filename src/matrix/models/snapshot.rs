//! Loom models of the cut over a set; see `models.rs` for how to run them and what loom can do.

use super::{
    Dense, Matrix,
    models::{BACKENDS, HIGH, in_place},
};
use crate::{builder::Backend, thread_id::assume};
use loom::{model, model::Builder, sync::Arc, thread};

type Set = Matrix<Dense>;

/// A tracked set of two counters in two rows, already in place.
fn touched(backend: Backend) -> Arc<Set> {
    in_place(Dense::new(2, true), backend, true)
}

fn spawn(set: &Arc<Set>, number: usize, add: fn(&Set)) -> thread::JoinHandle<()> {
    let set = Arc::clone(set);
    thread::spawn(move || {
        assume(number);
        add(&set);
    })
}

fn cut(set: &Set) -> (u64, u64) {
    let mut totals = [0; 2];
    set.add_totals(Some(&set.lock()), &mut totals);
    totals.into()
}

fn on_every_backend(body: fn(&Arc<Set>)) {
    within(None, body);
}

/// With fewer preemptions than the others, where three threads have very many interleavings.
fn within(preemptions: Option<usize>, body: fn(&Arc<Set>)) {
    for backend in BACKENDS {
        // Captured, and so shown only with a failure.
        println!("{backend}");
        let mut builder = Builder::new();
        builder.preemption_bound = preemptions.or(builder.preemption_bound);
        builder.check(move || body(&touched(backend)));
    }
}

#[test]
fn a_cut_has_a_batch_wholly_or_not_at_all() {
    on_every_backend(|set| {
        let adder = spawn(set, 0, |set| set.add_all(&[(0, 1), (1, 1)]));
        let (first, second) = cut(set);
        assert_eq!(first, second);
        adder.join().unwrap();
        assert_eq!(cut(set), (1, 1));
    });
}

#[test]
fn a_cut_with_an_add_has_those_that_happened_before_it() {
    on_every_backend(|set| {
        let adder = spawn(set, 0, |set| {
            set.add_one(0, 1);
            set.add_one(1, 1);
        });
        let (first, second) = cut(set);
        assert!(first >= second, "{first} {second}");
        adder.join().unwrap();
        assert_eq!(cut(set), (1, 1));
    });
}

/// Whoever adds second has seen the first add's thread end: a hand-over from shard to shard.
#[test]
fn a_cut_with_an_add_has_those_of_other_threads_that_happened_before_it() {
    within(Some(2), |set| {
        let adder = spawn(set, 0, |set| set.add_one(0, 1));
        let reader = {
            let set = Arc::clone(set);
            thread::spawn(move || cut(&set))
        };
        adder.join().unwrap();
        assume(1);
        set.add_one(1, 1);
        let (first, second) = reader.join().unwrap();
        assert!(first >= second, "{first} {second}");
        assert_eq!(cut(set), (1, 1));
    });
}

#[test]
fn two_cuts_beside_a_batch_agree() {
    on_every_backend(|set| {
        let adder = spawn(set, 0, |set| set.add_all(&[(0, 1), (1, 1)]));
        let before = cut(set);
        let after = cut(set);
        for (first, second) in [before, after] {
            assert_eq!(first, second);
        }
        assert!(before <= after);
        adder.join().unwrap();
        assert_eq!(cut(set), (1, 1));
    });
}

#[test]
fn a_cut_beside_two_writers_has_a_batch_wholly_or_not_at_all() {
    within(Some(2), |set| {
        let batch = spawn(set, 0, |set| set.add_all(&[(0, 1), (1, 1)]));
        let single = spawn(set, 1, |set| set.add_one(1, 16));
        let (first, second) = cut(set);
        assert_eq!(first, second % 16);
        batch.join().unwrap();
        single.join().unwrap();
        assert_eq!(cut(set), (1, 17));
    });
}

/// A locked sum of one counter, of which a cut in its midst turns the sides of the spill.
#[test]
fn a_locked_sum_beside_a_cut_is_that_of_one_moment() {
    within(Some(2), |set| {
        let adder = spawn(set, 0, |set| {
            set.add_one(0, 1);
            assume(1);
            set.add_one(0, HIGH);
        });
        let cutter = spawn(set, 0, |set| _ = cut(set));
        let sum = set.sum(0);
        assert!([0, 1, 1 + HIGH].contains(&sum), "torn: {sum:x}");
        adder.join().unwrap();
        cutter.join().unwrap();
        assert_eq!(set.sum(0), 1 + HIGH);
    });
}

/// The twin with a seeded bug: without the divert and the wait, loom finds half a batch.
#[test]
#[should_panic(expected = "half a batch")]
fn a_pass_without_a_cut_is_found_torn() {
    model(|| {
        let set = touched(Backend::Striped);
        let adder = spawn(&set, 0, |set| set.add_all(&[(0, 1), (1, 1)]));
        let mut totals = [0; 2];
        set.add_totals(None, &mut totals);
        assert_eq!(totals[0], totals[1], "half a batch");
        adder.join().unwrap();
    });
}
