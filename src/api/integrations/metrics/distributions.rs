//! What `histogram!` records: one histogram of ours per key.
//!
//! The inner recorder gets its buckets, its count and its sum as gauges that grow. Gauges are the
//! only kind of metric that every exporter shows under the given name, as whole numbers and as
//! fractions.

use super::{calls::Panics, keyed::Entry};
use crate::{BuildError, Builder, Counter, Histogram};
use metrics::{HistogramFn, Key, Label, Recorder, SharedString};
use std::{
    iter,
    sync::{Arc, Mutex},
};

/// The bounds that Prometheus' client libraries have in common, for seconds.
pub(super) const DEFAULT_BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How many decimal digits of the smallest bound are significant.
const DIGITS: i32 = 6;
/// 2^53, above which an `f64` does not represent every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// The largest number of parts in a whole of a [`Sum`], so that their number fits into 64 bits for
/// 18 thousand million values.
const PARTS: f64 = 1e9;

/// Bounds as the whole numbers that the histogram has, and in the unit of the values.
#[derive(Debug)]
pub(super) struct Scale {
    whole: &'static [u64],
    /// The values of the label `le`, one more for all values.
    le: Vec<SharedString>,
    per_unit: f64,
}

/// A histogram, and what its numbers mean.
pub(super) struct Distribution {
    buckets: Histogram,
    /// `None` if sums were turned off.
    sum: Option<Sum>,
    scale: Arc<Scale>,
    /// What the inner recorder shows, from the first flush on. Only tried to be locked: the inner
    /// recorder is called meanwhile.
    series: Mutex<Vec<Series>>,
}

/// A gauge of the inner recorder.
struct Series {
    key: Key,
    /// What it has yet to grow by.
    due: f64,
}

/// A sum of values in wholes and parts of a whole, since neither alone has both the range and the
/// precision.
///
/// A whole is a unit, or a power of ten below it if the first bound is less than 0.001.
struct Sum {
    wholes: Counter,
    parts: Counter,
    per_unit: f64,
    parts_per_whole: f64,
}

impl Scale {
    /// Returns `None` if `bounds` do not ascend from above 0, or are too far apart to be
    /// represented exactly.
    ///
    /// The whole numbers are never freed, since a recorder lives as long as its program.
    pub(super) fn new(bounds: &[f64]) -> Option<Self> {
        let (&first, &last) = (bounds.first()?, bounds.last()?);
        let ascend = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if !(first.is_finite() && first > 0.0 && ascend) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "an f64's exponent is small")]
        let per_unit = 10_f64.powi(DIGITS - first.log10().floor() as i32).max(1.0);
        if last * per_unit >= EXACT {
            return None;
        }
        let whole: Vec<_> = bounds.iter().map(|&bound| whole(bound * per_unit)).collect();
        let le = bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let le = le.map(|le| Arc::<str>::from(le).into()).collect();
        Some(Self { whole: whole.leak(), le, per_unit })
    }

    pub(super) fn check(&self, builder: Builder<Histogram>) -> Result<(), BuildError> {
        builder.bounds(self.whole).try_build().map(drop)
    }
}

/// Returns the nearest whole number, as [`truncated`] limits it.
#[inline]
fn whole(value: f64) -> u64 {
    truncated(value + 0.5)
}

/// Returns `value` without its fraction. Negative values and `NaN` become 0. Values beyond 2^53,
/// also infinity, become 2^53: otherwise a single one would make a sum wrap.
///
/// Goes by way of `i64`: on `x86_64`, `f64::floor` and a conversion to `u64` are slower.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
#[inline]
fn truncated(value: f64) -> u64 {
    (value as i64).clamp(0, EXACT as i64) as u64
}

impl Distribution {
    pub(super) fn new(builder: Builder<Histogram>, scale: Arc<Scale>) -> Self {
        let builder = builder.bounds(scale.whole);
        let has_sum = builder.build().snapshot().sum().is_some();
        let sum = has_sum.then(|| Sum::new(builder, scale.per_unit));
        Self { buckets: builder.sum(false).build(), sum, scale, series: Mutex::default() }
    }

    // The sum first, so that it has every value that is in the buckets when these are read.
    #[inline]
    fn record(&self, value: f64, times: u64) {
        if let Some(sum) = &self.sum {
            sum.add(value, times);
        }
        self.buckets.record_n(whole(value * self.scale.per_unit), times);
    }

