//! Promise 1: once every add happens-before the read, the sum is the sum of all adds.

use crate::support::{add_amounts, affinity::Hopper, on_every_backend, together};
use std::{
    sync::{Arc, Barrier},
    thread,
};
use striped_counter::Counter;

#[test]
fn adds_of_threads_that_run_at_once_are_all_in_the_sum() {
    on_every_backend(|case| {
        let counter = case.counter();
        let tallies = together(8, |thread| add_amounts(&counter, thread, 5_000));
        assert_eq!(counter.sum(), tallies.iter().sum());
    });
}

#[test]
fn adds_of_far_more_threads_than_cpus_are_all_in_the_sum() {
    on_every_backend(|case| {
        let counter = case.counter();
        let tallies = together(100, |thread| add_amounts(&counter, thread, 300));
        assert_eq!(counter.sum(), tallies.iter().sum());
    });
}

#[test]
fn a_first_use_by_many_threads_at_once_loses_no_add() {
    const THREADS: usize = 6;
    on_every_backend(|case| {
        let counters: Vec<_> = (0..200).map(|_| case.counter()).collect();
        let next = Barrier::new(THREADS);
        together(THREADS, |_| {
            for counter in &counters {
                next.wait();
                counter.inc();
                counter.inc();
            }
        });
        let sums: Vec<_> = counters.iter().map(Counter::sum).collect();
        assert_eq!(sums, [2 * THREADS as u64; 200]);
    });
}

#[test]
fn a_sum_has_the_adds_of_a_thread_that_has_ended_and_those_of_its_successors() {
    on_every_backend(|case| {
        let counter = case.counter();
        for generation in 1..=50 {
            together(3, |_| counter.add(10));
            assert_eq!(counter.sum(), generation * 30);
        }
    });
}

#[test]
fn a_sum_has_every_add_that_a_message_tells_of() {
    on_every_backend(|case| {
        let counter = case.counter();
        let (tell, told) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                for added in 1..=2_000_u64 {
                    counter.inc();
                    tell.send(added).unwrap();
                }
                drop(tell);
            });
            for added in told {
                assert!(counter.sum() >= added);
            }
        });
    });
}

#[test]
fn counters_do_not_mix() {
    on_every_backend(|case| {
        let counters: Vec<_> = (0..64).map(|_| case.counter()).collect();
        together(4, |thread| {
            for round in 0..50 {
                for (index, counter) in counters.iter().enumerate() {
                    counter.add((index + thread * round) as u64);
                }
            }
        });
        for (index, counter) in counters.iter().enumerate() {
            let expected: usize = (0..4).flat_map(|t| (0..50).map(move |r| index + t * r)).sum();
            assert_eq!(counter.sum(), expected as u64, "counter {index}");
        }
    });
}

#[test]
fn counters_may_be_dropped_while_threads_use_others() {
    on_every_backend(|case| {
        let lasting = case.counter();
        let tallies = together(4, |thread| {
            let mut tally = 0;
            for _ in 0..100 {
                let passing = case.counter();
                let added = add_amounts(&passing, thread, 20);
                assert_eq!(passing.sum(), added, "a new counter has something of an old one");
                tally += add_amounts(&lasting, thread, 20);
            }
            tally
        });
        assert_eq!(lasting.sum(), tallies.iter().sum());
    });
}

#[test]
fn whoever_holds_a_counter_last_may_drop_it() {
    on_every_backend(|case| {
        let counter = Arc::new(case.counter());
        let counters = vec![counter; 8];
        let count = |mine: Arc<Counter>| {
            (0..1_000).for_each(|_| mine.inc());
            Arc::into_inner(mine).map(|counter| counter.sum())
        };
        let sums: Vec<_> = thread::scope(|scope| {
            let start = |mine| scope.spawn(move || count(mine));
            let threads: Vec<_> = counters.into_iter().map(start).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(sums, [8_000], "that of the last to drop it");
    });
}

#[test]
fn migration_from_cpu_to_cpu_loses_no_add() {
    on_every_backend(|case| {
        let counter = case.counter();
        let tallies = together(4, |thread| {
            let mut hopper = Hopper::pinned(0);
            let round = |_| {
                hopper.hop();
                add_amounts(&counter, thread, 64)
            };
            (0..200).map(round).sum::<u64>()
        });
        assert_eq!(counter.sum(), tallies.iter().sum());
    });
}
