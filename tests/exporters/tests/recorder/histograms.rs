//! `histogram!`, in what the stock exporter for Prometheus shows.

use super::{
    Histogram, PrometheusBuilder, Registry, ShardedRecorder, Spy, TracingContextLayer, in_front_of,
    value, with_default, with_local_recorder,
};
use metrics::{Recorder, Unit, describe_histogram, histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use metrics_tracing_context::MetricsLayer;
use metrics_util::layers::Layer as _;
use std::{sync::Mutex, thread, time::Duration};
use striped_counter::integrations::metrics::Flusher;
use tracing_subscriber::layer::SubscriberExt as _;

fn exporter(
    builder: PrometheusBuilder,
) -> (impl Recorder + Send + Sync, Flusher, PrometheusHandle) {
    let exporter = builder.build_recorder();
    let handle = exporter.handle();
    let recorder = ShardedRecorder::builder(exporter)
        .buckets(&[0.25, 1.0, 2.5])
        .buckets_of("size", &[64.0, 4_096.0])
        .flush_by_hand()
        .build();
    let flusher = recorder.flusher();
    (recorder, flusher, handle)
}

/// The lines of `text` about `name`, sorted.
fn lines(text: &str, name: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with(name));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_exporter_shows_buckets_sum_and_count() {
    let naming = PrometheusBuilder::new().with_recommended_naming(true);
    for builder in [PrometheusBuilder::new(), naming] {
        let (recorder, flusher, handle) = exporter(builder);
        with_local_recorder(&recorder, || {
            describe_histogram!("latency", Unit::Seconds, "How long");
            // At a bound, next to it, above them all, below them all.
            for value in [0.25, 0.250_001, 2.5, 3.0, -1.0, f64::NAN, 0.0] {
                histogram!("latency", "route" => "/").record(value);
            }
            histogram!("latency", "route" => "/").record(Duration::from_millis(500));
            histogram!("size").record_many(64, 3);
        });
        flusher.flush();
        let text = handle.render();
        let expected = [
            "latency_bucket{route=\"/\",le=\"+Inf\"} 8",
            "latency_bucket{route=\"/\",le=\"0.25\"} 4",
            "latency_bucket{route=\"/\",le=\"1\"} 6",
            "latency_bucket{route=\"/\",le=\"2.5\"} 7",
            "latency_count{route=\"/\"} 8",
            "latency_sum{route=\"/\"} 6.500001",
        ];
        assert_eq!(lines(&text, "latency"), expected, "{text}");
        let expected = [
            "size_bucket{le=\"+Inf\"} 3",
            "size_bucket{le=\"4096\"} 3",
            "size_bucket{le=\"64\"} 3",
            "size_count 3",
            "size_sum 192",
        ];
        assert_eq!(lines(&text, "size"), expected);
        assert!(text.contains("# HELP latency_bucket How long"), "{text}");
    }
}

/// The value that `text` shows for `name`.
fn shown(text: &str, name: &str) -> f64 {
    let line = lines(text, name).pop().unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn values_beyond_all_measure_do_not_wrap_the_sum() {
    let (recorder, flusher, handle) = exporter(PrometheusBuilder::new());
    with_local_recorder(&recorder, || {
        for value in [f64::INFINITY, f64::MAX, f64::NEG_INFINITY] {
            histogram!("latency").record(value);
        }
    });
    flusher.flush();
    let text = handle.render();
    assert_eq!(shown(&text, "latency_sum"), 2_f64.powi(54));
    assert_eq!(
        [shown(&text, "latency_count"), shown(&text, "latency_bucket{le=\"2.5\"}")],
        [3.0, 1.0]
    );
}

/// The values, how often each is recorded, and their sum.
type Summed = (&'static [f64], usize, f64);

#[test]
fn sums_are_exact_far_beyond_the_bounds() {
    const SIXTY_BITS: f64 = 1_152_921_504_606_846_976.0;
    let cases: [(&[f64], &[Summed]); 3] = [
        (
            &[0.005, 10.0],
            &[
                (&[50e6, 20e6], 1, 70e6),
                (&[1e6], 20_000, 2e10),
                (&[3_600.0], 10_000_000, 3.6e10),
                (&[9_007_199.25, 0.5], 1, 9_007_199.75),
                (&[SIXTY_BITS / 128.0], 128, SIXTY_BITS),
                (&[0.999_999_999, 0.000_000_001], 1, 1.0),
            ],
        ),
        (&[1e-9, 1e-6, 1e-3, 1.0], &[(&[60.0], 1, 60.0), (&[0.75, 4e-9], 1_000_000, 750_000.004)]),
        (&[64.0, 4_096.0], &[(&[64.0, 1.25], 3, 195.75), (&[1e15], 100, 1e17)]),
    ];
    for (bounds, cases) in cases {
        for (values, times, sum) in cases {
            let exporter = PrometheusBuilder::new().build_recorder();
            let handle = exporter.handle();
            let recorder =
                ShardedRecorder::builder(exporter).buckets(bounds).flush_by_hand().build();
            with_local_recorder(&recorder, || {
                values.iter().for_each(|value| histogram!("size").record_many(*value, *times));
            });
            recorder.flusher().flush();
            assert_eq!(shown(&handle.render(), "size_sum"), *sum, "{values:?}, {times} times each");
        }
    }
}

#[test]
fn what_many_threads_record_is_all_there_and_nothing_is_kept() {
    const THREADS: u32 = 4;
    const EACH: u32 = 5_000;
    let (recorder, flusher, handle) = exporter(PrometheusBuilder::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                with_local_recorder(&recorder, || {
                    let held = histogram!("latency");
                    for n in 0..EACH {
                        held.record(0.25);
                        histogram!("latency").record(2.0);
                        if n % 1_000 == 0 {
                            flusher.flush();
                        }
                    }
                });
            });
        }
    });
    flusher.flush();
    let (text, all) = (handle.render(), u64::from(THREADS * EACH));
    assert_eq!(value(&text, "latency_count"), 2 * all);
    assert_eq!(value(&text, "latency_bucket{le=\"1\"}"), all);
    assert!(
        text.contains(&format!("\nlatency_sum {}\n", f64::from(THREADS * EACH) * 2.25)),
        "{text}"
    );
    flusher.flush();
    flusher.flush();
    assert_eq!(format!("{flusher:?}"), "Flusher { handles: 0 }");
}

