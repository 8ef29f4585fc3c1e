//! Integration with the crate `opentelemetry`: callbacks for observable instruments.
//!
//! A counter is observed by its [`total`](crate::Counter::total), which never decreases, whatever
//! has been taken. A callback keeps its counter for as long as the meter's provider lives, even if
//! the instrument is dropped.
//!
//! # Histograms
//!
//! OpenTelemetry has no observable histogram, and an SDK accepts no distribution that is already
//! counted. So a [`Histogram`](crate::Histogram) is exported in parts: its count, its sum and its
//! buckets as observable counters, and quantiles as a gauge. Prometheus' `histogram_quantile` works
//! on the buckets. Each instrument reads the histogram by itself, so they may differ by what is
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
//! latency.with_callback(observe_buckets(&LATENCY, buckets, [])?).build();
//! let latency = meter.f64_observable_gauge("latency").with_unit("s");
//! latency.with_callback(observe_quantiles(&LATENCY, buckets, [0.5, 0.99], [])?).build();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::labels::{self, LabelsError};
use crate::{Counter, CounterSet, UpDownCounter, UpDownCounterSet};
use opentelemetry::{KeyValue, metrics::AsyncInstrument};
use std::ops::Deref;

mod histogram;

pub use histogram::{observe_buckets, observe_count, observe_quantiles, observe_sum};

/// Returns a callback that observes the total of `counter`, with `attributes`.
///
/// For an instrument made by `u64_observable_counter`.
pub fn observe_counter(
    counter: impl Deref<Target = Counter> + Send + Sync + 'static,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static {
    let attributes = attributes.into();
    move |instrument| instrument.observe(counter.total(), &attributes)
}

/// Returns a callback that observes the sum of `counter`, with `attributes`.
///
/// For an instrument made by `i64_observable_up_down_counter` or `i64_observable_gauge`.
pub fn observe_up_down_counter(
    counter: impl Deref<Target = UpDownCounter> + Send + Sync + 'static,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<i64>) + Send + Sync + 'static {
    let attributes = attributes.into();
    move |instrument| instrument.observe(counter.sum(), &attributes)
}

/// Returns a callback that observes the totals of all counters of `set`, each with its own
/// `attributes`, in the order of their indices.
///
/// For an instrument made by `u64_observable_counter`. The totals are of one moment if the set has
/// a read lock.
///
/// # Limit
///
/// By default the SDK exports at most 2,000 sets of attributes per instrument. It merges the rest
/// into one point with the attribute `otel.metric.overflow`, where the counts of observable
/// counters replace one another, so most of them are lost without a warning. The API does not
/// reveal the limit. For a larger set, raise it by a view:
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
///
/// Returns an error if the numbers of attribute sets and of counters differ, if a key is repeated
/// in a set, or if two counters have the same attributes.
pub fn observe_set<A: Into<Vec<KeyValue>>>(
    set: impl Deref<Target = CounterSet> + Send + Sync + 'static,
    attributes: impl IntoIterator<Item = A>,
) -> Result<impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static, LabelsError> {
    observe_all(set.len(), attributes, move || set.totals())
}

/// Returns a callback that observes the sums of all levels of `set`, each with its own
/// `attributes`, in the order of their indices.
///
/// For an instrument made by `i64_observable_up_down_counter` or `i64_observable_gauge`. The sums
/// are of one moment if the set has a read lock. The SDK has the same limit as for [`observe_set`].
///
/// # Errors
///
/// Returns an error if the numbers of attribute sets and of levels differ, if a key is repeated in a
/// set, or if two levels have the same attributes.
pub fn observe_up_down_set<A: Into<Vec<KeyValue>>>(
    set: impl Deref<Target = UpDownCounterSet> + Send + Sync + 'static,
    attributes: impl IntoIterator<Item = A>,
) -> Result<impl Fn(&dyn AsyncInstrument<i64>) + Send + Sync + 'static, LabelsError> {
    observe_all(set.len(), attributes, move || set.sums())
}

/// Returns a callback that observes what `read` returns, which is `len` values, each with its own
/// `attributes`.
fn observe_all<T>(
    len: usize,
    attributes: impl IntoIterator<Item = impl Into<Vec<KeyValue>>>,
    read: impl Fn() -> Vec<T> + Send + Sync + 'static,
) -> Result<impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static, LabelsError> {
    let attributes: Vec<_> = attributes.into_iter().map(Into::into).collect();
    attributes.iter().try_for_each(|attributes| check_keys(attributes, &[]))?;
    labels::check(&sorted(&attributes), len)?;
    Ok(move |instrument: &dyn AsyncInstrument<T>| {
        for (value, attributes) in read().into_iter().zip(&attributes) {
            instrument.observe(value, attributes);
        }
    })
}

/// Checks the keys of the attributes of one time series, to which a callback adds `added`.
fn check_keys(attributes: &[KeyValue], added: &[&str]) -> Result<(), LabelsError> {
    let keys: Vec<_> = attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    labels::check_names(&keys, added)
}

/// Returns the same attributes sorted by key, which makes no difference to the SDK.
fn sorted(attributes: &[Vec<KeyValue>]) -> Vec<Vec<KeyValue>> {
    let mut attributes = attributes.to_vec();
    for one in &mut attributes {
        one.sort_by(|a, b| a.key.cmp(&b.key));
    }
    attributes
}
