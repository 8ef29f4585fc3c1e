//! Promise 2: readers never block adders, not even locked readers.
//!
//! `tests/signals.rs` freezes a reader in the middle of its read; `tests/allocation.rs` and
//! `tests/fork.rs` show that an add neither allocates nor calls the system.

use crate::support::{Stop, add_amounts, on_every_backend};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};
use striped_counter::Counter;

const WRITERS: usize = 3;
const READERS: usize = 3;

/// Reads without a pause until it is told to stop; returns what it has taken.
fn read_until(stop: &AtomicBool, counter: &Counter) -> u64 {
    let mut seen = counter.deltas();
    let mut taken = 0;
    while !stop.load(Relaxed) {
        let _ = counter.sum();
        taken += counter.take();
        let _ = seen.next_delta();
    }
    taken
}

#[test]
fn adders_finish_while_readers_never_stop_reading() {
    on_every_backend(|case| {
        let (counter, stop) = (case.counter(), AtomicBool::new(false));
        let (added, taken) = thread::scope(|scope| {
            let stopping = Stop(&stop);
            let readers = [(); READERS].map(|()| scope.spawn(|| read_until(&stop, &counter)));
            let adder = |thread| {
                let counter = &counter;
                scope.spawn(move || add_amounts(counter, thread, 20_000))
            };
            let adders: Vec<_> = (0..WRITERS).map(adder).collect();
            let sum: u64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
            // Only now: the adders had to get there with the readers at work.
            drop(stopping);
            (sum, readers.map(|reader| reader.join().unwrap()).iter().sum::<u64>())
        });
        assert_eq!(taken + counter.sum(), added);
    });
}