#[test]
fn labels_of_a_layer_in_front_come_through() {
    let (recorder, flusher, handle) = exporter(PrometheusBuilder::new());
    let recorder = TracingContextLayer::all().layer(recorder);
    with_default(Registry::default().with(MetricsLayer::new()), || {
        for user in ["ann", "bob"] {
            let span = tracing::info_span!("request", user);
            let _entered = span.enter();
            with_local_recorder(&recorder, || histogram!("latency").record(1.0));
        }
    });
    flusher.flush();
    for user in ["ann", "bob"] {
        assert_eq!(value(&handle.render(), &format!("latency_count{{user=\"{user}\"}}")), 1);
    }
}

#[test]
fn without_a_sum_none_is_shown_and_histograms_come_to_rest() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let handle = exporter.handle();
    let builder = ShardedRecorder::builder(exporter).flush_by_hand();
    let recorder = builder.histograms(Histogram::builder().sum(false)).build();
    with_local_recorder(&recorder, || histogram!("latency").record(1.0));
    for _ in 0..3 {
        recorder.flusher().flush();
    }
    assert_eq!(lines(&handle.render(), "latency_sum"), [""; 0]);
    assert_eq!(value(&handle.render(), "latency_count"), 1);
    assert_eq!(format!("{:?}", recorder.flusher()), "Flusher { handles: 0 }");
}

/// `le` is the bucket's own.
#[test]
fn a_label_called_le_is_renamed() {
    let (recorder, flusher, handle) = exporter(PrometheusBuilder::new());
    with_local_recorder(&recorder, || histogram!("latency", "le" => "a").record(1.0));
    flusher.flush();
    let text = handle.render();
    assert_eq!(value(&text, "latency_bucket{exported_le=\"a\",le=\"1\"}"), 1, "{text}");
    assert_eq!(value(&text, "latency_count{exported_le=\"a\"}"), 1, "{text}");
}

/// The order in which a scrape at any moment sees buckets that do not exceed the next.
#[test]
fn the_count_is_passed_on_first_and_the_lowest_bucket_last() {
    let spy = Spy::new();
    let recorder =
        ShardedRecorder::builder(spy.clone()).buckets(&[1.0, 2.0]).flush_by_hand().build();
    with_local_recorder(&recorder, || histogram!("latency").record(1.0));
    recorder.flusher().flush();
    let expected = ["_count", "_sum", "_bucket+Inf", "_bucket2", "_bucket1"];
    assert_eq!(spy.grown("latency"), expected.map(|name| (format!("latency{name}"), 1.0)));
}

#[test]
fn what_a_panic_of_the_exporter_kept_back_is_passed_on_later() {
    for fails in ["latency_count", "latency_sum", "latency_bucket"] {
        let failures = Mutex::new(2);
        let spy = Spy::calling(
            |_| (),
            move |key| {
                if key.name() == fails && *failures.lock().unwrap() > 0 {
                    *failures.lock().unwrap() -= 1;
                    panic!("as it is meant to");
                }
            },
        );
        let (recorder, flusher) = in_front_of(spy.clone());
        let latency = with_local_recorder(&recorder, || histogram!("latency"));
        for _ in 0..2 {
            latency.record_many(2.0, 5);
            thread::scope(|scope| scope.spawn(|| flusher.flush()).join().unwrap_err());
        }
        flusher.flush();
        let grown = spy.grown("latency");
        let of = |name: &str| {
            grown.iter().filter(|(grown, _)| grown == name).map(|(_, by)| by).sum::<f64>()
        };
        let all = ["_count", "_sum", "_bucket+Inf", "_bucket2.5", "_bucket1"];
        let all = all.map(|name| of(&format!("latency{name}")));
        assert_eq!(all, [10.0, 20.0, 10.0, 10.0, 0.0], "{fails}: {grown:?}");
    }
}

#[test]
fn they_may_be_left_to_the_exporter() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let handle = exporter.handle();
    let recorder = ShardedRecorder::builder(exporter).pass_histograms().build();
    with_local_recorder(&recorder, || histogram!("latency").record(1.0));
    assert!(handle.render().contains("latency{quantile=\"1\"} 1"), "{}", handle.render());
}
