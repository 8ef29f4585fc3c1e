//! Which buckets of a histogram an exporter shows.

use crate::HistogramSnapshot;

use std::ops::RangeInclusive;

/// Which buckets of a histogram an exporter shows, and in which unit.
///
/// The bounds are bounds of the histogram's own buckets, so counts are exact. There are at most 50,
/// since each is a time series, unless [`at_most`](Self::at_most) sets another limit. They are
/// spread evenly over the buckets [`within`](Self::within) a range of values; values beyond that
/// are counted in the first bucket and in the last one, `+Inf`.
///
/// ```
/// use striped_counter::integrations::Buckets;
///
/// // Latencies, recorded in nanoseconds: from 100 microseconds to 10 seconds.
/// const LATENCY: Buckets = Buckets::seconds().within(100_000..=10_000_000_000).at_most(30);
/// // Sizes in bytes, as they were recorded.
/// const SIZE: Buckets = Buckets::new().within(64..=1 << 30);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Buckets {
    per_unit: f64,
    low: u64,
    high: u64,
    at_most: usize,
}

impl Buckets {
    /// Shows values in the unit in which they were recorded, over the whole range of the histogram.
    pub const fn new() -> Self {
        Self { per_unit: 1.0, low: 0, high: u64::MAX, at_most: 50 }
    }

    /// Shows seconds of values that were recorded in nanoseconds, for metrics whose names end in
    /// `_seconds`.
    pub const fn seconds() -> Self {
        Self::new().per_unit(1e9)
    }

    /// Sets how many recorded units make one of the unit shown: 1,000 to show microseconds as
    /// milliseconds.
    ///
    /// # Panics
    ///
    /// Panics if `per_unit` is not from 1e-20 to 1e20. In a `const` this is an error at compile
    /// time.
    #[track_caller]
    pub const fn per_unit(mut self, per_unit: f64) -> Self {
        // Without the value, which a `const fn` cannot format.
        assert!(
            1e-20 <= per_unit && per_unit <= 1e20,
            "per_unit: the value is out of range, from 1e-20 to 1e20"
        );
        self.per_unit = per_unit;
        self
    }

    /// Sets the range of values that the bounds lie within, in the unit in which values are
    /// recorded.
    pub const fn within(mut self, values: RangeInclusive<u64>) -> Self {
        (self.low, self.high) = (*values.start(), *values.end());
        self
    }

    /// Sets the largest number of bounds, besides `+Inf`.
    pub const fn at_most(mut self, bounds: usize) -> Self {
        self.at_most = bounds;
        self
    }

    /// Returns the bounds for the histograms of `set`.
    #[cfg(any(feature = "prometheus", feature = "prometheus-client"))]
    pub(super) fn of_set(self, set: &crate::HistogramSet) -> Scale {
        match set.get(0) {
            Some(first) => self.of(&first.total()),
            None => Scale { bounds: Vec::new(), per_unit: self.per_unit },
        }
    }

    /// Returns the bounds for the histogram that `any` is a snapshot of.
    pub(super) fn of(self, any: &HistogramSnapshot) -> Scale {
        let Self { per_unit, low, high, at_most } = self;
        let mut bounds = any.bounds_within(low..=high, at_most);
        // Two bounds that are equal as shown would be the same series twice.
        bounds.dedup_by_key(|bound| (float(*bound) / per_unit).to_bits());
        Scale { bounds, per_unit }
    }
}

impl Default for Buckets {
    fn default() -> Self {
        Self::new()
    }
}

/// The [`Buckets`] of a particular histogram.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    bounds: Vec<u64>,
    per_unit: f64,
}

impl Scale {
    /// Returns the upper bounds in the unit shown.
    pub(super) fn bounds(&self) -> impl Iterator<Item = f64> {
        self.bounds.iter().map(|&bound| self.scaled(float(bound)))
    }

    /// Returns the upper bounds in the unit shown, each with how many values are at most that high.
    pub(super) fn cumulative(&self, snapshot: &HistogramSnapshot) -> Vec<(f64, u64)> {
        self.bounds().zip(snapshot.cumulative(&self.bounds)).collect()
    }

    /// Returns the sum of the values in the unit shown, or `NaN` if the histogram keeps none.
    pub(super) fn sum(&self, snapshot: &HistogramSnapshot) -> f64 {
        snapshot.sum().map_or(f64::NAN, |sum| self.scaled(float(sum)))
    }

    /// Divides rather than multiplies, which gives the intended decimal: 5,000,000 ns are 0.005 s.
    pub(super) fn scaled(&self, value: f64) -> f64 {
        value / self.per_unit
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics libraries measure in f64")]
fn float(value: u64) -> f64 {
    value as f64
}
