//! What `histogram!` records: one histogram of ours per key.
//!
//! The inner recorder gets its buckets, its count and its sum as gauges that grow. Gauges are the
//! only kind of metric that every exporter shows under the given name, as whole numbers and as
//! fractions.

use super::{calls, keyed::Entry};
use crate::{BuildError, Builder, Histogram, HistogramSnapshot};
use metrics::{HistogramFn, Key, Label, Recorder};
use std::sync::Arc;

/// The bounds that Prometheus' client libraries have in common, for seconds.
pub(super) const DEFAULT_BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How many decimal digits of the smallest bound are significant.
const DIGITS: i32 = 6;
/// 2^53, above which an `f64` does not represent every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Bounds in the unit of the values, and as the whole numbers that the histogram has.
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
        let mut scale = Self { bounds: bounds.to_vec(), whole: &[], per_unit };
        let whole: Vec<_> = bounds.iter().map(|&bound| scale.whole(bound)).collect();
        scale.whole = whole.leak();
        Some(scale)
    }

    /// Returns the histogram's number for `value`. Negative values and `NaN` become 0. Values
    /// beyond 2^53, also infinity, become 2^53: otherwise a single one would make sums wrap.
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
    /// Passes on what was recorded since the last time, and returns whether there was anything.
    pub(super) fn pass_on(&self, inner: &impl Recorder) -> bool {
        let recorded = self.value().histogram.take();
        // A value may be passed on one flush before its count.
        let is_new = recorded.count() > 0 || recorded.sum() != Some(0);
        if is_new {
            calls::out(|| self.pass_on_new(&recorded, inner));
        }
        is_new
    }

    fn pass_on_new(&self, recorded: &HistogramSnapshot, inner: &impl Recorder) {
        let Scale { bounds, whole, per_unit } = &*self.value().scale;
        let grow = |suffix, le: Option<&str>, by| {
            inner.register_gauge(&self.key_of(suffix, le), &self.metadata()).increment(by);
        };
        // Buckets grow by 0, too, so that an exporter that drops idle series keeps all of them or
        // none.
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
