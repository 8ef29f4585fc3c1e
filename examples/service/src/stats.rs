//! What the service counts, with `striped_counter`.

use crate::{
    route::{COUNTERS, Route, index, labels},
    settings::Settings,
};
use prometheus_client::registry::Registry;
use std::{error::Error, sync::Arc};
use striped_counter::{
    Counter, CounterSet, Guard, UpDownCounter,
    integrations::prometheus_client::{ByRef, SetCollector},
};

pub(crate) struct Stats {
    hits: Arc<CounterSet>,
    bytes: Arc<Counter>,
    busy: Arc<UpDownCounter>,
}

impl Stats {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            hits: Arc::new(settings.apply(CounterSet::builder(COUNTERS)).try_build()?),
            bytes: Arc::new(settings.apply(Counter::builder()).try_build()?),
            busy: Arc::new(settings.apply(UpDownCounter::builder()).try_build()?),
        })
    }

    /// A request, until what is returned is dropped.
    pub(crate) fn busy(&self) -> Guard<&UpDownCounter> {
        self.busy.guard()
    }

    pub(crate) fn served(&self, route: Route, status: u16) {
        self.hits.inc(index(route, status));
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.add(bytes as u64);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let hits = SetCollector::new("hits", "Requests served", labels(), Arc::clone(&self.hits));
        registry.register_collector(Box::new(hits.expect("each counter has its labels")));
        registry.register("sent_bytes", "Bytes of bodies sent", ByRef(Arc::clone(&self.bytes)));
        registry.register("busy", "Requests in flight", ByRef(Arc::clone(&self.busy)));
    }

    pub(crate) fn total(&self) -> u64 {
        self.hits.sums().iter().sum()
    }

    pub(crate) fn describe(&self) -> String {
        format!("{}, {} shards", self.hits.backend(), self.hits.shards())
    }
}
