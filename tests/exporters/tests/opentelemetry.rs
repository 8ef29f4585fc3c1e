//! Against the data that the SDK of `opentelemetry` exports.

use opentelemetry::{
    KeyValue,
    metrics::{Meter, MeterProvider as _},
};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, Instrument, PeriodicReader, SdkMeterProvider, Stream,
    data::{AggregatedMetrics, MetricData, Sum},
};
use std::sync::Arc;
use striped_counter::{
    Counter, CounterSet, UpDownCounter, UpDownCounterSet,
    integrations::opentelemetry::{
        observe_counter, observe_set, observe_up_down_counter, observe_up_down_set,
    },
};
use striped_counter_exporters::{monotone_and_complete, resets};

struct Exported {
    exporter: InMemoryMetricExporter,
    provider: SdkMeterProvider,
    meter: Meter,
}

impl Exported {
    fn new() -> Self {
        Self::with_limit(None)
    }

    /// With another limit of sets of attributes than the SDK's own.
    fn with_limit(limit: Option<usize>) -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader);
        let provider = match limit {
            None => provider,
            Some(limit) => provider.with_view(move |instrument: &Instrument| {
                let stream = Stream::builder().with_cardinality_limit(limit);
                (instrument.name() == "wide").then(|| stream.build().unwrap())
            }),
        }
        .build();
        let meter = provider.meter("test");
        Self { exporter, provider, meter }
    }

    /// What is exported of `name`: whether it is monotonic, and each point's attributes and value.
    fn scrape(&self, name: &str) -> (bool, Vec<(Vec<KeyValue>, i64)>) {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let exported = self.exporter.get_finished_metrics().unwrap();
        let metrics = exported.iter().flat_map(|resource| resource.scope_metrics());
        let metric = metrics.flat_map(|scope| scope.metrics()).find(|metric| metric.name() == name);
        match metric.unwrap_or_else(|| panic!("{name} is not exported")).data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => points(sum, |n| n.cast_signed()),
            AggregatedMetrics::I64(MetricData::Sum(sum)) => points(sum, |n| n),
            other => panic!("{name} is {other:?}"),
        }
    }

    fn value(&self, name: &str) -> u64 {
        let (monotonic, points) = self.scrape(name);
        assert!(monotonic && points.len() == 1, "{points:?}");
        points[0].1.cast_unsigned()
    }
}

fn points<T: Copy>(sum: &Sum<T>, value: fn(T) -> i64) -> (bool, Vec<(Vec<KeyValue>, i64)>) {
    let points = sum.data_points();
    let points = points.map(|point| (point.attributes().cloned().collect(), value(point.value())));
    (sum.is_monotonic(), points.collect())
}

#[test]
fn each_type_has_its_own() {
    let exported = Exported::new();
    let (hits, busy) = (Arc::new(Counter::new()), Arc::new(UpDownCounter::new()));
    let set = Arc::new(CounterSet::new(2));
    let route = [KeyValue::new("route", "/")];
    let instrument = exported.meter.u64_observable_counter("hits");
    instrument.with_callback(observe_counter(Arc::clone(&hits), route.clone())).build();
    let instrument = exported.meter.i64_observable_up_down_counter("busy");
    instrument.with_callback(observe_up_down_counter(Arc::clone(&busy), [])).build();
    let classes = ["2xx", "5xx"].map(|class| [KeyValue::new("class", class)]);
    let instrument = exported.meter.u64_observable_counter("classes");
    instrument.with_callback(observe_set(Arc::clone(&set), classes.clone()).unwrap()).build();

    hits.add(41);
    busy.sub(2);
    set.add(1, 7);
    assert_eq!(exported.scrape("hits"), (true, vec![(route.to_vec(), 41)]));
    assert_eq!(exported.scrape("busy"), (false, vec![(Vec::new(), -2)]));
    let (monotonic, mut points) = exported.scrape("classes");
    points.sort_by_key(|point| point.1);
    let expected = classes.iter().zip([0, 7]).map(|(class, n)| (class.to_vec(), n)).collect();
    assert_eq!((monotonic, points), (true, expected));
}