    /// Returns what was recorded since the last time: the count, the sum, and how many values are at
    /// most as large as each bound, from `+Inf` down.
    fn take(&self) -> Vec<f64> {
        let buckets = self.buckets.take();
        let sum = self.sum.as_ref().map(Sum::take);
        let count = float(buckets.count());
        let up_to = buckets.cumulative(self.scale.whole).into_iter().rev().map(float);
        iter::once(count).chain(sum).chain([count]).chain(up_to).collect()
    }

    /// Returns the gauges of the histogram called `key`, in the order of [`take`](Self::take).
    fn series(&self, key: &Key) -> Vec<Series> {
        let series = |suffix, le: Option<&SharedString>| {
            let le = le.map(|le| Label::new("le", le.clone()));
            let labels: Vec<_> = key.labels().map(label).chain(le).collect();
            let name: Arc<str> = [key.name(), suffix].concat().into();
            Series { key: Key::from_parts(SharedString::from(name), labels), due: 0.0 }
        };
        let sum = self.sum.as_ref().map(|_| series("_sum", None));
        let buckets = self.scale.le.iter().rev().map(|le| series("_bucket", Some(le)));
        iter::once(series("_count", None)).chain(sum).chain(buckets).collect()
    }
}

/// Returns a label that is cheap to clone. `le` is taken, so it becomes `exported_le`, as Prometheus
/// names a label that would hide its own.
fn label(label: &Label) -> Label {
    let key = if label.key() == "le" { "exported_le" } else { label.key() };
    Label::new(Arc::<str>::from(key), Arc::<str>::from(label.value()))
}

impl Sum {
    /// Returns a sum whose counters are like the histograms of `builder`.
    fn new(builder: Builder<Histogram>, per_unit: f64) -> Self {
        let counter = Counter::builder().backend(builder.get_backend());
        let counter = builder.get_shards().map_or(counter, |shards| counter.shards(shards));
        let parts_per_whole = per_unit.min(PARTS);
        let per_unit = per_unit / parts_per_whole;
        Self { wholes: counter.build(), parts: counter.build(), per_unit, parts_per_whole }
    }

    #[inline]
    fn add(&self, value: f64, times: u64) {
        let value = (value * self.per_unit).clamp(0.0, EXACT);
        let wholes = truncated(value);
        let parts = whole((value - float(wholes)) * self.parts_per_whole);
        for (counter, n) in [(&self.wholes, wholes), (&self.parts, parts)] {
            if n > 0 {
                counter.add(n.wrapping_mul(times));
            }
        }
    }

    /// Returns the sum, and starts again from 0.
    fn take(&self) -> f64 {
        let parts = float(self.parts.take()) / self.parts_per_whole;
        (float(self.wholes.take()) + parts) / self.per_unit
    }
}

impl HistogramFn for Entry<Distribution> {
    #[inline]
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    #[inline]
    fn record_many(&self, value: f64, count: usize) {
        self.value().record(value, count as u64);
    }
}

impl Entry<Distribution> {
    /// Passes on what was recorded since the last time, and returns whether there was anything, or
    /// `None` if that failed.
    ///
    /// The count goes first and the lowest bucket last, so that no bucket is ever above a higher one
    /// or above the count. (An exporter that reads them one by one during this may still show some
    /// from before and some from after.) Buckets grow by 0, too, so that an exporter
    /// that drops idle series keeps all of them or none.
    pub(super) fn pass_on(&self, inner: &impl Recorder, panics: &mut Panics) -> Option<bool> {
        let distribution = self.value();
        // Another flush has the lock if the exporter is stuck in it.
        let mut series = distribution.series.try_lock().ok()?;
        if series.is_empty() {
            *series = distribution.series(self.key());
        }
        for (series, recorded) in series.iter_mut().zip(distribution.take()) {
            series.due += recorded;
        }
        let is_due = self.is_new() || series.iter().any(|series| series.due > 0.0);
        if is_due {
            for Series { key, due } in &mut *series {
                panics.catch(|| inner.register_gauge(key, &self.metadata()).increment(*due))?;
                *due = 0.0;
            }
        }
        Some(is_due)
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics libraries measure in f64")]
fn float(value: u64) -> f64 {
    value as f64
}
