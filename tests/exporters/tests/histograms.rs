//! Histograms, against what each exporter puts out.

use ::prometheus_client::registry::{Registry, Unit};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};
use std::{collections::HashMap, panic::catch_unwind, sync::Arc, thread, time::Duration};
use striped_counter::{
    Histogram, HistogramSet,
    integrations::{Buckets, opentelemetry::*, prometheus, prometheus_client},
};

/// Nanoseconds: two within the first bucket, one in the last but one, one in the open bucket.
const VALUES: [u64; 4] = [1_000, 4_000_000, 40_000_000, 70_000_000_000];

/// In seconds.
const LATENCY: &str = "latency_seconds_bucket{le=\"0.005\"} 2
latency_seconds_bucket{le=\"0.025\"} 2
latency_seconds_bucket{le=\"1.0\"} 3
latency_seconds_bucket{le=\"+Inf\"} 4";

fn latency() -> Arc<Histogram> {
    let latency = Histogram::builder().bounds(&[5_000_000, 25_000_000, 1_000_000_000]).build();
    VALUES.into_iter().for_each(|value| latency.record(value));
    Arc::new(latency)
}

fn sizes() -> Arc<HistogramSet> {
    let sizes = HistogramSet::builder(2).bounds(&[64, 4_096]).build();
    [(0, 10), (1, 100), (1, 5_000)].into_iter().for_each(|(index, size)| sizes.record(index, size));
    Arc::new(sizes)
}

fn text_of(collector: impl ::prometheus::core::Collector + 'static) -> String {
    let registry = ::prometheus::Registry::new();
    registry.register(Box::new(collector)).unwrap();
    ::prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

fn text_of_client(registry: &Registry) -> String {
    let mut text = String::new();
    ::prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

/// As `f64` the last two bounds are one, which must not be two series of one name.
#[test]
fn bounds_that_an_exporter_cannot_tell_apart_are_one() {
    let huge = Histogram::builder().bounds(&[1, 1 << 60, (1 << 60) + 1]).build();
    huge.record((1 << 60) + 1);
    let collector =
        prometheus::HistogramCollector::new("huge", "Huge", Arc::new(huge), Buckets::new());
    let text = text_of(collector.unwrap());
    let buckets: Vec<_> = text.lines().filter(|line| line.contains("_bucket")).collect();
    let bounds = ["1", "1152921504606847000", "+Inf"];
    for (bucket, bound) in buckets.iter().zip(bounds) {
        assert!(bucket.contains(&format!("le=\"{bound}\"")), "{text}");
    }
    assert_eq!(buckets.len(), bounds.len(), "{text}");
}

#[test]
fn prometheus_has_buckets_in_seconds() {
    let (name, help) = ("latency_seconds", "Latency");
    let collector =
        prometheus::HistogramCollector::new(name, help, latency(), Buckets::seconds()).unwrap();
    let buckets = LATENCY.replace("1.0", "1");
    assert_eq!(
        text_of(collector),
        format!(
            "# HELP latency_seconds Latency\n# TYPE latency_seconds histogram\n{buckets}\n\
             latency_seconds_sum 70.044001\nlatency_seconds_count 4\n"
        )
    );
}

#[test]
fn prometheus_has_a_labelled_set() {
    let labels = [["in"], ["out"]];
    let collector = prometheus::HistogramSetCollector::new(
        "bytes",
        "Sizes",
        ["way"],
        labels,
        sizes(),
        Buckets::new(),
    );
    assert_eq!(
        text_of(collector.unwrap()),
        "# HELP bytes Sizes\n# TYPE bytes histogram\n\
         bytes_bucket{way=\"in\",le=\"64\"} 1\nbytes_bucket{way=\"in\",le=\"4096\"} 1\n\
         bytes_bucket{way=\"in\",le=\"+Inf\"} 1\nbytes_sum{way=\"in\"} 10\nbytes_count{way=\"in\"} 1\n\
         bytes_bucket{way=\"out\",le=\"64\"} 0\nbytes_bucket{way=\"out\",le=\"4096\"} 1\n\
         bytes_bucket{way=\"out\",le=\"+Inf\"} 2\nbytes_sum{way=\"out\"} 5100\nbytes_count{way=\"out\"} 2\n"
    );
}

#[test]
fn prometheus_client_has_buckets_in_seconds() {
    let mut registry = Registry::default();
    let latency = prometheus_client::SharedHistogram::new(latency(), Buckets::seconds());
    registry.register_with_unit("latency", "Latency", Unit::Seconds, latency);
    assert_eq!(
        text_of_client(&registry),
        format!(
            "# HELP latency_seconds Latency.\n# TYPE latency_seconds histogram\n\
             # UNIT latency_seconds seconds\n\
             latency_seconds_sum 70.044001\nlatency_seconds_count 4\n{LATENCY}\n# EOF\n"
        )
    );
}

#[test]
fn prometheus_client_has_a_labelled_set_and_families() {
    let mut registry = Registry::default();
    let labels = ["in", "out"].map(|way| [("way", way)]);
    let collector = prometheus_client::HistogramSetCollector::new(
        "bytes",
        "Sizes",
        labels,
        sizes(),
        Buckets::new(),
    );
    registry.register_collector(Box::new(collector.unwrap()));
    let text = text_of_client(&registry);
    assert!(text.contains("# TYPE bytes histogram\nbytes_sum{way=\"in\"} 10.0\n"), "{text}");
    assert!(text.contains("bytes_bucket{le=\"4096.0\",way=\"out\"} 1\n"), "{text}");
    assert!(text.contains("bytes_bucket{le=\"+Inf\",way=\"out\"} 2\n"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");

    let make = || prometheus_client::SharedHistogram::new(latency(), Buckets::seconds());
    let family = ::prometheus_client::metrics::family::Family::<
        Vec<(String, String)>, _, _,
    >::new_with_constructor(make);
    let mut registry = Registry::default();
    registry.register("by_user", "By user", family.clone());
    family.get_or_create(&vec![("user".into(), "ann".into())]).histogram.record(1);
    assert!(text_of_client(&registry).contains("by_user_count{user=\"ann\"} 5\n"));
}

#[test]
fn a_take_does_not_show() {
    let latency = latency();
    let collector = prometheus::HistogramCollector::new(
        "latency_seconds",
        "Latency",
        Arc::clone(&latency),
        Buckets::seconds(),
    );
    assert_eq!(latency.take().count(), 4);
    latency.record(1);
    assert!(text_of(collector.unwrap()).contains("latency_seconds_count 5\n"));
}

#[test]
fn a_histogram_without_a_sum_says_so() {
    let histogram = Arc::new(Histogram::builder().sum(false).build());
    histogram.record(7);
    let buckets = Buckets::new().at_most(1);
    let collector =
        prometheus::HistogramCollector::new("a", "A", Arc::clone(&histogram), buckets).unwrap();
    assert!(text_of(collector).ends_with("a_sum NaN\na_count 1\n"));
    let mut registry = Registry::default();
    registry.register("a", "A", prometheus_client::SharedHistogram::new(histogram, buckets));
    assert!(text_of_client(&registry).contains("a_sum NaN\na_count 1\n"));
}

#[test]
fn as_many_bounds_as_asked_for_and_the_counts_are_exact() {
    let histogram = Arc::new(Histogram::new());
    (0..100_000).for_each(|value| histogram.record(value * 1_000));
    for most in [1, 10, 50] {
        let buckets = Buckets::new().within(1_000..=50_000_000).at_most(most);
        let collector =
            prometheus::HistogramCollector::new("a", "A", Arc::clone(&histogram), buckets).unwrap();
        let text = text_of(collector);
        let bounds = text.lines().filter_map(|line| line.strip_prefix("a_bucket{le=\""));
        let bounds: Vec<_> = bounds.map(|line| line.split_once("\"} ").unwrap()).collect();
        assert_eq!(bounds.len(), most + 1);
        for (bound, count) in &bounds[..most] {
            let bound: u64 = bound.parse().unwrap();
            assert!((1_000..=50_000_000).contains(&bound));
            assert_eq!(count.parse(), Ok(bound / 1_000 + 1), "at most {bound}");
        }
        assert_eq!(bounds[most], ("+Inf", "100000"));
    }
}

#[test]
fn labels_for_another_number_of_histograms_are_refused() {
    let collector = prometheus_client::HistogramSetCollector::new(
        "bytes",
        "Sizes",
        [[("way", "in")]],
        sizes(),
        Buckets::new(),
    );
    assert_eq!(collector.unwrap_err().to_string(), "labels: 1 given for a set of 2; give one each");
    let collector = prometheus::HistogramSetCollector::new(
        "bytes",
        "Sizes",
        ["way"],
        [["in"]],
        sizes(),
        Buckets::new(),
    );
    let error = collector.unwrap_err().to_string();
    assert!(error.contains("labels: 1 given for a set of 2; give one each"), "{error}");
}

/// Every exporter adds the bound itself.
#[test]
fn the_label_of_the_bounds_is_refused() {
    let reserved = "labels: the name \"le\" is reserved; choose another";
    let [way, le] = ["way", "le"].map(|name| {
        let labels = ["in", "out"].map(|way| [(name, way)]);
        let ours = prometheus_client::HistogramSetCollector::new(
            "bytes",
            "Sizes",
            labels,
            sizes(),
            Buckets::new(),
        );
        let prometheus = prometheus::HistogramSetCollector::new(
            "bytes",
            "Sizes",
            [name],
            [["in"], ["out"]],
            sizes(),
            Buckets::new(),
        );
        let with = [KeyValue::new(name, "in")];
        let observed = observe_buckets(latency(), Buckets::new(), with).map(drop);
        (ours.map(drop), prometheus.map(drop), observed)
    });
    assert!(way.0.is_ok() && way.1.is_ok() && way.2.is_ok(), "{way:?}");
    assert_eq!(le.0.unwrap_err().to_string(), reserved);
    assert!(le.1.unwrap_err().to_string().ends_with(reserved));
    assert_eq!(le.2.unwrap_err().to_string(), reserved);

    let quantiles = |name| {
        observe_quantiles(latency(), Buckets::new(), [0.5], [KeyValue::new(name, 1)]).map(drop)
    };
    assert!(quantiles("le").is_ok());
    let error = quantiles("quantile").unwrap_err().to_string();
    assert_eq!(error, "labels: the name \"quantile\" is reserved; choose another");
}

/// A reader takes a smaller sum for a restart.
#[test]
fn the_longest_duration_does_not_make_the_sum_smaller() {
    let latency = Arc::new(Histogram::new());
    let collector = prometheus::HistogramCollector::new(
        "a",
        "A",
        Arc::clone(&latency),
        Buckets::seconds().at_most(1),
    );
    let registry = ::prometheus::Registry::new();
    registry.register(Box::new(collector.unwrap())).unwrap();
    let sum = || registry.gather()[0].get_metric()[0].get_histogram().get_sample_sum();
    latency.record_duration(Duration::from_secs(5));
    let before = sum();
    latency.record_duration(Duration::MAX);
    assert!(sum() > before, "{} after {before}", sum());
}

#[test]
fn units_that_make_no_bounds_are_refused() {
    for per_unit in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, f64::MIN_POSITIVE] {
        let panic = catch_unwind(|| Buckets::new().per_unit(per_unit)).unwrap_err();
        let message = panic.downcast::<&str>().unwrap();
        assert_eq!(*message, "per_unit: the value is out of range, from 1e-20 to 1e20");
    }
    let histogram = Arc::new(Histogram::builder().bounds(&[0, 1, u64::MAX - 1]).build());
    histogram.record(1);
    for per_unit in [1e-20, 1e20] {
        let buckets = Buckets::new().per_unit(per_unit);
        let collector =
            prometheus::HistogramCollector::new("a", "A", Arc::clone(&histogram), buckets);
        let text = text_of(collector.unwrap());
        assert_eq!(text.matches("a_bucket").count(), 4, "{text}");
        assert!(!text.contains("inf") && !text.contains("NaN"), "{text}");
    }
}

/// Each as a number of nanoseconds is an `f64` of its own, and as a number of seconds it is not.
#[test]
fn bounds_that_are_equal_in_the_unit_shown_are_one() {
    const LOW: u64 = (1 << 53) - 10;
    let bounds = &[LOW, LOW + 1, LOW + 2, LOW + 3, LOW + 4, LOW + 5];
    let histogram = Arc::new(Histogram::builder().bounds(bounds).build());
    let collector = prometheus::HistogramCollector::new("a", "A", histogram, Buckets::seconds());
    let text = text_of(collector.unwrap());
    let mut shown: Vec<_> = text.lines().filter(|line| line.starts_with("a_bucket")).collect();
    assert!(shown.len() > 2, "{text}");
    let lines = shown.len();
    shown.dedup();
    assert_eq!(shown.len(), lines, "{text}");
}

/// The encoder of `prometheus-client` adds up what each bucket has alone.
#[test]
fn counts_that_wrap_around_do_not_make_a_scrape_panic() {
    let histogram = Arc::new(Histogram::builder().bounds(&[10]).build());
    histogram.record_n(1, u64::MAX);
    histogram.record_n(100, 2);
    let buckets = Buckets::new();
    let mut registry = Registry::default();
    let ours = prometheus_client::SharedHistogram::new(Arc::clone(&histogram), buckets);
    registry.register("a", "A", ours);
    let text = text_of_client(&registry);
    assert!(text.contains(&format!("a_bucket{{le=\"10.0\"}} {}\n", u64::MAX)), "{text}");
    let collector = prometheus::HistogramCollector::new("a", "A", histogram, buckets).unwrap();
    assert!(text_of(collector).ends_with("a_count 1\n"));
}

#[test]
fn scrapes_while_others_record_have_as_many_in_the_buckets_as_in_all() {
    let histogram = Arc::new(Histogram::builder().bounds(&[10, 100]).build());
    let collector =
        prometheus::HistogramCollector::new("a", "A", Arc::clone(&histogram), Buckets::new());
    let registry = ::prometheus::Registry::new();
    registry.register(Box::new(collector.unwrap())).unwrap();
    thread::scope(|scope| {
        let recorders: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..50_000).for_each(|value| histogram.record(value % 200))))
            .collect();
        let mut before = 0;
        while !recorders.iter().all(thread::ScopedJoinHandle::is_finished) {
            let families = registry.gather();
            let metric = families[0].get_metric()[0].get_histogram();
            let (count, sum) = (metric.get_sample_count(), metric.get_sample_sum());
            assert!(count >= before, "a count of {count} after {before}");
            assert!(metric.get_bucket().iter().all(|bucket| bucket.cumulative_count() <= count));
            assert!(sum >= 0.0);
            before = count;
        }
    });
    assert_eq!(registry.gather()[0].get_metric()[0].get_histogram().get_sample_count(), 200_000);
}

/// What an SDK hands to an exporter: the values of all instruments, by name and by bound or quantile.
fn observed(exporter: &InMemoryMetricExporter) -> HashMap<(String, String), f64> {
    let mut values = HashMap::new();
    let mut put = |name: &str, attributes: Vec<&KeyValue>, value| {
        let which = attributes.iter().find(|with| ["le", "quantile"].contains(&with.key.as_str()));
        let which = which.map_or(String::new(), |with| with.value.to_string());
        values.insert((name.to_owned(), which), value);
    };
    for resource in exporter.get_finished_metrics().unwrap() {
        for metric in resource.scope_metrics().flat_map(|scope| scope.metrics()) {
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
                    .data_points()
                    .for_each(|p| put(metric.name(), p.attributes().collect(), p.value() as f64)),
                AggregatedMetrics::F64(MetricData::Sum(sum)) => sum
                    .data_points()
                    .for_each(|p| put(metric.name(), p.attributes().collect(), p.value())),
                AggregatedMetrics::F64(MetricData::Gauge(gauge)) => gauge
                    .data_points()
                    .for_each(|p| put(metric.name(), p.attributes().collect(), p.value())),
                other => panic!("{other:?}"),
            }
        }
    }
    exporter.reset();
    values
}

#[test]
fn opentelemetry_has_count_sum_buckets_and_quantiles() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let (meter, latency) = (provider.meter("test"), latency());
    let buckets = Buckets::seconds();

    let count = meter.u64_observable_counter("count");
    let _count = count.with_callback(observe_count(Arc::clone(&latency), [])).build();
    let sum = meter.f64_observable_counter("sum");
    let _sum = sum.with_callback(observe_sum(Arc::clone(&latency), buckets, [])).build();
    let by_bound = meter.u64_observable_counter("bucket");
    let with = [KeyValue::new("route", "/")];
    let _bucket = by_bound
        .with_callback(observe_buckets(Arc::clone(&latency), buckets, with).unwrap())
        .build();
    let quantiles = observe_quantiles(Arc::clone(&latency), buckets, [0.25, 1.0], []).unwrap();
    let _quantile = meter.f64_observable_gauge("quantile").with_callback(quantiles).build();

    provider.force_flush().unwrap();
    let values = observed(&exporter);
    let value = |name: &str, with: &str| values[&(name.to_owned(), with.to_owned())];
    assert_eq!((value("count", ""), value("sum", "")), (4.0, 70.044_001));
    assert_eq!((value("bucket", "0.005"), value("bucket", "0.025")), (2.0, 2.0));
    assert_eq!((value("bucket", "1"), value("bucket", "+Inf")), (3.0, 4.0));
    assert!((0.0..=0.005).contains(&value("quantile", "0.25")));
    // The open bucket begins where the last bound is.
    assert_eq!(value("quantile", "1"), 1.000_000_001);

    // Since then: counters go on, quantiles begin anew.
    latency.record(1_000_000_000);
    provider.force_flush().unwrap();
    let values = observed(&exporter);
    let value = |name: &str, with: &str| values[&(name.to_owned(), with.to_owned())];
    assert_eq!((value("count", ""), value("bucket", "1")), (5.0, 4.0));
    assert!(value("quantile", "0.25") > 0.025);
}

#[test]
fn serde_has_the_buckets_that_have_values() {
    let json = serde_json::to_value(latency().snapshot()).unwrap();
    let expected = serde_json::json!({
        "count": 4,
        "sum": 70_044_001_000_u64,
        "buckets": [[0, 5_000_000, 2], [25_000_001, 1_000_000_000, 1], [1_000_000_001, u64::MAX, 1]],
    });
    assert_eq!(json, expected);
}