#[test]
fn levels_of_a_set_are_not_monotonic() {
    for read_lock in [false, true] {
        let exported = Exported::new();
        let busy = Arc::new(UpDownCounterSet::builder(2).read_lock(read_lock).build());
        let routes = ["/", "/search"].map(|route| [KeyValue::new("route", route)]);
        let instrument = exported.meter.i64_observable_up_down_counter("busy");
        let observe = observe_up_down_set(Arc::clone(&busy), routes.clone()).unwrap();
        instrument.with_callback(observe).build();
        busy.add(0, 3);
        assert_eq!(busy.take(0), 3);
        busy.dec(0);
        busy.add(1, 7);
        let (monotonic, mut points) = exported.scrape("busy");
        points.sort_by_key(|point| point.1);
        let expected = routes.iter().zip([-1, 7]).map(|(route, n)| (route.to_vec(), n)).collect();
        assert_eq!((monotonic, points), (false, expected));
    }
    let error = observe_up_down_set(Arc::new(UpDownCounterSet::new(3)), [[]]).err().unwrap();
    assert_eq!(error.to_string(), "labels: 1 given for a set of 3; give one each");
}

#[test]
fn scrapes_under_load_lose_nothing() {
    let exported = Exported::new();
    let hits = Arc::new(Counter::new());
    let instrument = exported.meter.u64_observable_counter("hits");
    // Not kept: the callback stays, and the counter with it.
    instrument.with_callback(observe_counter(Arc::clone(&hits), [])).build();
    monotone_and_complete(0, || hits.inc(), || exported.value("hits"));
    assert_eq!(Arc::strong_count(&hits), 2);
}

/// A monotonic sum that goes down would be invalid.
#[test]
fn a_take_is_not_seen() {
    let exported = Exported::new();
    let hits = Arc::new(Counter::new());
    let instrument = exported.meter.u64_observable_counter("hits");
    instrument.with_callback(observe_counter(Arc::clone(&hits), [])).build();
    hits.add(10);
    let mut series = vec![exported.value("hits")];
    assert_eq!(hits.take(), 10);
    for n in 1..4 {
        hits.add(n);
        series.push(exported.value("hits"));
    }
    assert_eq!((series.as_slice(), resets(&series)), (&[10, 11, 13, 16][..], 0));
}

#[test]
fn attributes_and_counters_have_to_be_as_many() {
    let error = observe_set(Arc::new(CounterSet::new(3)), [[]]).err().unwrap();
    assert_eq!(error.to_string(), "labels: 1 given for a set of 3; give one each");
}

#[test]
fn every_counter_has_attributes_of_its_own() {
    let (a, b) = (KeyValue::new("a", 1), KeyValue::new("b", 2));
    let same = [vec![a.clone(), b.clone()], vec![b, a]];
    let error = observe_set(Arc::new(CounterSet::new(2)), same).err().unwrap();
    assert_eq!(error.to_string(), "labels: those at 0 and 1 are the same; give each its own");
}

/// The SDK keeps one of them, which may make two counters one.
#[test]
fn a_key_that_is_repeated_is_refused() {
    let attributes = [[KeyValue::new("a", 1), KeyValue::new("a", 2)]];
    let error = observe_set(Arc::new(CounterSet::new(1)), attributes).err().unwrap();
    assert_eq!(error.to_string(), "labels: the name \"a\" is given twice; give it once");
}

/// What the SDK does with more than 2,000 sets of attributes, and how to export them all.
#[test]
fn a_wide_set_needs_a_view() {
    const COUNTERS: usize = 3_000;
    let exported = |limit| {
        let exported = Exported::with_limit(limit);
        let set = Arc::new(CounterSet::new(COUNTERS));
        (0..COUNTERS).for_each(|index| set.add(index, 10));
        let users = (0..COUNTERS).map(|user| [KeyValue::new("user", user.to_string())]);
        let instrument = exported.meter.u64_observable_counter("wide");
        instrument.with_callback(observe_set(set, users).unwrap()).build();
        let (_, points) = exported.scrape("wide");
        let overflows = |point: &&(Vec<KeyValue>, _)| {
            point.0.iter().any(|attribute| attribute.key.as_str() == "otel.metric.overflow")
        };
        let overflown = points.iter().filter(overflows).count();
        (points.len(), overflown, points.iter().map(|point| point.1).sum::<i64>())
    };
    assert_eq!(
        exported(None),
        (2_001, 1, 20_010),
        "1,000 counters in one point, and the last wins"
    );
    assert_eq!(exported(Some(COUNTERS)), (COUNTERS, 0, 30_000));
}
