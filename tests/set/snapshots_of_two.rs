//! Concurrent snapshots of two sets: each is consistent, and so is the order across sets.

use crate::{
    snapshot::{LEN, Ruled, assert_fits},
    support::{Stop, on_every_backend},
};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

/// A counter that no relation is about: each add to that of the first set happens before one to that of the
/// second.
const ACROSS: usize = 100;

/// How many snapshots with something new each reader must read.
const READS: usize = 8;

#[test]
fn snapshots_of_two_sets_are_each_consistent_and_in_order() {
    on_every_backend(|case| {
        if !case.read_lock {
            return;
        }
        let (one, two) = (&Ruled::new(case, false), &Ruled::new(case, false));
        let stop = &AtomicBool::new(false);
        let read = || {
            let (mut last, mut new) = (vec![0; LEN], 0);
            while new < READS {
                let second = two.set.snapshot().unwrap();
                let first = one.set.snapshot().unwrap();
                assert_fits(&first);
                assert_fits(&second);
                let (first_across, second_across) = (first[ACROSS], second[ACROSS]);
                assert!(first_across >= second_across, "{first_across} and {second_across}");
                new += usize::from(second != last);
                last = second;
            }
        };
        thread::scope(|scope| {
            let _stop = Stop(stop);
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    one.set.inc(ACROSS);
                    two.set.inc(ACROSS);
                }
            });
            one.while_written(|| {
                two.while_written(|| {
                    thread::scope(|scope| {
                        scope.spawn(read);
                        read();
                    });
                });
            });
        });
        assert_eq!(one.set.sum(ACROSS), two.set.sum(ACROSS));
    });
}
