//! Promise 7: counts are modulo 2^64, and nothing panics, in debug builds too.

use crate::support::{on_every_backend, together};

#[test]
fn a_sum_wraps_around() {
    on_every_backend(|case| {
        let counter = case.counter();
        counter.add(u64::MAX);
        assert_eq!(counter.sum(), u64::MAX);
        counter.add(2);
        assert_eq!(counter.sum(), 1);
        counter.add(u64::MAX);
        counter.add(u64::MAX);
        assert_eq!(counter.sum(), u64::MAX);
    });
}

#[test]
fn takes_and_deltas_go_on_over_the_wrap() {
    on_every_backend(|case| {
        let counter = case.counter();
        let mut seen = counter.deltas();
        counter.add(u64::MAX - 1);
        assert_eq!((counter.take(), seen.next_delta()), (u64::MAX - 1, u64::MAX - 1));
        counter.add(5);
        assert_eq!((counter.sum(), counter.take(), seen.next_delta()), (5, 5, 5));
        counter.add(u64::MAX);
        assert_eq!([counter.sum(), counter.take(), seen.next_delta()], [u64::MAX; 3]);
        counter.add(0);
        assert_eq!((counter.sum(), counter.take(), seen.next_delta()), (0, 0, 0));
    });
}

#[test]
fn adds_of_many_threads_cancel_over_the_wrap() {
    on_every_backend(|case| {
        let counter = case.counter();
        together(6, |thread| {
            for n in 0..1_000 {
                let n = n << 50;
                counter.add(if thread % 2 == 0 { n } else { n.wrapping_neg() });
            }
        });
        assert_eq!(counter.sum(), 0);
        assert_eq!(counter.take(), 0);
    });
}
