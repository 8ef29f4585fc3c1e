//! Buckets in statics, timers, durations, and settings that the builder refuses.

use crate::{
    BOUNDS, counts, on_every_kind,
    support::{per_cpu_works, together},
};
use std::{panic::catch_unwind, thread, time::Duration};
use striped_counter::{Backend, BuildError, Builder, Histogram, HistogramSet, HistogramSnapshot};

const _: () = {
    assert!(size_of::<Histogram>() == 64);
    assert!(size_of::<HistogramSet>() == 64);
};

#[test]
fn every_setting_may_be_made_in_a_static() {
    static DEFAULT: Histogram = Histogram::new();
    static PER_CPU: Histogram =
        Histogram::builder().backend(Backend::PerCpu).shards(3).bounds(BOUNDS).build();
    static PER_THREAD: Histogram = Histogram::builder()
        .backend(Backend::PerThread)
        .grouping_power(2)
        .max_value_power(64)
        .read_lock(true)
        .build();
    static STRIPED: Histogram =
        Histogram::builder().backend(Backend::Striped).shards(16).sum(false).padded(true).build();
    static SET: HistogramSet = HistogramSet::builder(3).grouping_power(3).build();

    for histogram in [&DEFAULT, &PER_CPU, &PER_THREAD, &STRIPED] {
        together(4, |_| (0..500).for_each(|n| histogram.record(n)));
        assert_eq!(histogram.take().count(), 2_000);
        let sum = if histogram.snapshot().sum().is_some() { Some(4 * 124_750) } else { None };
        assert_eq!(histogram.total().sum(), sum);
    }
    assert_eq!((STRIPED.backend(), STRIPED.shards()), (Backend::Striped, 16));
    let per_cpu = if per_cpu_works() { (Backend::PerCpu, 3) } else { (Backend::Striped, 4) };
    assert_eq!((PER_CPU.backend(), PER_CPU.shards()), per_cpu);
    SET.record(2, 7);
    assert_eq!(SET.totals().iter().map(HistogramSnapshot::count).collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn an_untouched_histogram_reads_empty_in_every_way() {
    on_every_kind(|case, kind| {
        let histogram = kind.histogram(case);
        for empty in [histogram.snapshot(), histogram.total(), histogram.take()] {
            assert_eq!((empty.count(), empty.sum(), empty.quantile(0.5)), (0, Some(0), None));
        }
        assert_eq!(histogram.deltas().next_delta().count(), 0);
        assert!(histogram.warm_up());
        assert_eq!(histogram.snapshot(), kind.histogram(case).snapshot());
    });
}

#[test]
fn without_a_sum_the_buckets_are_the_same() {
    on_every_kind(|case, kind| {
        let builder = kind.set(case.set(Histogram::builder()));
        let (with, without) = (builder.build(), builder.sum(false).build());
        for histogram in [&with, &without] {
            together(3, |_| (0..2_000).for_each(|n| histogram.record(n * n)));
        }
        assert_eq!(without.snapshot().sum(), None);
        assert!(with.snapshot().sum().is_some());
        assert_eq!(counts(&without.snapshot()), counts(&with.snapshot()));
        assert_eq!(without.take().count(), 6_000);
        assert_eq!((without.snapshot().count(), without.total().count()), (0, 6_000));
    });
}

#[test]
fn a_timer_records_once_when_it_is_dropped_or_stopped_and_not_if_it_is_discarded() {
    on_every_kind(|case, kind| {
        let histogram = kind.histogram(case);
        drop(histogram.start_timer());
        assert_eq!(histogram.take().count(), 1);
        let took = histogram.start_timer().stop();
        let taken = histogram.take();
        assert_eq!((taken.count(), taken.sum().map(u128::from)), (1, Some(took.as_nanos())));
        let _ = histogram.start_timer().discard();
        assert_eq!(histogram.take().count(), 0);
        let panicked = catch_unwind(|| {
            let _timer = histogram.start_timer();
            std::panic::resume_unwind(Box::new("quietly"));
        });
        assert!(panicked.is_err());
        assert_eq!(histogram.take().count(), 1);
        // Moved to another thread, as tasks are.
        let timer = histogram.start_timer();
        thread::scope(|scope| drop(scope.spawn(move || drop(timer))));
        assert_eq!(histogram.take().count(), 1);
    });
}

#[test]
fn durations_are_nanoseconds_and_the_longest_ones_do_not_make_the_sum_wrap_around() {
    let histogram = Histogram::new();
    histogram.record_duration(Duration::from_micros(3));
    assert_eq!(histogram.take().sum(), Some(3_000));
    histogram.record_duration(Duration::MAX);
    histogram.record_duration(Duration::from_nanos(5));
    assert_eq!(histogram.take().sum(), Some((1 << 53) + 5));
}

#[test]
fn bad_settings_are_refused_by_setting_value_and_range() {
    let refused = |builder: Builder<Histogram>| builder.try_build().unwrap_err().to_string();
    let builder = Histogram::builder();
    assert_eq!(
        refused(builder.grouping_power(17)),
        "grouping_power: 17 is out of range, from 0 to 16"
    );
    for n in [0, 4, 65] {
        let text = format!("max_value_power: {n} is out of range, from 5 to 64");
        assert_eq!(refused(builder.max_value_power(n)), text);
    }
    assert_eq!(
        refused(builder.grouping_power(9).max_value_power(9)),
        "max_value_power: 9 is out of range, from 10 to 64"
    );
    assert_eq!(refused(builder.bounds(&[])), "number of bounds: 0 is out of range, from 1 to 1024");
    assert_eq!(
        refused(builder.bounds(&[1, 2, 2])),
        "bounds: 2 at index 2 is not above 2, the bound before it"
    );
    for both in [builder.max_value_power(20), builder.grouping_power(2)] {
        assert_eq!(
            refused(both.bounds(&[1, 2])),
            "bounds: 2 bounds cannot be set with grouping_power or max_value_power"
        );
    }
    assert_eq!(refused(builder.shards(0)), "shards: 0 is out of range, from 1 to 4096");
    let set = HistogramSet::builder(1 << 20).bounds(BOUNDS);
    assert!(set.sum(false).try_build().is_ok());
    // Twelve buckets and a sum each, of 2^24 columns.
    assert_eq!(
        HistogramSet::builder(1_290_556).bounds(BOUNDS).try_build().unwrap_err(),
        BuildError::HistogramsOutOfRange { len: 1_290_556, columns: 13 }
    );
    assert!(HistogramSet::builder(1_290_555).bounds(BOUNDS).try_build().is_ok());
    // Not the range of other sets, whatever the length.
    let builder = HistogramSet::builder(usize::MAX);
    assert_eq!(
        builder.grouping_power(16).max_value_power(64).try_build().unwrap_err().to_string(),
        format!(
            "len: {} is out of range, from 0 to 5 for histograms of 3211265 buckets and sums",
            usize::MAX
        )
    );
    let panic = catch_unwind(|| HistogramSet::new(1 << 25)).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.ends_with("from 0 to 31714 for histograms of 529 buckets and sums"), "{text}");
}

#[test]
fn build_panics_with_the_text_of_the_error() {
    let panic = catch_unwind(|| Histogram::builder().grouping_power(20).build()).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert_eq!(text, "grouping_power: 20 is out of range, from 0 to 16");
}
