//! Collectors of histograms.

use super::{family, label_pairs};
use crate::{
    Histogram, HistogramSet, HistogramSnapshot,
    integrations::{
        buckets::{Buckets, Scale},
        labels::BOUND,
    },
};
use prometheus::{
    Error,
    core::{Collector, Desc},
    proto::{self, LabelPair, Metric, MetricFamily, MetricType},
};
use std::{collections::HashMap, ops::Deref};

/// A collector of a [`Histogram`] as a classic histogram.
///
/// It shows the [`total`](Histogram::total), which never decreases. Buckets, count and sum are of
/// one read. The sum of a histogram that keeps none is `NaN`.
///
/// ```
/// use prometheus::{Registry, TextEncoder};
/// use std::time::Duration;
/// use striped_counter::{Histogram, integrations::{Buckets, prometheus::HistogramCollector}};
///
/// static LATENCY: Histogram = Histogram::new();
///
/// let registry = Registry::new();
/// let buckets = Buckets::seconds().within(1_000_000..=10_000_000_000);
/// let latency = HistogramCollector::new("latency_seconds", "Latency", &LATENCY, buckets)?;
/// registry.register(Box::new(latency))?;
///
/// LATENCY.record_duration(Duration::from_millis(250));
/// let text = TextEncoder::new().encode_to_string(&registry.gather())?;
/// assert!(text.contains("\nlatency_seconds_sum 0.25\nlatency_seconds_count 1\n"));
/// # Ok::<(), prometheus::Error>(())
/// ```
#[derive(Debug)]
pub struct HistogramCollector<P> {
    desc: Desc,
    scale: Scale,
    histogram: P,
}

impl<P: Deref<Target = Histogram>> HistogramCollector<P> {
    /// Creates a collector that shows `buckets` of `histogram` as `name`.
    ///
    /// # Errors
    ///
    /// Returns an error if `name` is not a valid name of a metric, or if `help` is empty.
    pub fn new(
        name: impl Into<String>,
        help: impl Into<String>,
        histogram: P,
        buckets: Buckets,
    ) -> Result<Self, Error> {
        let desc = Desc::new(name.into(), help.into(), Vec::new(), HashMap::new())?;
        Ok(Self { desc, scale: buckets.of(&histogram.total()), histogram })
    }
}

impl<P: Deref<Target = Histogram> + Send + Sync> Collector for HistogramCollector<P> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let metric = metric(&self.scale, &self.histogram.total());
        vec![family(&self.desc, MetricType::HISTOGRAM, vec![metric])]
    }
}

/// A collector of a [`HistogramSet`] as one classic histogram, with labels for each histogram of
/// the set.
///
/// It shows the [`totals`](HistogramSet::totals), which are of one moment if the set has a read
/// lock.
#[derive(Debug)]
pub struct HistogramSetCollector<P> {
    desc: Desc,
    labels: Vec<Vec<LabelPair>>,
    scale: Scale,
    histograms: P,
}

impl<P: Deref<Target = HistogramSet>> HistogramSetCollector<P> {
    /// Creates a collector that shows `buckets` of `set` as `name`, with labels named
    /// `label_names`, and one array of label values for each histogram, in the order of their
    /// indices.
    ///
    /// # Errors
    ///
    /// Returns an error if a name is not valid or is reserved, as `le` is, if `help` is empty, if
    /// the numbers of arrays and of histograms differ, or if two histograms have the same values.
    pub fn new<const N: usize>(
        name: impl Into<String>,
        help: impl Into<String>,
        label_names: [&str; N],
        label_values: impl IntoIterator<Item = [impl Into<String>; N]>,
        set: P,
        buckets: Buckets,
    ) -> Result<Self, Error> {
        let names = label_names.map(str::to_owned);
        let labels = label_pairs(&names, label_values, set.len(), &[BOUND])?;
        let desc = Desc::new(name.into(), help.into(), names.to_vec(), HashMap::new())?;
        let scale = buckets.of_set(&set);
        Ok(Self { desc, labels, scale, histograms: set })
    }
}

impl<P: Deref<Target = HistogramSet> + Send + Sync> Collector for HistogramSetCollector<P> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let labelled = |(labels, total): (&Vec<_>, HistogramSnapshot)| {
            let mut metric = metric(&self.scale, &total);
            metric.set_label(labels.clone());
            metric
        };
        let metrics = self.labels.iter().zip(self.histograms.totals()).map(labelled).collect();
        vec![family(&self.desc, MetricType::HISTOGRAM, metrics)]
    }
}

/// Returns the metric without `+Inf`, which the encoders add from the count.
fn metric(scale: &Scale, snapshot: &HistogramSnapshot) -> Metric {
    let bucket = |(bound, count)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    };
    let mut histogram = proto::Histogram::default();
    histogram.set_sample_count(snapshot.count());
    histogram.set_sample_sum(scale.sum(snapshot));
    histogram.set_bucket(scale.cumulative(snapshot).into_iter().map(bucket).collect());
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    metric
}
