//! Histograms as metrics to register.

use super::{Encoded, labels};
use crate::{
    Histogram, HistogramSet, HistogramSnapshot,
    integrations::{
        buckets::{Buckets, Scale},
        labels::{BOUND, LabelsError},
    },
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};
use std::{fmt, ops::Deref, sync::Arc};

/// A metric that shows a [`Histogram`] as a classic histogram.
///
/// It shows the [`total`](Histogram::total), which never decreases. Buckets, count and sum are of
/// one read. The sum of a histogram that keeps none is `NaN`.
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
    /// The pointer to the histogram.
    pub histogram: P,
    scale: Scale,
}

impl<P: Deref<Target = Histogram>> SharedHistogram<P> {
    /// Creates a metric that shows `buckets` of `histogram`.
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

/// A collector of a [`HistogramSet`] as one classic histogram, with labels for each histogram of
/// the set.
///
/// It shows the [`totals`](HistogramSet::totals), which are of one moment if the set has a read
/// lock.
#[derive(Debug)]
pub struct HistogramSetCollector<L, P> {
    name: String,
    help: String,
    labels: Arc<[L]>,
    scale: Scale,
    histograms: P,
}

impl<L, P> HistogramSetCollector<L, P>
where
    L: EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
    P: Deref<Target = HistogramSet>,
{
    /// Creates a collector that shows `buckets` of `set` as `name`, with one set of labels for each
    /// histogram, in the order of their indices.
    ///
    /// # Errors
    ///
    /// Returns an error if the numbers of labels and of histograms differ, if a name is repeated in
    /// a set of labels, is not valid or is reserved, as `le` is, or if two histograms have the same
    /// labels.
    pub fn new(
        name: impl Into<String>,
        help: impl Into<String>,
        labels: impl IntoIterator<Item = L>,
        set: P,
        buckets: Buckets,
    ) -> Result<Self, LabelsError> {
        let labels = labels::checked(labels, set.len(), &[BOUND])?;
        // The registry ends the help of other metrics in a full stop, too.
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

/// Encodes the count of each bucket alone and of the open one, which this encoder adds up.
///
/// Its sum must not overflow where a count has wrapped around at 2^64, and stays at the highest
/// count.
fn encode(scale: &Scale, snapshot: &HistogramSnapshot, mut encoder: MetricEncoder<'_>) -> Encoded {
    let (count, mut before) = (snapshot.count(), 0);
    let cumulative = scale.cumulative(snapshot).into_iter().chain([(f64::INFINITY, count)]);
    let alone = |(bound, up_to): (f64, u64)| {
        let count = up_to.saturating_sub(before);
        before += count;
        (bound, count)
    };
    let buckets: Vec<_> = cumulative.map(alone).collect();
    encoder.encode_histogram::<NoLabelSet>(scale.sum(snapshot), count, &buckets, None)
}
