//! What OpenTelemetry's API can take of a histogram.

use crate::{Histogram, HistogramDeltas, integrations::Buckets};
use opentelemetry::{KeyValue, metrics::AsyncInstrument};
use std::{
    ops::Deref,
    sync::{Mutex, PoisonError},
};

/// Observes how many values `histogram` has recorded in all: for `u64_observable_counter`.
pub fn observe_count(
    histogram: impl Deref<Target = Histogram> + Send + Sync + 'static,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static {
    let attributes = attributes.into();
    move |instrument| instrument.observe(histogram.total().count(), &attributes)
}

/// Observes the sum of all values, in the unit of `buckets`: for `f64_observable_counter`. Not a number if the
/// histogram keeps none.
pub fn observe_sum(
    histogram: impl Deref<Target = Histogram> + Send + Sync + 'static,
    buckets: Buckets,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static {
    let (attributes, scale) = (attributes.into(), buckets.of(&histogram.total()));
    move |instrument| instrument.observe(scale.sum(&histogram.total()), &attributes)
}

/// Observes how many values are at most as high as each of `buckets`, with that bound as the attribute `le`:
/// for `u64_observable_counter`. Named `…_bucket`, that is what Prometheus' `histogram_quantile` takes.
pub fn observe_buckets(
    histogram: impl Deref<Target = Histogram> + Send + Sync + 'static,
    buckets: Buckets,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static {
    let scale = buckets.of(&histogram.total());
    let bounds = scale.bounds().map(|bound| bound.to_string()).chain(["+Inf".to_owned()]);
    let attributes = with(&attributes.into(), "le", bounds);
    move |instrument| {
        let total = histogram.total();
        let counts = scale.cumulative(&total).into_iter().map(|(_, count)| count);
        for (count, attributes) in counts.chain([total.count()]).zip(&attributes) {
            instrument.observe(count, attributes);
        }
    }
}

/// Observes estimates of `quantiles` of what was recorded since the observation before, in the unit of
/// `buckets`, each with its quantile as an attribute: for `f64_observable_gauge`. Nothing if nothing was
/// recorded.
///
/// For one reader: of several, each gets what was recorded since any of them has looked.
///
/// # Panics
/// If a quantile is not from 0 to 1.
pub fn observe_quantiles(
    histogram: impl Deref<Target = Histogram> + Send + Sync + 'static,
    buckets: Buckets,
    quantiles: impl IntoIterator<Item = f64>,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static {
    let scale = buckets.of(&histogram.total());
    let quantiles: Vec<_> = quantiles.into_iter().collect();
    for q in &quantiles {
        assert!((0.0..=1.0).contains(q), "quantiles: {q} is out of range, from 0 to 1");
    }
    let attributes = with(&attributes.into(), "quantile", quantiles.iter().map(f64::to_string));
    let seen = Mutex::new(HistogramDeltas::new(histogram));
    move |instrument| {
        // Let go of before the instrument is called.
        let recent = seen.lock().unwrap_or_else(PoisonError::into_inner).next_delta();
        for (&q, attributes) in quantiles.iter().zip(&attributes) {
            if let Some(value) = recent.quantile(q) {
                instrument.observe(scale.scaled(value), attributes);
            }
        }
    }
}

/// `common` attributes, and one of that name with each of `values`.
fn with(
    common: &[KeyValue],
    name: &'static str,
    values: impl Iterator<Item = String>,
) -> Vec<Vec<KeyValue>> {
    let with = |value| [common, &[KeyValue::new(name, value)]].concat();
    values.map(with).collect()
}
