//! The parts of a histogram that OpenTelemetry can show.

use super::check_keys;
use crate::{
    Histogram, HistogramDeltas,
    integrations::{
        Buckets,
        labels::{self, LabelsError},
    },
};
use opentelemetry::{KeyValue, metrics::AsyncInstrument};
use std::{
    ops::Deref,
    sync::{Mutex, PoisonError},
};

/// The key of the attribute that has the quantile.
const QUANTILE: &str = "quantile";

/// Returns a callback that observes how many values `histogram` has recorded in all, with
/// `attributes`.
///
/// For an instrument made by `u64_observable_counter`.
pub fn observe_count(
    histogram: impl Deref<Target = Histogram> + Send + Sync + 'static,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static {
    let attributes = attributes.into();
    move |instrument| instrument.observe(histogram.total().count(), &attributes)
}

/// Returns a callback that observes the sum of all values, in the unit of `buckets`, with
/// `attributes`.
///
/// For an instrument made by `f64_observable_counter`. The sum of a histogram that keeps none is
/// `NaN`.
pub fn observe_sum(
    histogram: impl Deref<Target = Histogram> + Send + Sync + 'static,
    buckets: Buckets,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static {
    let (attributes, scale) = (attributes.into(), buckets.of(&histogram.total()));
    move |instrument| instrument.observe(scale.sum(&histogram.total()), &attributes)
}

/// Returns a callback that observes, for each bound of `buckets`, how many values are at most that
/// high, with `attributes` and the bound as the attribute `le`.
///
/// For an instrument made by `u64_observable_counter`. If its name ends in `_bucket`, Prometheus'
/// `histogram_quantile` works on it.
///
/// # Errors
///
/// Returns an error if a key is repeated in `attributes`, or is `le`.
pub fn observe_buckets(
    histogram: impl Deref<Target = Histogram> + Send + Sync + 'static,
    buckets: Buckets,
    attributes: impl Into<Vec<KeyValue>>,
) -> Result<impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static, LabelsError> {
    let attributes = attributes.into();
    check_keys(&attributes, &[labels::BOUND])?;
    let scale = buckets.of(&histogram.total());
    let bounds = scale.bounds().map(|bound| bound.to_string()).chain(["+Inf".to_owned()]);
    let attributes = with(&attributes, labels::BOUND, bounds);
    Ok(move |instrument: &dyn AsyncInstrument<u64>| {
        let total = histogram.total();
        let counts = scale.cumulative(&total).into_iter().map(|(_, count)| count);
        for (count, attributes) in counts.chain([total.count()]).zip(&attributes) {
            instrument.observe(count, attributes);
        }
    })
}

/// Returns a callback that observes estimates of `quantiles` of what was recorded since the
/// previous observation, in the unit of `buckets`, with `attributes` and the quantile as the
/// attribute `quantile`.
///
/// For an instrument made by `f64_observable_gauge`. Observes nothing if nothing was recorded. Use
/// one callback for one reader: each of several readers would see only what was recorded since any
/// of them looked.
///
/// # Errors
///
/// Returns an error if a key is repeated in `attributes`, or is `quantile`.
///
/// # Panics
///
/// Panics if a quantile is not from 0 to 1.
pub fn observe_quantiles(
    histogram: impl Deref<Target = Histogram> + Send + Sync + 'static,
    buckets: Buckets,
    quantiles: impl IntoIterator<Item = f64>,
    attributes: impl Into<Vec<KeyValue>>,
) -> Result<impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static, LabelsError> {
    let attributes = attributes.into();
    check_keys(&attributes, &[QUANTILE])?;
    let scale = buckets.of(&histogram.total());
    let quantiles: Vec<_> = quantiles.into_iter().collect();
    for q in &quantiles {
        assert!((0.0..=1.0).contains(q), "quantiles: {q} is out of range, from 0 to 1");
    }
    let attributes = with(&attributes, QUANTILE, quantiles.iter().map(f64::to_string));
    let seen = Mutex::new(HistogramDeltas::new(histogram));
    Ok(move |instrument: &dyn AsyncInstrument<f64>| {
        // The lock is released before the instrument is called.
        let recent = seen.lock().unwrap_or_else(PoisonError::into_inner).next_delta();
        for (&q, attributes) in quantiles.iter().zip(&attributes) {
            if let Some(value) = recent.quantile(q) {
                instrument.observe(scale.scaled(value), attributes);
            }
        }
    })
}

/// Returns, for each of `values`, the `common` attributes and one more of that `name` and value.
fn with(
    common: &[KeyValue],
    name: &'static str,
    values: impl Iterator<Item = String>,
) -> Vec<Vec<KeyValue>> {
    let with = |value| [common, &[KeyValue::new(name, value)]].concat();
    values.map(with).collect()
}
