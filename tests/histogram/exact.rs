//! Guarantee 1 for both adds of a record: once every record happens-before the read, each is in its bucket
//! and in the sum.

use crate::{
    Kind, on_every_kind,
    support::{on_every_backend, together},
    values, worth,
};
use striped_counter::{Histogram, HistogramSnapshot};

/// Records `count` values, each the least of a bucket, and returns their sum.
fn record(histogram: &Histogram, values: &[u64], thread: usize, count: usize) -> u64 {
    let mine = (0..count).map(|i| values[(i * 7 + thread * 13) % values.len()]);
    mine.inspect(|&value| histogram.record(value)).fold(0, u64::wrapping_add)
}

#[track_caller]
fn assert_has(snapshot: &HistogramSnapshot, count: usize, sum: u64) {
    assert_eq!((snapshot.count(), snapshot.sum()), (count as u64, Some(sum)));
    assert_eq!(worth(snapshot), sum);
}

#[test]
fn records_of_threads_that_run_at_once_are_all_in_their_buckets_and_in_the_sum() {
    on_every_kind(|case, kind| {
        for threads in [8, 60] {
            let histogram = kind.histogram(case);
            let values = values(&histogram.snapshot());
            let tallies = together(threads, |thread| record(&histogram, &values, thread, 1_000));
            let sum = tallies.iter().copied().fold(0, u64::wrapping_add);
            assert_has(&histogram.snapshot(), threads * 1_000, sum);
            assert_has(&histogram.total(), threads * 1_000, sum);
        }
    });
}

#[test]
fn a_value_goes_to_the_bucket_whose_range_it_is_in() {
    on_every_kind(|case, kind| {
        let histogram = kind.histogram(case);
        for (range, _) in histogram.snapshot().buckets() {
            let before = histogram.snapshot();
            histogram.record(*range.start());
            histogram.record_n(*range.end(), 2);
            let more = histogram.snapshot().since(&before).unwrap();
            let counted: Vec<_> = more.buckets().filter(|(_, count)| *count > 0).collect();
            let sum = range.start().wrapping_add(range.end().wrapping_mul(2));
            assert_eq!(more.sum(), Some(sum));
            assert_eq!(counted, [(range, 3)]);
        }
    });
}

/// Lines are leased again, by histograms with more or fewer columns and by padded counters.
#[test]
fn a_new_histogram_has_nothing_of_the_dropped_ones_before_it() {
    on_every_backend(|case| {
        let lasting = Kind::Small.histogram(case);
        let values = values(&lasting.snapshot());
        let tallies = together(4, |thread| {
            let mut tally = 0_u64;
            for round in 0..60 {
                let builder = case.set(Histogram::builder());
                let passing = match round % 3 {
                    0 => builder.bounds(crate::BOUNDS).build(),
                    1 => builder.bounds(&[10]).sum(false).build(),
                    _ => builder.grouping_power(0).max_value_power(14).build(),
                };
                let empty = passing.total();
                assert_eq!((empty.count(), empty.sum().unwrap_or(0)), (0, 0));
                passing.record(3);
                record(&passing, &values, thread, 20);
                assert_eq!((passing.snapshot().count(), passing.take().count()), (21, 21));
                passing.record(3);
                assert_eq!((passing.snapshot().count(), passing.total().count()), (1, 22));
                let counter = case.set(striped_counter::Counter::builder()).padded(true).build();
                (0..3).for_each(|_| counter.add(5));
                assert_eq!(counter.take(), 15);
                tally = tally.wrapping_add(record(&lasting, &values, thread, 20));
            }
            tally
        });
        let sum = tallies.iter().copied().fold(0, u64::wrapping_add);
        assert_has(&lasting.snapshot(), 4 * 60 * 20, sum);
    });
}

#[test]
fn sums_and_counts_wrap_around() {
    on_every_kind(|case, kind| {
        let histogram = kind.histogram(case);
        histogram.record(u64::MAX);
        histogram.record(3);
        assert_eq!((histogram.snapshot().count(), histogram.snapshot().sum()), (2, Some(2)));
        histogram.record_n(u64::MAX, u64::MAX);
        assert_eq!((histogram.snapshot().count(), histogram.snapshot().sum()), (1, Some(3)));
        histogram.record_n(7, 0);
        assert_eq!((histogram.snapshot().count(), histogram.snapshot().sum()), (1, Some(3)));
    });
}
