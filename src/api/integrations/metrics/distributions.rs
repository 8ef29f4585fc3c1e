//! What `histogram!` records.
//!
//! A histogram of ours per key. The inner recorder gets its buckets, its count and its sum as gauges that
//! grow: they are the one kind of metric that every exporter shows by the name it is given, and in whole
//! and in broken numbers.

use super::{calls, keyed::Entry};
use crate::{BuildError, Builder, Histogram, HistogramSnapshot};
use metrics::{HistogramFn, Key, Label, Recorder};
use std::sync::Arc;

/// The bounds that Prometheus' client libraries have in common, for seconds.
pub(super) const DEFAULT_BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How many decimal digits of the smallest bound are told apart.
const DIGITS: i32 = 6;
/// 2^53: from here on an `f64` does not have every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Bounds in the unit of the values, and in that of the histogram, which has whole numbers only.
#[derive(Debug)]
pub(super) struct Scale {
    bounds: Vec<f64>,
    whole: &'static [u64],
    per_unit: f64,
}

/// A histogram, and what its numbers mean.
pub(super) struct Distribution {
    histogram: Histogram,
    scale: Arc<Scale>,
}

impl Scale {
    /// `None` if `bounds` do not ascend from above 0, or lie too far apart to be told apart.
    ///
    /// The whole numbers are never freed: a recorder lives as long as its program.
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
        let mut scale = Self { bounds: bounds.to_vec(), whole: &[], per_unit };
        let whole: Vec<_> = bounds.iter().map(|&bound| scale.whole(bound)).collect();
        scale.whole = whole.leak();
        Some(scale)
    }

    /// What the histogram has for `value`: below 0 and not a number come to 0, and what is beyond all that
    /// an `f64` counts exactly, infinity too, to the end of that, or a single value would make sums wrap.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    #[inline]
    fn whole(&self, value: f64) -> u64 {
        ((value * self.per_unit).round() as u64).min(EXACT as u64)
    }

    pub(super) fn check(&self, builder: Builder<Histogram>) -> Result<(), BuildError> {
        builder.bounds(self.whole).try_build().map(drop)
    }
}

impl Distribution {
    pub(super) fn new(builder: Builder<Histogram>, scale: Arc<Scale>) -> Self {
        Self { histogram: builder.bounds(scale.whole).build(), scale }
    }
}

impl HistogramFn for Entry<Distribution> {
    #[inline]
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    #[inline]
    fn record_many(&self, value: f64, count: usize) {
        let Distribution { histogram, scale } = self.value();
        histogram.record_n(scale.whole(value), count as u64);
    }
}

impl Entry<Distribution> {
    /// Hands on what was recorded since the last time, and returns whether there was anything.
    pub(super) fn hand_on(&self, inner: &impl Recorder) -> bool {
        let recorded = self.value().histogram.take();
        // A value may come one flush before its count.
        let is_new = recorded.count() > 0 || recorded.sum() != Some(0);
        if is_new {
            calls::out(|| self.hand_on_new(&recorded, inner));
        }
        is_new
    }

    fn hand_on_new(&self, recorded: &HistogramSnapshot, inner: &impl Recorder) {
        let Scale { bounds, whole, per_unit } = &*self.value().scale;
        let grow = |suffix, le: Option<&str>, by| {
            inner.register_gauge(&self.key_of(suffix, le), &self.metadata()).increment(by);
        };
        // Also by 0: to an exporter that drops what is idle, the buckets are busy all together.
        for (bound, count) in bounds.iter().zip(recorded.cumulative(whole)) {
            grow("_bucket", Some(&bound.to_string()), float(count));
        }
        grow("_bucket", Some("+Inf"), float(recorded.count()));
        grow("_sum", None, float(recorded.sum().unwrap_or_default()) / per_unit);
        grow("_count", None, float(recorded.count()));
    }

    fn key_of(&self, suffix: &str, le: Option<&str>) -> Key {
        let le = le.map(|le| Label::new("le", le.to_owned()));
        let labels: Vec<_> = self.key().labels().cloned().chain(le).collect();
        Key::from_parts([self.key().name(), suffix].concat(), labels)
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics libraries measure in f64")]
fn float(value: u64) -> f64 {
    value as f64
}
