//! Counters and levels as storage of recorders.

use metrics::{CounterFn as _, GaugeFn, HistogramFn};
use std::{sync::Arc, thread};
use striped_counter::{Backend, Counter, Histogram, UpDownCounter};

#[test]
fn absolute_is_a_maximum() {
    let counter = Counter::new();
    counter.absolute(42);
    counter.absolute(7);
    assert_eq!(counter.sum(), 42);
    counter.increment(1);
    counter.absolute(43);
    assert_eq!(counter.sum(), 43);
    // Also of several callers at once, on every backend, with the read lock and without.
    for backend in [Backend::PerCpu, Backend::PerThread, Backend::Striped] {
        for read_lock in [false, true] {
            let counter =
                Arc::new(Counter::builder().backend(backend).read_lock(read_lock).build());
            thread::scope(|scope| {
                for thread in 0..4 {
                    let counter = &counter;
                    scope
                        .spawn(move || (0..=10_000).for_each(|n| counter.absolute(n * 4 + thread)));
                }
            });
            assert_eq!(counter.sum(), 40_003, "{backend}, read_lock {read_lock}");
        }
    }
}

#[test]
fn a_gauge_is_set_and_rounds() {
    let level = UpDownCounter::new();
    level.increment(2.6);
    assert_eq!(level.sum(), 3);
    level.decrement(5.0);
    assert_eq!(level.sum(), -2);
    for value in [10.0, -7.0, f64::MAX, f64::MIN, f64::NAN] {
        GaugeFn::set(&level, value);
        #[allow(clippy::cast_possible_truncation, reason = "what saturation comes to")]
        let expected = value as i64;
        assert_eq!(level.sum(), expected, "{value}");
    }
}

#[test]
fn a_histogram_rounds_to_whole_numbers() {
    let sizes = Histogram::builder().bounds(&[0, 2, 10]).build();
    for value in [1.6, 2.4, -3.0, f64::NAN] {
        HistogramFn::record(&sizes, value);
    }
    sizes.record_many(9.5, 3);
    let sizes = sizes.snapshot();
    assert_eq!((sizes.count(), sizes.sum()), (7, Some(2 + 2 + 30)));
    assert_eq!(sizes.cumulative(&[0, 2, 10]), [2, 4, 7]);
}

#[test]
fn an_infinite_value_does_not_make_the_sum_wrap_around() {
    let sizes = Histogram::new();
    HistogramFn::record(&sizes, 5.0);
    HistogramFn::record(&sizes, f64::INFINITY);
    assert_eq!(sizes.snapshot().sum(), Some((1 << 53) + 5));
}
