//! While other threads go up and down, a sum lies between the lowest and the highest level there was. More
//! threads run than there are CPUs, so the reader is preempted anywhere now and then while the others go on.
//! `src/matrix/tests/levels.rs` stops it on purpose.

use crate::{
    level,
    support::{Stop, on_every_backend, together},
};
use std::{
    env,
    ops::RangeInclusive,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};
use striped_counter::UpDownCounter;

const THREADS: usize = 4;
const LEVELS: RangeInclusive<i64> = 0..=4;

/// Returns how often to read each level at least: `LEVEL_READS`, if set.
fn reads() -> u64 {
    env::var("LEVEL_READS").map_or(50_000, |reads| reads.parse().expect("LEVEL_READS: a number"))
}

/// How often the sum must change at least, as a sign that the level was busy.
const CHANGES: usize = 200;

/// Calls `read` while each of [`THREADS`] threads goes up and down.
fn while_busy<T>(level: &UpDownCounter, read: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    level.inc();
                    level.dec();
                }
            });
        }
        read()
    })
}

#[test]
fn no_sum_of_a_busy_level_is_one_that_never_was() {
    on_every_backend(|case| {
        let level = level(case);
        let seen = while_busy(&level, || {
            let mut seen = [0_u64; THREADS + 1];
            let (mut last, mut changes) = (0, 0);
            while changes < CHANGES || seen.iter().sum::<u64>() < reads() {
                let sum = level.sum();
                assert!(LEVELS.contains(&sum), "{sum}");
                seen[usize::try_from(sum).unwrap()] += 1;
                changes += usize::from(sum != last);
                last = sum;
            }
            seen
        });
        println!("{case}: how often each level was read: {seen:?}");
        assert_eq!(level.sum(), 0);
    });
}

#[test]
fn no_sum_of_a_level_that_gets_its_shards_is_one_that_never_was() {
    on_every_backend(|case| {
        for _ in 0..50 {
            let level = level(case);
            while_busy(&level, || {
                (0..40).for_each(|_| assert!(LEVELS.contains(&level.sum())));
            });
            assert_eq!(level.sum(), 0);
        }
    });
}

#[test]
fn takes_of_a_busy_level_add_up_to_the_level() {
    on_every_backend(|case| {
        let level = level(case);
        let taken: i64 = while_busy(&level, || (0..2_000).map(|_| level.take()).sum());
        assert_eq!(taken + level.sum(), 0, "{taken} taken");
        // Each take was of one moment, so they never add up to more than a level.
        assert!(LEVELS.contains(&taken), "{taken}");
    });
}

#[test]
fn guards_held_during_a_take_decrement_below_zero() {
    on_every_backend(|case| {
        let level = level(case);
        let busy = [level.guard(), level.guard()];
        assert_eq!(level.take(), 2);
        let more = level.guard();
        assert_eq!(level.sum(), 1);
        drop(busy);
        assert_eq!(level.sum(), -1);
        drop(more);
        assert_eq!((level.take(), level.sum()), (-2, 0));
    });
}

#[test]
fn a_level_is_the_value_set_plus_later_adds() {
    on_every_backend(|case| {
        let level = level(case);
        level.set(7);
        assert_eq!(level.sum(), 7, "the first that ever was");
        level.dec();
        for value in [0, -3, i64::MAX, i64::MIN, 12] {
            level.set(value);
            assert_eq!(level.sum(), value);
        }
        level.inc();
        assert_eq!(level.take(), 13);
        level.set(2);
        assert_eq!((level.sum(), level.take(), level.sum()), (2, 2, 0), "over what was taken");
    });
}

/// They would be off by more if the sum were read too high.
#[test]
fn a_set_of_a_busy_level_is_off_by_no_more_than_was_in_flight() {
    on_every_backend(|case| {
        let level = level(case);
        while_busy(&level, || {
            for value in 0..1_000 {
                level.set(value);
                // Threads that were up when it was set come down later.
                let off = level.sum() - value;
                assert!(LEVELS.contains(&off.abs()), "{off} off {value}");
            }
        });
    });
}

#[test]
fn one_of_several_concurrent_sets_is_the_last() {
    on_every_backend(|case| {
        let level = level(case);
        for _ in 0..20 {
            together(4, |thread| (0..50).for_each(|_| level.set(1 << (10 * thread))));
            let sum = level.sum();
            assert!([1, 1 << 10, 1 << 20, 1 << 30].contains(&sum), "{sum}");
        }
    });
}
