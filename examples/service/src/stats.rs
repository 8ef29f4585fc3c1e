//! What the service counts, with `striped_counter`.

use crate::{
    route::{COUNTERS, Route, index, labels},
    settings::Settings,
};
use prometheus_client::registry::{Registry, Unit};
use std::{error::Error, sync::Arc, time::Duration};
use striped_counter::{
    Counter, CounterSet, Guard, Histogram, UpDownCounter,
    integrations::{
        Buckets,
        prometheus_client::{ByRef, SetCollector, SharedHistogram},
    },
};

/// From 10 microseconds to 10 seconds.
const LATENCY: Buckets = Buckets::seconds().within(10_000..=10_000_000_000);

pub(crate) struct Stats {
    hits: Arc<CounterSet>,
    bytes: Arc<Counter>,
    busy: Arc<UpDownCounter>,
    latency: Arc<Histogram>,
}

impl Stats {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            hits: Arc::new(settings.apply(CounterSet::builder(COUNTERS)).try_build()?),
            bytes: Arc::new(settings.apply(Counter::builder()).try_build()?),
            busy: Arc::new(settings.apply(UpDownCounter::builder()).try_build()?),
            latency: Arc::new(settings.apply(Histogram::builder()).try_build()?),
        })
    }

    /// A request, until what is returned is dropped.
    pub(crate) fn busy(&self) -> Guard<&UpDownCounter> {
        self.busy.guard()
    }

    pub(crate) fn served(&self, route: Route, status: u16, after: Duration) {
        self.hits.inc(index(route, status));
        self.latency.record_duration(after);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.add(bytes as u64);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let hits = SetCollector::new("hits", "Requests served", labels(), Arc::clone(&self.hits));
        registry.register_collector(Box::new(hits.expect("each counter has its labels")));
        registry.register("sent_bytes", "Bytes of bodies sent", ByRef(Arc::clone(&self.bytes)));
        registry.register("busy", "Requests in flight", ByRef(Arc::clone(&self.busy)));
        let latency = SharedHistogram::new(Arc::clone(&self.latency), LATENCY);
        registry.register_with_unit("latency", "Latency of requests", Unit::Seconds, latency);
    }

    pub(crate) fn total(&self) -> u64 {
        self.hits.sums().iter().sum()
    }

    /// What is known of the 99th percentile of the latencies, in words.
    pub(crate) fn latency(&self) -> String {
        let p99 = self.latency.snapshot().quantile_bounds(0.99);
        p99.map_or_else(String::new, |p99| format!(", p99 {} to {} ns", p99.start(), p99.end()))
    }

    pub(crate) fn describe(&self) -> String {
        format!("{}, {} shards", self.hits.backend(), self.hits.shards())
    }
}
