//! Initial values, maxima, comparisons with a limit, and counters owned exclusively.

use crate::support::{add_amounts, on_every_backend, together};
use striped_counter::{Counter, UpDownCounter};

#[test]
fn an_initial_value_counts_as_added() {
    static COUNTER: Counter = Counter::with_initial(5);
    static LEVEL: UpDownCounter = UpDownCounter::with_initial(-5);
    assert_eq!((COUNTER.sum(), COUNTER.total(), LEVEL.sum()), (5, 5, -5));
    together(4, |_| (COUNTER.inc(), LEVEL.dec()));
    assert_eq!((COUNTER.sum(), LEVEL.sum()), (9, -9));
    assert_eq!((COUNTER.deltas().next_delta(), COUNTER.take(), LEVEL.take()), (9, 9, -9));
    assert_eq!((COUNTER.sum(), COUNTER.total(), LEVEL.sum()), (0, 9, 0));
    for n in [0, 1, u64::MAX] {
        assert_eq!(Counter::with_initial(n).take(), n);
    }
    for n in [0, i64::MIN, i64::MAX] {
        assert_eq!(UpDownCounter::with_initial(n).take(), n);
    }
}

#[test]
fn the_largest_of_concurrent_raises_wins() {
    on_every_backend(|case| {
        let counter = case.counter();
        counter.raise_to(0);
        assert_eq!(counter.sum(), 0);
        together(4, |thread| (0..50).for_each(|n| counter.raise_to(100 * thread as u64 + n)));
        assert_eq!(counter.sum(), 349);
        assert_eq!(counter.take(), 349);
        counter.raise_to(7);
        assert_eq!((counter.sum(), counter.total()), (7, 356));
    });
}

#[test]
fn at_least_agrees_with_a_comparison_of_the_sum() {
    on_every_backend(|case| {
        for _ in 0..2 {
            // The second reuses the columns of the first, and must not see its counts.
            let counter = case.counter();
            assert!(counter.at_least(0) && !counter.at_least(1), "untouched");
            together(6, |thread| add_amounts(&counter, thread, 10));
            let sum = counter.sum();
            let compare = |sum: u64| {
                for n in [0, 1, sum / 2, sum.saturating_sub(1), sum, sum + 1, u64::MAX] {
                    assert_eq!(counter.at_least(n), sum >= n, "{n} of {sum}");
                }
            };
            compare(sum);
            assert_eq!(counter.take(), sum);
            compare(0);
            counter.add(3);
            compare(3);
        }
    });
}

/// With enough of them at a time, some have columns that held nothing before.
#[test]
fn at_least_does_not_count_what_was_taken() {
    on_every_backend(|case| {
        let counters: Vec<_> = (0..200).map(|_| case.counter()).collect();
        for counter in &counters {
            (0..4).for_each(|_| counter.add(5));
            assert!(counter.at_least(20) && !counter.at_least(21));
            assert_eq!(counter.take(), 20);
            assert!(counter.at_least(0) && !counter.at_least(1));
            counter.add(3);
            assert!(counter.at_least(3) && !counter.at_least(4));
        }
    });
}

/// On any thread, as soon as the count is reached and at any time afterwards.
#[test]
fn at_least_stays_true_while_others_add() {
    on_every_backend(|case| {
        let counter = case.counter();
        together(4, |_| {
            for n in 1..500 {
                counter.inc();
                assert!(counter.at_least(n));
            }
        });
        assert!(counter.at_least(4 * 499) && !counter.at_least(4 * 499 + 1));
    });
}

#[test]
fn a_counter_owned_exclusively_can_be_set() {
    on_every_backend(|case| {
        let (mut counter, mut level) = (case.counter(), case.set(UpDownCounter::builder()).build());
        counter.set_mut(3);
        level.set_mut(-3);
        assert_eq!((counter.sum(), level.sum()), (3, -3), "without shards");
        together(3, |_| (counter.add(2), level.sub(2)));
        assert_eq!((counter.sum_mut(), level.sum_mut()), (9, -9));
        assert_eq!((counter.take(), level.take()), (9, -9));
        assert_eq!((counter.sum_mut(), level.sum_mut()), (0, 0), "less what was taken");
        for n in [7, i64::MAX, 0] {
            counter.set_mut(n.cast_unsigned());
            level.set_mut(-n);
            assert_eq!((counter.sum(), level.sum()), (n.cast_unsigned(), -n));
        }
    });
}

/// What it is lowered by counts as taken: a look at a limit, exporters and cursors are not deceived.
#[test]
fn a_counter_that_is_set_to_less_keeps_its_total() {
    on_every_backend(|case| {
        for warm in [false, true] {
            let mut counter = case.counter();
            assert!(!warm || counter.warm_up());
            counter.set_mut(2);
            counter.set_mut(1);
            assert_eq!((counter.sum(), counter.total()), (1, 2));
            (0..9).for_each(|_| counter.inc());
            counter.set_mut(5);
            assert_eq!((counter.sum(), counter.total()), (5, 11));
            for (n, reached) in [(0, true), (5, true), (6, false), (7, false), (u64::MAX, false)] {
                assert_eq!(counter.at_least(n), reached, "{n}");
            }
            assert_eq!((counter.take(), counter.deltas().next_delta()), (5, 11));
            counter.set_mut(3);
            assert_eq!((counter.sum(), counter.total()), (3, 14));
            assert!(counter.at_least(3) && !counter.at_least(4));
        }
    });
}

#[test]
fn a_huge_counter_can_be_set_to_less() {
    for n in [1 << 61, 1 << 62, 1 << 63, u64::MAX] {
        let mut counter = Counter::with_initial(n);
        counter.set_mut(1);
        assert_eq!((counter.sum(), counter.total()), (1, n));
        assert!(counter.at_least(1) && !counter.at_least(2));
    }
}
