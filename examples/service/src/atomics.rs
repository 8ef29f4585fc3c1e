//! What the service counts, with plain atomics: to compare with.

use crate::{
    route::{COUNTERS, Route, index, labels},
    settings::Settings,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{
        MetricType,
        counter::ConstCounter,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{
    convert::Infallible,
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

#[derive(Clone, Debug)]
pub(crate) struct Stats(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    hits: [AtomicU64; COUNTERS],
    bytes: AtomicU64,
    busy: AtomicI64,
    /// That of the library, behind its lock.
    latency: Histogram,
}

pub(crate) struct Busy<'a>(&'a AtomicI64);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stats {
    pub(crate) fn new(_settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let hits = std::array::from_fn(|_| AtomicU64::new(0));
        let (bytes, busy) = (AtomicU64::new(0), AtomicI64::new(0));
        // From 10 microseconds to 10 seconds.
        let latency = Histogram::new(exponential_buckets(1e-5, 1.32, 50));
        let counters = Counters { hits, bytes, busy, latency };
        Ok::<_, Infallible>(Self(Arc::new(counters))).map_err(Into::into)
    }

    /// A request, until what is returned is dropped.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.0.busy.fetch_add(1, Ordering::Relaxed);
        Busy(&self.0.busy)
    }

    pub(crate) fn served(&self, route: Route, status: u16, after: Duration) {
        self.0.hits[index(route, status)].fetch_add(1, Ordering::Relaxed);
        self.0.latency.observe(after.as_secs_f64());
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
        let latency = self.0.latency.clone();
        registry.register_with_unit("latency", "Latency of requests", Unit::Seconds, latency);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.hits.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// It knows of no quantiles.
    pub(crate) fn latency(&self) -> String {
        String::new()
    }

    pub(crate) fn describe(&self) -> String {
        "plain atomics".to_owned()
    }
}

impl Collector for Stats {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut hits =
            encoder.encode_descriptor("hits", "Requests served.", None, MetricType::Counter)?;
        for (labels, count) in labels().zip(&self.0.hits) {
            let count = ConstCounter::new(count.load(Ordering::Relaxed));
            count.encode(hits.encode_family(&labels)?)?;
        }
        let bytes = ConstCounter::new(self.0.bytes.load(Ordering::Relaxed));
        let help = "Bytes of bodies sent.";
        bytes.encode(encoder.encode_descriptor(
            "sent_bytes",
            help,
            None,
            bytes.metric_type(),
        )?)?;
        let busy = ConstGauge::new(self.0.busy.load(Ordering::Relaxed));
        let help = "Requests in flight.";
        busy.encode(encoder.encode_descriptor("busy", help, None, busy.metric_type())?)
    }
}
