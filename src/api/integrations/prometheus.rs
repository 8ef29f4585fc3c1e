//! Integration with the crate `prometheus`: collectors, and storage for its own counters and
//! gauges.
//!
//! A [`CounterCollector`] or a [`SetCollector`] shows your counters and levels, and reads them when
//! the registry gathers. [`IntCounterVec`] and the other aliases are the types of `prometheus` with
//! sharded storage: to shard the labelled counters of a program, change its imports.
//!
//! Prometheus counts in `f64`, so counts are exact up to 2^53. The registry appends nothing to
//! names: end those of counters in `_total`.
//!
//! # Example
//!
//! ```
//! use prometheus::{Registry, TextEncoder};
//! use striped_counter::{
//!     Counter, CounterSet, UpDownCounter,
//!     integrations::prometheus::{CounterCollector, SetCollector},
//! };
//!
//! static HITS: Counter = Counter::new();
//! static BUSY: UpDownCounter = UpDownCounter::new();
//! static BY_STATUS: CounterSet = CounterSet::new(2);
//!
//! let registry = Registry::new();
//! registry.register(Box::new(CounterCollector::new("hits_total", "Requests", &HITS)?))?;
//! registry.register(Box::new(CounterCollector::new("busy", "Requests in flight", &BUSY)?))?;
//! let labels = [["ok"], ["error"]];
//! let by_status = SetCollector::new("responses_total", "Responses", ["status"], labels, &BY_STATUS)?;
//! registry.register(Box::new(by_status))?;
//!
//! let _busy = BUSY.guard();
//! HITS.add(3);
//! BY_STATUS.inc(1);
//! let text = TextEncoder::new().encode_to_string(&registry.gather())?;
//! assert!(text.contains("\nhits_total 3\n"));
//! assert!(text.contains("\nbusy 1\n"));
//! assert!(text.contains("\nresponses_total{status=\"error\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::labels::{self, LabelsError};
use crate::{Counter, CounterSet, UpDownCounter, UpDownCounterSet};
use prometheus::{
    Error,
    core::{Collector, Desc},
    proto::{self, LabelPair, Metric, MetricFamily, MetricType},
};
use std::{collections::HashMap, ops::Deref};

mod atomic;
mod histogram;

pub use atomic::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
pub use histogram::{HistogramCollector, HistogramSetCollector};

/// Converts to an `Error::Msg`.
impl From<LabelsError> for Error {
    fn from(error: LabelsError) -> Self {
        Self::Msg(error.to_string())
    }
}

/// What a [`CounterCollector`] can show: a [`Counter`] as a counter, or an [`UpDownCounter`] as a
/// gauge.
pub trait Collectable: sealed::Collectable {}

impl Collectable for Counter {}
impl Collectable for UpDownCounter {}

/// What a [`SetCollector`] can show: a [`CounterSet`] as counters, or an [`UpDownCounterSet`] as
/// gauges.
pub trait CollectableSet: sealed::CollectableSet {}

impl CollectableSet for CounterSet {}
impl CollectableSet for UpDownCounterSet {}

mod sealed {
    use super::{MetricType, proto};

    pub trait Collectable: Send + Sync {
        const TYPE: MetricType;
        fn metric(&self) -> proto::Metric;
    }

    pub trait CollectableSet: Send + Sync {
        const TYPE: MetricType;
        fn size(&self) -> usize;
        fn metrics(&self) -> Vec<proto::Metric>;
    }
}

impl sealed::Collectable for Counter {
    const TYPE: MetricType = MetricType::COUNTER;

    fn metric(&self) -> Metric {
        counter(self.total())
    }
}

impl sealed::Collectable for UpDownCounter {
    const TYPE: MetricType = MetricType::GAUGE;

    fn metric(&self) -> Metric {
        gauge(self.sum())
    }
}

impl sealed::CollectableSet for CounterSet {
    const TYPE: MetricType = MetricType::COUNTER;

    fn size(&self) -> usize {
        self.len()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.totals().into_iter().map(counter).collect()
    }
}

impl sealed::CollectableSet for UpDownCounterSet {
    const TYPE: MetricType = MetricType::GAUGE;

    fn size(&self) -> usize {
        self.len()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.sums().into_iter().map(gauge).collect()
    }
}

