//! Guarantee 7: counts wrap modulo 2^64, and nothing panics, not even in debug builds.

use crate::support::{on_every_type, together};

#[test]
fn a_sum_wraps_around() {
    on_every_type(|subject| {
        let counter = subject.build();
        counter.add(u64::MAX);
        assert_eq!(counter.sum(), u64::MAX);
        counter.add(2);
        assert_eq!(counter.sum(), 1);
        counter.add(u64::MAX);
        counter.add(u64::MAX);
        assert_eq!(counter.sum(), u64::MAX);
        counter.add(1 << 63);
        assert_eq!(counter.sum(), (1 << 63) - 1);
    });
}

#[test]
fn takes_and_deltas_go_on_over_the_wrap() {
    on_every_type(|subject| {
        let counter = subject.build();
        let mut seen = counter.deltas();
        let mut assert_next = |n| {
            assert_eq!((counter.sum(), counter.take()), (n, n));
            assert!(seen.as_mut().is_none_or(|seen| seen.next() == n), "the delta is not {n}");
        };
        for n in [u64::MAX - 1, 5, u64::MAX, 0, 1 << 63, 1 << 63, 3] {
            counter.add(n);
            assert_next(n);
        }
    });
}

#[test]
fn adds_of_many_threads_cancel_over_the_wrap() {
    on_every_type(|subject| {
        let counter = subject.build();
        together(6, |thread| {
            for n in 0..300_u64 {
                let n = n << 53;
                counter.add(if thread % 2 == 0 { n } else { n.wrapping_neg() });
            }
        });
        assert_eq!((counter.sum(), counter.take()), (0, 0));
    });
}
