//! For the crate `opentelemetry`: callbacks of observable instruments.
//!
//! They report what OpenTelemetry wants of an observable counter: the total, which never goes down,
//! whatever has been taken. A callback keeps its counter for as long as the meter's provider lives,
//! even if the instrument is dropped.
//!
//! A [`Histogram`](crate::Histogram) cannot be handed on as one: the API has no observable histogram, and an
//! SDK takes no distribution that is already counted. What there is instead: its count, its sum and its
//! buckets as observable counters, of which the last serve Prometheus' `histogram_quantile` as well, and
//! its quantiles as a gauge. Each instrument reads the histogram by itself, so they may differ by what is
//! recorded in between.
//!
//! # Example
//!
//! ```
//! use opentelemetry::{KeyValue, global};
//! use striped_counter::{Counter, CounterSet, Histogram, UpDownCounter};
//! use striped_counter::integrations::Buckets;
//! use striped_counter::integrations::opentelemetry::{
//!     observe_buckets, observe_counter, observe_quantiles, observe_set, observe_up_down_counter,
//! };
//!
//! static HITS: Counter = Counter::new();
//! static BUSY: UpDownCounter = UpDownCounter::new();
//! static BY_STATUS: CounterSet = CounterSet::new(2);
//! static LATENCY: Histogram = Histogram::new();
//!
//! let meter = global::meter("service");
//! let hits = meter.u64_observable_counter("hits");
//! hits.with_callback(observe_counter(&HITS, [KeyValue::new("route", "/")])).build();
//! let busy = meter.i64_observable_up_down_counter("busy");
//! busy.with_callback(observe_up_down_counter(&BUSY, [])).build();
//! let labels = ["ok", "error"].map(|status| [KeyValue::new("status", status)]);
//! let by_status = meter.u64_observable_counter("responses");
//! by_status.with_callback(observe_set(&BY_STATUS, labels)?).build();
//! let buckets = Buckets::seconds().within(1_000_000..=10_000_000_000);
//! let latency = meter.u64_observable_counter("latency_bucket");
//! latency.with_callback(observe_buckets(&LATENCY, buckets, [])).build();
//! let latency = meter.f64_observable_gauge("latency").with_unit("s");
//! latency.with_callback(observe_quantiles(&LATENCY, buckets, [0.5, 0.99], [])).build();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::labels::{self, LabelsError};
use crate::{Counter, CounterSet, UpDownCounter};
use opentelemetry::{KeyValue, metrics::AsyncInstrument};
use std::ops::Deref;

mod histogram;

pub use histogram::{observe_buckets, observe_count, observe_quantiles, observe_sum};

/// Observes the total of `counter`, with `attributes`: for `u64_observable_counter`.
pub fn observe_counter(
    counter: impl Deref<Target = Counter> + Send + Sync + 'static,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static {
    let attributes = attributes.into();
    move |instrument| instrument.observe(counter.total(), &attributes)
}

/// Observes the sum of `counter`, with `attributes`: for `i64_observable_up_down_counter`, or a gauge.
pub fn observe_up_down_counter(
    counter: impl Deref<Target = UpDownCounter> + Send + Sync + 'static,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<i64>) + Send + Sync + 'static {
    let attributes = attributes.into();
    move |instrument| instrument.observe(counter.sum(), &attributes)
}

/// Observes the totals of all counters of `set`, each with attributes of its own, in the order of
/// their indexes: for `u64_observable_counter`. They are of one moment if the set has a read lock.
///
/// # Limit
///
/// The SDK exports at most 2,000 sets of attributes per instrument, unless told otherwise: the rest is added
/// up in one point with the attribute `otel.metric.overflow`, where the counts of observable counters replace
/// one another, so most are lost without a word. The API does not tell the limit. A larger set needs a view:
///
/// ```text
/// let wide = |instrument: &Instrument| match instrument.name() {
///     "responses" => Stream::builder().with_cardinality_limit(30_000).build().ok(),
///     _ => None,
/// };
/// SdkMeterProvider::builder().with_view(wide)
/// ```
///
/// # Errors
/// If there are attributes for fewer counters than the set has, or for more, or two counters have the
/// same ones.
pub fn observe_set<A: Into<Vec<KeyValue>>>(
    set: impl Deref<Target = CounterSet> + Send + Sync + 'static,
    attributes: impl IntoIterator<Item = A>,
) -> Result<impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static, LabelsError> {
    let attributes: Vec<_> = attributes.into_iter().map(Into::into).collect();
    labels::check(&sorted(&attributes), set.len())?;
    Ok(move |instrument: &dyn AsyncInstrument<u64>| {
        for (total, attributes) in set.totals().into_iter().zip(&attributes) {
            instrument.observe(total, attributes);
        }
    })
}

/// The same attributes in the order of their keys, which makes no difference to the SDK.
fn sorted(attributes: &[Vec<KeyValue>]) -> Vec<Vec<KeyValue>> {
    let mut attributes = attributes.to_vec();
    for one in &mut attributes {
        one.sort_by(|a, b| a.key.cmp(&b.key));
    }
    attributes
}
