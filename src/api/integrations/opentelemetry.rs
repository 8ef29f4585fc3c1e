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
//! use striped_counter::integrations::{Buckets, opentelemetry::*};
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
//! busy.with_callback(observe_level(&BUSY, [])).build();
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
    // A cursor that has seen nothing: the total, whatever has been taken.
    move |instrument| instrument.observe(counter.deltas().next_delta(), &attributes)
}

/// Observes the sum of `level`, with `attributes`: for `i64_observable_up_down_counter`, or a gauge.
pub fn observe_level(
    level: impl Deref<Target = UpDownCounter> + Send + Sync + 'static,
    attributes: impl Into<Vec<KeyValue>>,
) -> impl Fn(&dyn AsyncInstrument<i64>) + Send + Sync + 'static {
    let attributes = attributes.into();
    move |instrument| instrument.observe(level.sum(), &attributes)
}

/// Observes the totals of all counters of `set`, each with attributes of its own, in the order of
/// their indexes: for `u64_observable_counter`. They are of one moment if the set has a read lock.
///
/// # Errors
/// If there are attributes for fewer counters than the set has, or for more.
pub fn observe_set<A: Into<Vec<KeyValue>>>(
    set: impl Deref<Target = CounterSet> + Send + Sync + 'static,
    attributes: impl IntoIterator<Item = A>,
) -> Result<impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static, LabelsError> {
    let attributes: Vec<_> = attributes.into_iter().map(Into::into).collect();
    labels::check(&attributes, set.len())?;
    Ok(move |instrument: &dyn AsyncInstrument<u64>| {
        let totals = set.deltas().next_delta();
        for (total, attributes) in totals.into_iter().zip(&attributes) {
            instrument.observe(total, attributes);
        }
    })
}
