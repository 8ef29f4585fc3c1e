//! Adds of either sign and any size add up to what they do in an `i64` that wraps.

use crate::{
    level,
    support::{on_every_backend, together},
};

#[test]
fn ups_and_downs_on_different_threads_cancel() {
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

const EXTREMES: [i64; 10] =
    [0, 1, -1, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, 1 << 32, -1 << 32, i64::MIN / 2];

#[test]
fn adds_and_subs_of_any_size_and_sign_agree_with_a_wrapping_i64() {
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
fn adding_minus_n_subtracts_n() {
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
