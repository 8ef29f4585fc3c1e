//! For the crate `prometheus`: collectors.
//!
//! A counter is read when the registry gathers. Prometheus counts in `f64`, so sums are exact up to
//! 2^53. The registry appends nothing to names: those of counters should end in `_total`.
//!
//! # Example
//!
//! ```
//! use prometheus::{Registry, TextEncoder};
//! use striped_counter::{Counter, CounterSet, UpDownCounter, integrations::prometheus::*};
//!
//! static HITS: Counter = Counter::new();
//! static BUSY: UpDownCounter = UpDownCounter::new();
//! static BY_STATUS: CounterSet = CounterSet::new(2);
//!
//! let registry = Registry::new();
//! registry.register(Box::new(Single::new("hits_total", "Requests", &HITS)?))?;
//! registry.register(Box::new(Single::new("busy", "Requests in flight", &BUSY)?))?;
//! let labels = ["ok", "error"].map(|status| [status]);
//! let by_status = Set::new("responses_total", "Responses", ["status"], labels, &BY_STATUS)?;
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
use crate::{Counter, CounterSet, UpDownCounter};
use prometheus::{
    Error,
    core::{Collector, Desc},
    proto::{self, LabelPair, Metric, MetricFamily, MetricType},
};
use std::{collections::HashMap, ops::Deref};

mod histogram;

pub use histogram::{HistogramCollector, HistogramSetCollector};

impl From<LabelsError> for Error {
    fn from(error: LabelsError) -> Self {
        Self::Msg(error.to_string())
    }
}

/// What a [`Single`] collects: a [`Counter`] as a counter, an [`UpDownCounter`] as a gauge.
pub trait Collectable: sealed::Collectable {}

impl Collectable for Counter {}
impl Collectable for UpDownCounter {}

mod sealed {
    use super::{MetricType, proto};

    pub trait Collectable: Send + Sync {
        const TYPE: MetricType;
        fn metric(&self) -> proto::Metric;
    }
}

impl sealed::Collectable for Counter {
    const TYPE: MetricType = MetricType::COUNTER;

    fn metric(&self) -> Metric {
        counter(self.sum())
    }
}

impl sealed::Collectable for UpDownCounter {
    const TYPE: MetricType = MetricType::GAUGE;

    fn metric(&self) -> Metric {
        let mut gauge = proto::Gauge::default();
        gauge.set_value(float(self.sum()));
        Metric::from_gauge(gauge)
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

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in f64")]
fn float(level: i64) -> f64 {
    level as f64
}

/// A [`Counter`] or an [`UpDownCounter`] as a collector.
#[derive(Debug)]
pub struct Single<P> {
    desc: Desc,
    counter: P,
}

impl<P: Deref<Target: Collectable>> Single<P> {
    /// Shows `counter` by `name`.
    ///
    /// # Errors
    /// If `name` is not a valid name of a metric, or `help` is empty.
    pub fn new(
        name: impl Into<String>,
        help: impl Into<String>,
        counter: P,
    ) -> Result<Self, Error> {
        let desc = Desc::new(name.into(), help.into(), Vec::new(), HashMap::new())?;
        Ok(Self { desc, counter })
    }
}

impl<P: Deref<Target: Collectable> + Send + Sync> Collector for Single<P> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let kind = <P::Target as sealed::Collectable>::TYPE;
        vec![family(&self.desc, kind, vec![sealed::Collectable::metric(&*self.counter)])]
    }
}

/// A [`CounterSet`] as a collector of one metric, with labels for each counter.
///
/// The counters are read by [`sums`](CounterSet::sums): at one moment if the set has a read lock.
#[derive(Debug)]
pub struct Set<P> {
    desc: Desc,
    labels: Vec<Vec<LabelPair>>,
    counters: P,
}

impl<P: Deref<Target = CounterSet>> Set<P> {
    /// Shows `set` by `name`, with labels of the names `label_names`, and with values for each of its
    /// counters, in the order of their indexes.
    ///
    /// # Errors
    /// If a name is not valid, or `help` is empty, or there are fewer or more values than counters.
    pub fn new<const N: usize>(
        name: impl Into<String>,
        help: impl Into<String>,
        label_names: [&str; N],
        label_values: impl IntoIterator<Item = [impl Into<String>; N]>,
        set: P,
    ) -> Result<Self, Error> {
        let names = label_names.map(str::to_owned);
        let labels = label_pairs(&names, label_values);
        labels::check(&labels, set.len())?;
        let desc = Desc::new(name.into(), help.into(), names.to_vec(), HashMap::new())?;
        Ok(Self { desc, labels, counters: set })
    }
}

/// The labels of each of a set.
fn label_pairs<const N: usize>(
    names: &[String; N],
    values: impl IntoIterator<Item = [impl Into<String>; N]>,
) -> Vec<Vec<LabelPair>> {
    let pairs = |values: [_; N]| names.iter().zip(values).map(pair).collect();
    values.into_iter().map(pairs).collect()
}

fn pair((name, value): (&String, impl Into<String>)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.clone());
    pair.set_value(value.into());
    pair
}

impl<P: Deref<Target = CounterSet> + Send + Sync> Collector for Set<P> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let labelled = |(labels, sum): (&Vec<_>, _)| {
            let mut metric = counter(sum);
            metric.set_label(labels.clone());
            metric
        };
        let metrics = self.labels.iter().zip(self.counters.sums()).map(labelled).collect();
        vec![family(&self.desc, MetricType::COUNTER, metrics)]
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
