//! Guarantee 2: readers never block adders, not even locked readers.
//!
//! `tests/signals.rs` interrupts a reader in the middle of its read; `tests/allocation.rs` and
//! `tests/fork.rs` show that an add neither allocates nor makes a system call.

use crate::support::{Counts, Stop, add_amounts, on_every_type};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

const WRITERS: usize = 3;
const READERS: usize = 3;

/// Reads without a pause until it is stopped, and returns what it has taken.
fn read_until(stop: &AtomicBool, counter: &dyn Counts) -> u64 {
    let mut seen = counter.deltas();
    let mut taken = 0_u64;
    while !stop.load(Relaxed) {
        let _ = counter.sum();
        taken = taken.wrapping_add(counter.take());
        let _ = seen.as_mut().map(|seen| seen.next());
    }
    taken
}

#[test]
fn adders_finish_while_readers_never_stop_reading() {
    on_every_type(|subject| {
        let (counter, stop) = (subject.build(), AtomicBool::new(false));
        let (added, taken) = thread::scope(|scope| {
            let stopping = Stop(&stop);
            let readers = [(); READERS].map(|()| scope.spawn(|| read_until(&stop, &*counter)));
            let adder = |thread| {
                let counter = &*counter;
                scope.spawn(move || add_amounts(counter, thread, 5_000))
            };
            let adders: Vec<_> = (0..WRITERS).map(adder).collect();
            let sum: u64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
            // Only now, so that the readers read until the adders have finished.
            drop(stopping);
            (
                sum,
                readers.map(|reader| reader.join().unwrap()).into_iter().fold(0, u64::wrapping_add),
            )
        });
        assert_eq!(taken.wrapping_add(counter.sum()), added);
    });
}