fn counter(count: u64) -> Metric {
    let mut counter = proto::Counter::default();
    #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in f64")]
    counter.set_value(count as f64);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    metric
}

fn gauge(level: i64) -> Metric {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(float(level));
    Metric::from_gauge(gauge)
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in f64")]
fn float(level: i64) -> f64 {
    level as f64
}

/// A collector of a [`Counter`], by its [`total`](Counter::total), or of an [`UpDownCounter`], by
/// its [`sum`](UpDownCounter::sum).
#[derive(Debug)]
pub struct CounterCollector<P> {
    desc: Desc,
    counter: P,
}

impl<P: Deref<Target: Collectable>> CounterCollector<P> {
    /// Creates a collector that shows `counter` as `name`.
    ///
    /// # Errors
    ///
    /// Returns an error if `name` is not a valid name of a metric, or if `help` is empty.
    pub fn new(
        name: impl Into<String>,
        help: impl Into<String>,
        counter: P,
    ) -> Result<Self, Error> {
        let desc = Desc::new(name.into(), help.into(), Vec::new(), HashMap::new())?;
        Ok(Self { desc, counter })
    }
}

impl<P: Deref<Target: Collectable> + Send + Sync> Collector for CounterCollector<P> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let kind = <P::Target as sealed::Collectable>::TYPE;
        vec![family(&self.desc, kind, vec![sealed::Collectable::metric(&*self.counter)])]
    }
}

/// A collector of a [`CounterSet`] or an [`UpDownCounterSet`] as one metric, with labels for each
/// counter.
///
/// It shows the [`totals`](CounterSet::totals), and of levels the
/// [`sums`](UpDownCounterSet::sums). They are of one moment if the set has a read lock.
#[derive(Debug)]
pub struct SetCollector<P> {
    desc: Desc,
    labels: Vec<Vec<LabelPair>>,
    counters: P,
}

impl<P: Deref<Target: CollectableSet>> SetCollector<P> {
    /// Creates a collector that shows `set` as `name`, with labels named `label_names`, and one
    /// array of label values for each counter, in the order of their indices.
    ///
    /// # Errors
    ///
    /// Returns an error if a name is not valid or is reserved, if `help` is empty, if the numbers
    /// of arrays and of counters differ, or if two counters have the same values.
    pub fn new<const N: usize>(
        name: impl Into<String>,
        help: impl Into<String>,
        label_names: [&str; N],
        label_values: impl IntoIterator<Item = [impl Into<String>; N]>,
        set: P,
    ) -> Result<Self, Error> {
        let names = label_names.map(str::to_owned);
        let len = sealed::CollectableSet::size(&*set);
        let labels = label_pairs(&names, label_values, len, &[])?;
        let desc = Desc::new(name.into(), help.into(), names.to_vec(), HashMap::new())?;
        Ok(Self { desc, labels, counters: set })
    }
}

/// Returns the labels of each counter or histogram in a set of `len`, sorted by name, as the
/// registry sorts its own. `added` are the names that the encoder adds.
fn label_pairs<const N: usize>(
    names: &[String; N],
    values: impl IntoIterator<Item = [impl Into<String>; N]>,
    len: usize,
    added: &[&str],
) -> Result<Vec<Vec<LabelPair>>, LabelsError> {
    labels::check_prometheus_names(&names.each_ref().map(String::as_str), added)?;
    let values: Vec<[String; N]> =
        values.into_iter().map(|values| values.map(Into::into)).collect();
    labels::check(&values, len)?;
    let pairs = |values: [String; N]| {
        let mut pairs: Vec<_> = names.iter().zip(values).map(pair).collect();
        pairs.sort();
        pairs
    };
    Ok(values.into_iter().map(pairs).collect())
}

fn pair((name, value): (&String, String)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.clone());
    pair.set_value(value);
    pair
}

impl<P: Deref<Target: CollectableSet> + Send + Sync> Collector for SetCollector<P> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut metrics = sealed::CollectableSet::metrics(&*self.counters);
        for (metric, labels) in metrics.iter_mut().zip(&self.labels) {
            metric.set_label(labels.clone());
        }
        vec![family(&self.desc, <P::Target as sealed::CollectableSet>::TYPE, metrics)]
    }
}

fn family(desc: &Desc, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}
