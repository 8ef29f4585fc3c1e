//! Against the text of the stock exporter of `metrics` for Prometheus.

use metrics::{CounterFn as _, GaugeFn as _, counter, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{sync::Arc, thread};
use striped_counter::{
    Backend, Counter, UpDownCounter,
    integrations::metrics::{Flusher, StripedRecorder},
};
use striped_counter_exporters::{monotone_and_complete, value};

fn exporter() -> (impl metrics::Recorder, Flusher, PrometheusHandle) {
    let exporter = PrometheusBuilder::new().build_recorder();
    let handle = exporter.handle();
    let builder = Counter::builder().backend(Backend::Striped).shards(4);
    let recorder = StripedRecorder::with_builder(exporter, builder);
    let flusher = recorder.flusher();
    (recorder, flusher, handle)
}

#[test]
fn the_stock_exporter_shows_what_the_macros_count() {
    let (recorder, flusher, handle) = exporter();
    with_local_recorder(&recorder, || {
        counter!("hits", "route" => "/").increment(2);
        counter!("hits", "route" => "/").increment(3);
        counter!("other").absolute(7);
        gauge!("busy").increment(1.0);
    });
    assert_eq!(value(&handle.render(), "hits{route=\"/\"}"), 0, "not handed on yet");
    assert_eq!(flusher.flush(), 12);
    assert_eq!(flusher.flush(), 0);
    let text = handle.render();
    assert_eq!(value(&text, "hits{route=\"/\"}"), 5);
    assert_eq!(value(&text, "other"), 7);
    assert_eq!(value(&text, "busy"), 1);
    assert!(format!("{flusher:?}").contains("\"hits\": 5"), "{flusher:?}");
}

#[test]
fn scrapes_under_load_lose_nothing() {
    let (recorder, flusher, handle) = exporter();
    let hits = with_local_recorder(&recorder, || counter!("hits"));
    hits.increment(1);
    monotone_and_complete(
        1,
        || hits.increment(1),
        || {
            flusher.flush();
            value(&handle.render(), "hits")
        },
    );
}

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
        level.set(value);
        #[allow(clippy::cast_possible_truncation, reason = "what saturation comes to")]
        let expected = value as i64;
        assert_eq!(level.sum(), expected, "{value}");
    }
}
