//! Guarantee 1: once every add happens-before the read, the sum is the sum of all adds.

use crate::support::{Counts, add_amounts, affinity::Hopper, on_every_type, together};
use std::{
    sync::{Arc, Barrier, mpsc::channel},
    thread,
};

#[test]
fn adds_of_threads_that_run_at_once_are_all_in_the_sum() {
    on_every_type(|subject| {
        let counter = subject.build();
        let tallies = together(8, |thread| add_amounts(&*counter, thread, 2_000));
        assert_eq!(counter.sum(), tallies.iter().sum());
    });
}

#[test]
fn adds_of_far_more_threads_than_cpus_are_all_in_the_sum() {
    on_every_type(|subject| {
        let counter = subject.build();
        let tallies = together(100, |thread| add_amounts(&*counter, thread, 100));
        assert_eq!(counter.sum(), tallies.iter().sum());
    });
}

#[test]
fn a_first_use_by_many_threads_at_once_loses_no_add() {
    const THREADS: usize = 6;
    const COUNTERS: usize = 60;
    on_every_type(|subject| {
        let counters: Vec<_> = (0..COUNTERS).map(|_| subject.build()).collect();
        let next = Barrier::new(THREADS);
        together(THREADS, |_| {
            for counter in &counters {
                next.wait();
                counter.add(1);
                counter.add(2);
            }
        });
        let sums: Vec<_> = counters.iter().map(|counter| counter.sum()).collect();
        assert_eq!(sums, [3 * THREADS as u64; COUNTERS]);
    });
}

#[test]
fn a_sum_includes_the_adds_of_threads_that_have_ended() {
    on_every_type(|subject| {
        let counter = subject.build();
        for generation in 1..=20 {
            together(3, |_| counter.add(10));
            assert_eq!(counter.sum(), generation * 30);
        }
    });
}

#[test]
fn a_sum_includes_every_add_before_a_message() {
    on_every_type(|subject| {
        let counter = subject.build();
        let (send, receive) = channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                for added in 1..=400_u64 {
                    counter.add(1);
                    send.send(added).unwrap();
                }
                drop(send);
            });
            for added in receive {
                assert!(counter.sum() >= added);
            }
        });
    });
}

#[test]
fn a_thread_alone_sees_each_of_its_adds_at_once() {
    on_every_type(|subject| {
        let (counter, mut added) = (subject.build(), 0_u64);
        for n in (0..100).chain([1 << 63, u64::MAX, 1 << 32, u64::MAX - 1]) {
            counter.add(n);
            added = added.wrapping_add(n);
            assert_eq!(counter.sum(), added, "after {n}");
        }
    });
}

#[test]
fn a_thread_among_others_sees_at_least_its_own_adds() {
    on_every_type(|subject| {
        let counter = subject.build();
        together(4, |_| {
            for n in 1..=300 {
                counter.add(1);
                assert!(counter.sum() >= n, "{} of {n}", counter.sum());
            }
        });
        assert_eq!(counter.sum(), 1_200);
    });
}

#[test]
fn counters_do_not_mix() {
    on_every_type(|subject| {
        let counters: Vec<_> = (0..64).map(|_| subject.build()).collect();
        together(4, |thread| {
            for round in 0..10 {
                for (index, counter) in counters.iter().enumerate() {
                    counter.add((index + thread * round) as u64);
                }
            }
        });
        for (index, counter) in counters.iter().enumerate() {
            let expected: usize = (0..4).flat_map(|t| (0..10).map(move |r| index + t * r)).sum();
            assert_eq!(counter.sum(), expected as u64, "counter {index}");
        }
    });
}

#[test]
fn counters_may_be_dropped_while_threads_use_others() {
    on_every_type(|subject| {
        let lasting = subject.build();
        let tallies = together(4, |thread| {
            let mut tally = 0;
            for _ in 0..30 {
                let passing = subject.build();
                let added = add_amounts(&*passing, thread, 20);
                assert_eq!(passing.sum(), added, "a new counter holds adds to an old one");
                tally += add_amounts(&*lasting, thread, 20);
            }
            tally
        });
        assert_eq!(lasting.sum(), tallies.iter().sum());
    });
}

#[test]
fn any_thread_may_drop_the_last_handle_of_a_counter() {
    on_every_type(|subject| {
        let counter = Arc::new(subject.build());
        let counters = vec![counter; 8];
        let count = |mine: Arc<Box<dyn Counts>>| {
            (0..300).for_each(|_| mine.add(1));
            Arc::into_inner(mine).map(|counter| counter.sum())
        };
        let sums: Vec<_> = thread::scope(|scope| {
            let start = |mine| scope.spawn(move || count(mine));
            let threads: Vec<_> = counters.into_iter().map(start).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(sums, [2_400], "from the last to drop it");
    });
}

#[test]
fn migration_from_cpu_to_cpu_loses_no_add() {
    on_every_type(|subject| {
        let counter = subject.build();
        let tallies = together(4, |thread| {
            let mut hopper = Hopper::pinned(0);
            let round = |_| {
                hopper.hop();
                add_amounts(&*counter, thread, 64)
            };
            (0..80).map(round).sum::<u64>()
        });
        assert_eq!(counter.sum(), tallies.iter().sum());
    });
}

#[test]
fn a_warm_up_and_an_add_of_zero_count_nothing() {
    on_every_type(|subject| {
        for warm_up_first in [false, true] {
            let counter = subject.build();
            assert!(!warm_up_first || counter.warm_up());
            counter.add(0);
            counter.add(0);
            assert!(warm_up_first || counter.warm_up());
            assert_eq!(counter.sum(), 0);
            counter.add(5);
            assert_eq!(counter.sum(), 5);
        }
    });
}
