//! Once every add happens-before the read, the level is what all of them come to, modulo 2^64.

use crate::{
    level,
    support::{on_every_backend, together},
};
use striped_counter::UpDownCounter;

/// Goes up and down in all four ways; what they come to.
fn go_up_and_down(level: &UpDownCounter, thread: usize, times: i64) -> i64 {
    let thread = i64::try_from(thread).unwrap();
    let mut tally = 0;
    for time in 0..times {
        let n = (time * 7 + thread * 13) % 1_000 - 400;
        level.add(n);
        level.inc();
        level.sub(n / 2);
        level.dec();
        level.dec();
        tally += n - n / 2 - 1;
    }
    tally
}

#[test]
fn ups_and_downs_of_threads_that_run_at_once_are_all_in_the_sum() {
    on_every_backend(|case| {
        let level = level(case);
        let tallies = together(8, |thread| go_up_and_down(&level, thread, 2_000));
        assert_eq!(level.sum(), tallies.iter().sum());
    });
}

#[test]
fn ups_and_downs_of_far_more_threads_than_cpus_are_all_in_the_sum() {
    on_every_backend(|case| {
        let level = level(case);
        let tallies = together(100, |thread| go_up_and_down(&level, thread, 100));
        assert_eq!(level.sum(), tallies.iter().sum());
    });
}

#[test]
fn ups_on_one_thread_and_downs_on_another_leave_zero() {
    on_every_backend(|case| {
        let level = level(case);
        together(6, |thread| {
            for n in 0..2_000 {
                level.add(if thread % 2 == 0 { n } else { -n });
            }
        });
        assert_eq!(level.sum(), 0);
    });
}

#[test]
fn a_thread_alone_sees_each_of_its_ups_and_downs_at_once() {
    on_every_backend(|case| {
        let (level, mut expected) = (level(case), 0);
        for n in -50..50 {
            level.add(n);
            expected += n;
            assert_eq!(level.sum(), expected);
            level.dec();
            expected -= 1;
            assert_eq!(level.sum(), expected);
            level.sub(2 * n);
            expected -= 2 * n;
            assert_eq!(level.sum(), expected);
            level.inc();
            expected += 1;
            assert_eq!(level.sum(), expected);
        }
    });
}

/// Others only go up and down by as much, and have gone up first.
#[test]
fn a_thread_among_others_sees_its_own_ups_at_the_least() {
    on_every_backend(|case| {
        let level = level(case);
        together(4, |thread| {
            for n in 1..=1_000 {
                level.inc();
                if thread == 0 {
                    assert!(level.sum() >= n, "{} of {n}", level.sum());
                } else {
                    level.dec();
                }
            }
        });
        assert_eq!(level.sum(), 1_000);
    });
}

const EXTREMES: [i64; 10] =
    [0, 1, -1, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, 1 << 32, -1 << 32, i64::MIN / 2];

#[test]
fn adds_and_subs_of_any_size_and_sign_are_as_those_of_an_i64_that_wraps() {
    on_every_backend(|case| {
        for one in EXTREMES {
            for two in EXTREMES {
                let level = level(case);
                level.add(one);
                assert_eq!(level.sum(), one);
                level.add(two);
                assert_eq!(level.sum(), one.wrapping_add(two), "{one} + {two}");
                level.sub(one);
                assert_eq!(level.sum(), two, "{one} + {two} - {one}");
                level.sub(two);
                assert_eq!(level.sum(), 0, "{one} + {two} - {one} - {two}");
                level.sub(one);
                assert_eq!(level.sum(), one.wrapping_neg(), "-{one}");
            }
        }
    });
}

#[test]
fn adding_minus_n_is_subtracting_n() {
    on_every_backend(|case| {
        for n in EXTREMES {
            let (one, two) = (level(case), level(case));
            one.add(n.wrapping_neg());
            two.sub(n);
            assert_eq!(one.sum(), two.sum(), "{n}");
            one.sub(n.wrapping_neg());
            two.add(n);
            assert_eq!((one.sum(), two.sum()), (0, 0), "{n}");
        }
    });
}

#[test]
fn a_level_wraps_around_and_back_and_nothing_panics() {
    on_every_backend(|case| {
        let level = level(case);
        level.add(i64::MAX);
        level.inc();
        assert_eq!(level.sum(), i64::MIN);
        level.dec();
        assert_eq!(level.sum(), i64::MAX);
        level.add(i64::MAX);
        level.add(i64::MAX);
        assert_eq!(level.sum(), i64::MAX - 2);
        level.sub(i64::MIN);
        assert_eq!(level.sum(), -3);
        (0..8).for_each(|_| level.sub(i64::MIN));
        assert_eq!(level.sum(), -3, "ups and downs have each come around more than once");
    });
}

#[test]
fn ups_and_downs_of_many_threads_cancel_over_the_wrap() {
    on_every_backend(|case| {
        let level = level(case);
        together(6, |thread| {
            for n in 0..500_i64 {
                let n = n << 53;
                if thread % 2 == 0 { level.add(n) } else { level.sub(n) }
            }
        });
        assert_eq!(level.sum(), 0);
    });
}

#[test]
fn levels_do_not_mix() {
    on_every_backend(|case| {
        let levels: Vec<_> = (0..64).map(|_| level(case)).collect();
        together(4, |_| {
            for (n, level) in (0..).zip(&levels) {
                level.add(n);
                level.sub(3 * n);
            }
        });
        assert!((0..).zip(&levels).all(|(n, level)| level.sum() == -8 * n));
    });
}
