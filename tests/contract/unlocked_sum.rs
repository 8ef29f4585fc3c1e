//! Guarantee 3: a sum lies between the true count when it began and that when it ended, and one thread's sums
//! never go backwards while no thread takes. That holds for locked sums, too.

use crate::support::{Case, Stop, amounts, on_every_backend};
use std::{
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
};
use striped_counter::Counter;

/// How many sums a reader reads at least, and how often they must change. Readers stop the writers, so all
/// their reads are concurrent with adds.
const SUMS: usize = 2_000;
const CHANGES: usize = 20;

/// A counter, with bounds of its count.
struct Watched {
    counter: Counter,
    /// Raised before each add, so never below the true count.
    begun: AtomicU64,
    /// Raised after each add, so never above the true count.
    ended: AtomicU64,
    stop: AtomicBool,
}

impl Watched {
    fn new(case: &Case) -> Self {
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { counter: case.counter(), begun, ended, stop: AtomicBool::new(false) }
    }

    fn write_until_stopped(&self, thread: usize) {
        for n in amounts(thread, u64::MAX / 7).take_while(|_| !self.stop.load(Relaxed)) {
            self.begun.fetch_add(n, SeqCst);
            self.counter.add(n);
            self.ended.fetch_add(n, SeqCst);
        }
    }

    fn read_until_content(&self) {
        let (mut last, mut sums, mut changes) = (0, 0, 0);
        while sums < SUMS || changes < CHANGES {
            let low = self.ended.load(SeqCst);
            let sum = self.counter.sum();
            let high = self.begun.load(SeqCst);
            assert!((low..=high).contains(&sum), "{sum} is not within {low} and {high}");
            assert!(sum >= last, "{last} and then {sum}");
            sums += 1;
            changes += usize::from(sum != last);
            last = sum;
        }
    }
}

#[test]
fn a_sum_is_between_the_counts_before_and_after_it_and_never_goes_backwards() {
    on_every_backend(|case| {
        let watched = Watched::new(case);
        thread::scope(|scope| {
            let _stop = Stop(&watched.stop);
            for thread in 0..3 {
                let watched = &watched;
                scope.spawn(move || watched.write_until_stopped(thread));
            }
            let other = scope.spawn(|| watched.read_until_content());
            watched.read_until_content();
            other.join().unwrap();
        });
        assert_eq!(watched.counter.sum(), watched.ended.load(SeqCst));
    });
}

#[test]
fn a_sum_between_takes_is_never_negative() {
    on_every_backend(|case| {
        let watched = Watched::new(case);
        thread::scope(|scope| {
            let _stop = Stop(&watched.stop);
            for thread in 0..2 {
                let watched = &watched;
                scope.spawn(move || watched.write_until_stopped(thread));
            }
            scope.spawn(|| {
                while !watched.stop.load(Relaxed) {
                    let _ = watched.counter.take();
                }
            });
            let (mut sums, mut changes) = (0, 0);
            while sums < SUMS || changes < CHANGES {
                let sum = watched.counter.sum();
                let high = watched.begun.load(SeqCst);
                assert!(sum <= high, "{} of {high}", sum.cast_signed());
                sums += 1;
                changes += usize::from(sum > 0);
            }
        });
    });
}
