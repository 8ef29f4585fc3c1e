//! Integration with the crate `prometheus-client`: metrics to register.
//!
//! [`Counter`] and [`UpDownCounter`] encode themselves, as a counter and a gauge, so they can be
//! registered directly, or in a [`Family`](prometheus_client::metrics::family::Family). [`ByRef`]
//! registers one that is a `static` or in an `Arc`, and [`SetCollector`] shows a [`CounterSet`] or
//! an [`UpDownCounterSet`] as one labelled metric.
//!
//! There is no implementation of the crate's `Atomic`: it has to return the previous value, which a
//! sharded counter does not know.
//!
//! A `Family` makes a counter for each set of label values, of 8 bytes per shard and some 100 more,
//! and looks it up under a lock. Keep what it returns, or use a set if the values are known in
//! advance.
//!
//! # Example
//!
//! ```
//! use prometheus_client::{encoding::text::encode, metrics::family::Family, registry::Registry};
//! use std::sync::Arc;
//! use striped_counter::{
//!     Counter, CounterSet,
//!     integrations::prometheus_client::{ByRef, SetCollector},
//! };
//!
//! static HITS: Counter = Counter::new();
//! static BY_STATUS: CounterSet = CounterSet::new(2);
//!
//! let mut registry = Registry::default();
//! registry.register("hits", "Requests", ByRef(&HITS));
//! // Labels that are known in advance: an add takes no lock.
//! let labels = [("status", "ok"), ("status", "error")].map(|label| [label]);
//! let by_status = SetCollector::new("responses", "Responses", labels, &BY_STATUS)?;
//! registry.register_collector(Box::new(by_status));
//! // Labels that are not; the constructor chooses the settings of each counter.
//! let make = || ByRef(Arc::new(Counter::builder().shards(4).build()));
//! let users = Family::<Vec<(String, String)>, _, _>::new_with_constructor(make);
//! registry.register("logins", "Log-ins", users.clone());
//!
//! HITS.add(3);
//! BY_STATUS.inc(0);
//! users.get_or_create(&vec![("user".into(), "ann".into())]).0.inc();
//!
//! let mut text = String::new();
//! encode(&mut text, &registry)?;
//! assert!(text.contains("hits_total 3\n"));
//! assert!(text.contains("responses_total{status=\"ok\"} 1\n"));
//! assert!(text.contains("logins_total{user=\"ann\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::labels::LabelsError;
use crate::{Counter, CounterSet, UpDownCounter, UpDownCounterSet};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};
use std::{fmt, ops::Deref, sync::Arc};

mod histogram;
mod labels;

pub use histogram::{HistogramSetCollector, SharedHistogram};

/// What the encoders return.
type Encoded = Result<(), fmt::Error>;

impl TypedMetric for Counter {
    const TYPE: MetricType = MetricType::Counter;
}

/// Encodes a counter, by its [`total`](Counter::total), which a `take` does not lower.
impl EncodeMetric for Counter {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Encoded {
        encode_count(self.total(), encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for UpDownCounter {
    const TYPE: MetricType = MetricType::Gauge;
}

/// Encodes a gauge, by its [`sum`](UpDownCounter::sum).
impl EncodeMetric for UpDownCounter {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Encoded {
        encode_level(self.sum(), encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

fn encode_count(count: u64, mut encoder: MetricEncoder<'_>) -> Encoded {
    encoder.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

fn encode_level(level: i64, mut encoder: MetricEncoder<'_>) -> Encoded {
    encoder.encode_gauge(&level)
}

/// What a [`SetCollector`] can show: a [`CounterSet`] as counters, or an [`UpDownCounterSet`] as
/// gauges.
pub trait EncodeSet: sealed::EncodeSet {}

impl EncodeSet for CounterSet {}
impl EncodeSet for UpDownCounterSet {}

mod sealed {
    use super::{Encoded, MetricEncoder, MetricType};

    pub trait EncodeSet {
        const TYPE: MetricType;
        type Value;
        fn size(&self) -> usize;
        fn values(&self) -> Vec<Self::Value>;
        fn encode(value: Self::Value, encoder: MetricEncoder<'_>) -> Encoded;
    }
}

impl sealed::EncodeSet for CounterSet {
    const TYPE: MetricType = MetricType::Counter;
    type Value = u64;

    fn size(&self) -> usize {
        self.len()
    }

    fn values(&self) -> Vec<u64> {
        self.totals()
    }

    fn encode(total: u64, encoder: MetricEncoder<'_>) -> Encoded {
        encode_count(total, encoder)
    }
}

impl sealed::EncodeSet for UpDownCounterSet {
    const TYPE: MetricType = MetricType::Gauge;
    type Value = i64;

    fn size(&self) -> usize {
        self.len()
    }

    fn values(&self) -> Vec<i64> {
        self.sums()
    }

    fn encode(level: i64, encoder: MetricEncoder<'_>) -> Encoded {
        encode_level(level, encoder)
    }
}

/// A metric behind a pointer, such as a `&'static` reference or an [`Arc`], as a
/// metric of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByRef<P>(pub P);

impl<P: Deref<Target: TypedMetric>> TypedMetric for ByRef<P> {
    const TYPE: MetricType = P::Target::TYPE;
}

impl<P: Deref<Target: EncodeMetric>> EncodeMetric for ByRef<P> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Encoded {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

/// A collector of a [`CounterSet`] or an [`UpDownCounterSet`] as one metric, with labels for each
/// counter.
///
/// It shows the [`totals`](CounterSet::totals), and of levels the
/// [`sums`](UpDownCounterSet::sums). They are of one moment if the set has a read lock.
#[derive(Debug)]
pub struct SetCollector<L, P> {
    name: String,
    help: String,
    labels: Arc<[L]>,
    counters: P,
}

impl<L, P> SetCollector<L, P>
where
    L: EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
    P: Deref<Target: EncodeSet>,
{
    /// Creates a collector that shows `set` as `name`, to which the registry appends `_total` for
    /// counters, with one set of labels for each counter, in the order of their indices.
    ///
    /// # Errors
    ///
    /// Returns an error if the numbers of labels and of counters differ, if a name is repeated in a
    /// set of labels, is not valid or is reserved, or if two counters have the same labels.
    pub fn new(
        name: impl Into<String>,
        help: impl Into<String>,
        labels: impl IntoIterator<Item = L>,
        set: P,
    ) -> Result<Self, LabelsError> {
        let labels = labels::checked(labels, sealed::EncodeSet::size(&*set), &[])?;
        // The registry ends the help of other metrics in a full stop, too.
        let help = help.into() + ".";
        Ok(Self { name: name.into(), help, labels, counters: set })
    }
}

impl<L, P> Collector for SetCollector<L, P>
where
    L: EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
    P: Deref<Target: EncodeSet> + fmt::Debug + Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let kind = <P::Target as sealed::EncodeSet>::TYPE;
        let mut metric = encoder.encode_descriptor(&self.name, &self.help, None, kind)?;
        let values = sealed::EncodeSet::values(&*self.counters);
        self.labels.iter().zip(values).try_for_each(|(labels, value)| {
            <P::Target as sealed::EncodeSet>::encode(value, metric.encode_family(labels)?)
        })
    }
}
