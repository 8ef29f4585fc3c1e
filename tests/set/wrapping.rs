//! Counts are modulo 2^64 for every counter by itself, and nothing panics, in debug builds too.

use crate::{
    set,
    support::{on_every_backend, together},
};

#[test]
fn a_counter_wraps_around_and_its_neighbours_do_not_notice() {
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

#[test]
fn takes_and_deltas_go_on_over_the_wrap() {
    on_every_backend(|case| {
        let set = set(case, 2);
        let mut seen = set.deltas();
        set.add_many(&[(0, u64::MAX - 1), (1, 3)]);
        assert_eq!((set.take(0), seen.next_delta()), (u64::MAX - 1, vec![u64::MAX - 1, 3]));
        set.add_many(&[(0, 5), (1, u64::MAX)]);
        assert_eq!((set.sums(), set.sum(0), set.sum(1)), (vec![5, 2], 5, 2));
        assert_eq!((set.take_all(), seen.next_delta()), (vec![5, 2], vec![5, u64::MAX]));
        set.add(1, u64::MAX);
        assert_eq!(
            (set.take(1), set.take_all(), seen.next_delta()),
            (u64::MAX, vec![0, 0], vec![0, u64::MAX])
        );
    });
}

#[test]
fn adds_of_many_threads_cancel_over_the_wrap() {
    on_every_backend(|case| {
        let set = set(case, 17);
        together(6, |thread| {
            for n in 0..300_u64 {
                let n = n << 55;
                let n = if thread % 2 == 0 { n } else { n.wrapping_neg() };
                set.add_many(&[(3, n), (16, n)]);
                set.add(4, n);
            }
        });
        assert_eq!(set.sums(), [0; 17]);
        assert_eq!(set.take_all(), [0; 17]);
    });
}
