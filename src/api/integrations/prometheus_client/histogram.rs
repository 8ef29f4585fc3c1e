//! Histograms as metrics to register.

use super::Encoded;
use crate::{
    Histogram, HistogramSet, HistogramSnapshot,
    integrations::{
        buckets::{Buckets, Scale},
        labels::{self, LabelsError},
    },
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};
use std::{fmt, hash::Hash, ops::Deref};

/// A [`Histogram`] as a metric: a classic histogram of the buckets chosen.
///
/// It shows the [`total`](Histogram::total), which never goes down. Buckets, count and sum are of one
/// snapshot. A histogram without a sum shows `NaN` for it.
///
/// ```
/// use prometheus_client::{encoding::text::encode, registry::{Registry, Unit}};
/// use std::time::Duration;
/// use striped_counter::{Histogram, integrations::{Buckets, prometheus_client::SharedHistogram}};
///
/// static LATENCY: Histogram = Histogram::new();
///
/// let mut registry = Registry::default();
/// let buckets = Buckets::seconds().within(1_000_000..=10_000_000_000);
/// let latency = SharedHistogram::new(&LATENCY, buckets);
/// registry.register_with_unit("latency", "Latency", Unit::Seconds, latency);
///
/// LATENCY.record_duration(Duration::from_millis(250));
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("\nlatency_seconds_sum 0.25\nlatency_seconds_count 1\n"));
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedHistogram<P> {
    /// Whatever dereferences to the histogram.
    pub histogram: P,
    scale: Scale,
}

impl<P: Deref<Target = Histogram>> SharedHistogram<P> {
    /// Shows these `buckets` of `histogram`.
    pub fn new(histogram: P, buckets: Buckets) -> Self {
        let scale = buckets.of(&histogram.total());
        Self { histogram, scale }
    }
}

impl<P> TypedMetric for SharedHistogram<P> {
    const TYPE: MetricType = MetricType::Histogram;
}

impl<P: Deref<Target = Histogram>> EncodeMetric for SharedHistogram<P> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Encoded {
        encode(&self.scale, &self.histogram.total(), encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// A [`HistogramSet`] as one metric, with labels for each histogram.
///
/// It shows the [`totals`](HistogramSet::totals): of one moment if the set has a read lock.
#[derive(Debug)]
pub struct HistogramSetCollector<L, P> {
    name: String,
    help: String,
    labels: Vec<L>,
    scale: Scale,
    histograms: P,
}

impl<L: Eq + Hash, P: Deref<Target = HistogramSet>> HistogramSetCollector<L, P> {
    /// Shows `set` by `name`, with one set of labels for each of its histograms, in the order of their
    /// indices.
    ///
    /// # Errors
    /// If there are fewer labels than histograms, or more, or two histograms have the same ones.
    pub fn new(
        name: impl Into<String>,
        help: impl Into<String>,
        labels: impl IntoIterator<Item = L>,
        set: P,
        buckets: Buckets,
    ) -> Result<Self, LabelsError> {
        let labels: Vec<_> = labels.into_iter().collect();
        labels::check(&labels, set.len())?;
        // As the registry writes the help of other metrics.
        let help = help.into() + ".";
        let scale = buckets.of_set(&set);
        Ok(Self { name: name.into(), help, labels, scale, histograms: set })
    }
}

impl<L, P> Collector for HistogramSetCollector<L, P>
where
    L: EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
    P: Deref<Target = HistogramSet> + fmt::Debug + Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let mut metric =
            encoder.encode_descriptor(&self.name, &self.help, None, MetricType::Histogram)?;
        self.labels.iter().zip(self.histograms.totals()).try_for_each(|(labels, total)| {
            encode(&self.scale, &total, metric.encode_family(labels)?)
        })
    }
}

/// This encoder wants each bucket by itself, and the open one too.
fn encode(scale: &Scale, snapshot: &HistogramSnapshot, mut encoder: MetricEncoder<'_>) -> Encoded {
    let (count, mut before) = (snapshot.count(), 0);
    let cumulative = scale.cumulative(snapshot).into_iter().chain([(f64::INFINITY, count)]);
    let alone = |(bound, up_to)| {
        let count = up_to - before;
        before = up_to;
        (bound, count)
    };
    let buckets: Vec<_> = cumulative.map(alone).collect();
    encoder.encode_histogram::<NoLabelSet>(scale.sum(snapshot), count, &buckets, None)
}
