//! Each counter of a set is exact, at any length: no two of them share a cell, neither within a shard nor
//! across shards nor in the spill.

use crate::{
    set,
    support::{on_every_backend, together},
};
use std::{
    sync::{Barrier, Mutex},
    thread,
};
use striped_counter::{Backend, CounterSet};

/// Less than a line, a whole line, slightly more; a set with a read lock has two more columns.
const LENGTHS: [usize; 8] = [1, 2, 13, 14, 15, 16, 17, 1_000];

/// Returns the amount for a counter: no two amounts are equal, and none is the sum of two others.
fn amount(index: usize) -> u64 {
    (1 << 32) + (1 << 20) + index as u64
}

/// Adds four times the amount to each counter, once in each way to add.
fn add_everywhere(set: &CounterSet, times: u64) {
    let batch: Vec<_> = (0..set.len()).map(|index| (index, times * amount(index))).collect();
    set.add_many(&batch);
    for index in (0..set.len()).rev() {
        set.add(index, times * amount(index));
    }
    for (index, entry) in (0..set.len()).filter_map(|index| Some((index, set.get(index)?))) {
        entry.add(times * amount(index) - 1);
        entry.inc();
    }
    for index in 0..set.len() {
        set.add(index, times * amount(index) - 1);
        set.inc(index);
    }
}

/// Panics unless each counter has its amount 4 * `times` times, in each way to read it.
fn assert_exact(set: &CounterSet, times: u64) {
    let expected: Vec<_> = (0..set.len()).map(|index| 4 * times * amount(index)).collect();
    assert_eq!(set.sums(), expected);
    assert_eq!((0..set.len()).map(|index| set.sum(index)).collect::<Vec<_>>(), expected);
    assert_eq!(set.deltas().next_delta(), expected);
}

#[test]
fn counters_of_a_set_of_any_length_do_not_mix() {
    on_every_backend(|case| {
        for len in LENGTHS {
            let set = set(case, len);
            together(4, |thread| add_everywhere(&set, thread as u64 + 1));
            assert_exact(&set, 1 + 2 + 3 + 4);
        }
    });
}

#[test]
fn one_counter_alone_leaves_all_others_at_zero() {
    on_every_backend(|case| {
        for len in [2, 15, 16, 17, 33] {
            for index in 0..len {
                let set = set(case, len);
                together(3, |_| (0..3).for_each(|_| set.add(index, u64::MAX / 10)));
                let mut expected = vec![0; len];
                expected[index] = u64::MAX / 10 * 9;
                assert_eq!(set.sums(), expected);
                assert_eq!(set.sum(index), expected[index]);
            }
        }
    });
}

#[test]
fn a_counter_that_wraps_leaves_its_neighbours_alone() {
    on_every_backend(|case| {
        let set = set(case, 17);
        for _ in 0..3 {
            set.add(15, u64::MAX);
            set.add_many(&[(15, u64::MAX), (15, 2)]);
        }
        assert_eq!(set.sum(15), 0);
        assert_eq!(set.sums(), [0; 17]);
        set.add(15, u64::MAX);
        let mut expected = [0; 17];
        expected[15] = u64::MAX;
        assert_eq!(set.sums(), expected);
    });
}

/// Threads then have numbers, and so shards, next to each other and far apart.
#[test]
fn counters_of_far_more_threads_than_shards_or_cpus_do_not_mix() {
    on_every_backend(|case| {
        let set = set(case, 17);
        together(70, |_| add_everywhere(&set, 1));
        assert_exact(&set, 70);
    });
}

#[test]
fn a_set_that_grows_for_more_threads_keeps_every_count() {
    for read_lock in [false, true] {
        let set = CounterSet::builder(17).backend(Backend::PerThread).read_lock(read_lock).build();
        let (together, leave) = (&Barrier::new(40), &Barrier::new(40));
        let turns = &Mutex::new(());
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    // Adds before there are rows for all threads, while they are made, and afterwards.
                    add_everywhere(&set, 1);
                    together.wait();
                    // In turn: a thread that finds the matrix growing spills, and does not grow it.
                    let turn = turns.lock().unwrap();
                    add_everywhere(&set, 1);
                    drop(turn);
                    leave.wait();
                });
            }
        });
        assert_exact(&set, 80);
        assert!(set.shards() >= 40, "{}", set.shards());
    }
}

#[test]
fn sums_agree_with_each_counters_sum_after_takes() {
    on_every_backend(|case| {
        let set = set(case, 33);
        let mut times = 0;
        for (round, index) in [(1, 0), (2, 15), (3, 16), (4, 32)] {
            add_everywhere(&set, round);
            times += round;
            assert_eq!(set.take(index), 4 * times * amount(index));
            let each: Vec<_> = (0..33).map(|index| set.sum(index)).collect();
            assert_eq!((each[index], &each), (0, &set.sums()));
        }
        let before = set.sums();
        assert_eq!(set.take_all(), before);
        assert_eq!(set.sums(), [0; 33]);
    });
}
