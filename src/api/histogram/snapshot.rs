//! What was read from a histogram: plain data, and what can be computed from it.

use crate::shape::Shape;
use std::{error::Error, fmt, ops::RangeInclusive};

/// What a histogram held when it was read: the number of values in each bucket, and their sum.
///
/// A snapshot is plain data, 8 bytes per bucket, and shares nothing with the histogram. The count
/// is the sum of the buckets, so the two cannot disagree. Counts and sums are modulo 2^64.
///
/// ```
/// use striped_counter::Histogram;
///
/// let latency = Histogram::new();
/// (1..=1_000).for_each(|us| latency.record(us * 1_000));
/// let snapshot = latency.snapshot();
/// assert_eq!((snapshot.count(), snapshot.mean()), (1_000, Some(500_500.0)));
/// assert!(snapshot.quantile_bounds(0.99).unwrap().contains(&990_000));
/// assert!((499_000.0..=501_000.0).contains(&snapshot.quantile(0.5).unwrap()));
/// ```
///
/// # Errors of quantiles
///
/// A histogram keeps only the bucket of each value. [`quantile_bounds`](Self::quantile_bounds)
/// returns the bucket that has the quantile: the exact quantile always lies in it. With log-linear
/// buckets of grouping power `g` it is one value wide below `2^g`, and narrower than `2^-g` of the
/// quantile from there to the end of the range. [`quantile`](Self::quantile) is an estimate within
/// the bucket, which for smooth distributions is much closer.
///
/// Quantiles of several snapshots cannot be averaged: [`merge`](Self::merge) the snapshots first,
/// and compute the quantile of that. [Histograms](crate::guide::histograms) has measured errors.
#[derive(Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    shape: Shape,
    /// One count per bucket.
    counts: Box<[u64]>,
    sum: Option<u64>,
}

impl HistogramSnapshot {
    /// Expects one count for each bucket of `shape`.
    pub(crate) fn new(shape: Shape, counts: impl Into<Box<[u64]>>, sum: Option<u64>) -> Self {
        let counts = counts.into();
        debug_assert_eq!(counts.len(), shape.buckets());
        Self { shape, counts, sum }
    }

    /// Returns the number of recorded values: the sum of all buckets.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &count| sum.wrapping_add(count))
    }

    /// Returns the exact sum of all values, or `None` if the histogram keeps none.
    #[must_use]
    pub fn sum(&self) -> Option<u64> {
        self.sum
    }

    /// Returns the sum divided by the count, or `None` if nothing was recorded or there is no sum.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        let sum = self.sum.filter(|_| count > 0)?;
        Some(float(sum) / float(count))
    }

    /// Returns an estimate of the quantile `q`, the value that a fraction `q` of all values do not
    /// exceed, or `None` if nothing was recorded.
    ///
    /// 0.5 is the median, and 0.99 the 99th percentile. The estimate lies within
    /// [`quantile_bounds`](Self::quantile_bounds): it is where the value would be if the density of
    /// values were linear within the bucket, with the slope between its two neighbours. In the last
    /// bucket, which is open, it is the lowest value, as with Prometheus' `histogram_quantile`.
    ///
    /// Walks the buckets up to the one with the quantile.
    ///
    /// # Panics
    ///
    /// Panics if `q` is not from 0 to 1.
    #[must_use]
    #[track_caller]
    #[doc(alias = "percentile")]
    #[doc(alias = "value_at_quantile")]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let Place { bucket, nth } = self.place(q)?;
        let range = self.shape.range(bucket);
        let (low, high) = (float(*range.start()), float(*range.end()));
        if self.is_open(bucket) {
            return Some(low);
        }
        // The bucket's area has as many equal parts as values: the middle of the nth.
        let part = (float(nth) - 0.5) / float(self.counts[bucket]);
        let value = low + self.inverse(bucket, part) * self.width(bucket) - 0.5;
        // Values are whole numbers, so the range extends half a value to either side.
        Some(value.clamp(low, high))
    }

    /// Returns the lowest and the highest value of the bucket that has the quantile `q`, or `None`
    /// if nothing was recorded.
    ///
    /// With n values in ascending order, the quantile is the one at position ⌈q·n⌉, or the first
    /// one for 0. It always lies within these bounds. (With 2^52 values or more, the position is as
    /// exact as an `f64`.) The last bucket is open, so its bounds end at [`u64::MAX`].
    ///
    /// Walks the buckets up to the one with the quantile.
    ///
    /// # Panics
    ///
    /// Panics if `q` is not from 0 to 1.
    #[doc(alias = "percentile")]
    #[must_use]
    #[track_caller]
    pub fn quantile_bounds(&self, q: f64) -> Option<RangeInclusive<u64>> {
        self.place(q).map(|place| self.shape.range(place.bucket))
    }

    /// Returns a lower bound of all values, or `None` if nothing was recorded.
    ///
    /// It is the lowest value of the first bucket that has any.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        let first = self.counts.iter().position(|&count| count > 0)?;
        Some(*self.shape.range(first).start())
    }

    /// Returns an upper bound of all values, or `None` if nothing was recorded.
    ///
    /// It is the highest value of the last bucket that has any, and [`u64::MAX`] for the open one.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        let last = self.counts.iter().rposition(|&count| count > 0)?;
        Some(*self.shape.range(last).end())
    }

    /// Returns an iterator over all buckets in ascending order, each as its range of values and
    /// their count.
    ///
    /// Empty buckets are included. The ranges follow one another, from 0 to [`u64::MAX`].
    pub fn buckets(&self) -> impl Iterator<Item = (RangeInclusive<u64>, u64)> {
        let ranges = (0..self.counts.len()).map(|bucket| self.shape.range(bucket));
        ranges.zip(self.counts.iter().copied())
    }

    /// Returns for each of `bounds` how many values are at most that high, as Prometheus' `le`
    /// means it.
    ///
    /// Counts all buckets that end at or below the bound. That is exact for bounds at which buckets
    /// end, such as [`bounds_within`](Self::bounds_within) returns. A bucket that a bound splits is
    /// not counted, since its values are not certain to be below the bound. So only the bound
    /// [`u64::MAX`] counts the values in the last bucket, which is open.
    ///
    /// ```
    /// let sizes = striped_counter::Histogram::builder().bounds(&[10, 100]).build();
    /// [5, 50, 500].into_iter().for_each(|size| sizes.record(size));
    /// assert_eq!(sizes.snapshot().cumulative(&[10, 70, 100, u64::MAX]), [1, 1, 2, 3]);
    /// ```
    #[must_use]
    pub fn cumulative(&self, bounds: &[u64]) -> Vec<u64> {
        let mut sum = 0_u64;
        let up_to = |&count: &u64| {
            sum = sum.wrapping_add(count);
            sum
        };
        let up_to: Vec<_> = self.counts.iter().map(up_to).collect();
        let below = |&bound: &u64| {
            let bucket = self.shape.index(bound);
            let whole = *self.shape.range(bucket).end() == bound;
            if whole { up_to[bucket] } else { bucket.checked_sub(1).map_or(0, |last| up_to[last]) }
        };
        bounds.iter().map(below).collect()
    }

    /// Returns at most `at_most` bounds within `values` at which buckets end, so that
    /// [`cumulative`](Self::cumulative) counts are exact.
    ///
    /// This is for exporters, where each bound is a time series: some 50 are enough. The bounds are
    /// spread evenly over the buckets, which for log-linear ones is even on a logarithmic scale,
    /// and include the last one within `values`. They depend on the buckets alone, not on what was
    /// recorded, so they stay the same from scrape to scrape.
    ///
    /// ```
    /// let latency = striped_counter::Histogram::new().snapshot();
    /// // From 100 microseconds to 10 seconds.
    /// let bounds = latency.bounds_within(100_000..=10_000_000_000, 50);
    /// assert_eq!(bounds.len(), 50);
    /// ```
    #[must_use]
    pub fn bounds_within(&self, values: RangeInclusive<u64>, at_most: usize) -> Vec<u64> {
        self.shape.bounds_within(values, at_most)
    }

    /// Returns the values of both snapshots, as if one histogram had recorded them all.
    ///
    /// There is a sum if both have one.
    ///
    /// ```
    /// let shops = [1, 2].map(|_| striped_counter::Histogram::new());
    /// shops[0].record(10);
    /// shops[1].record(90);
    /// let all = shops[0].snapshot().merge(&shops[1].snapshot())?;
    /// assert_eq!((all.count(), all.sum()), (2, Some(100)));
    /// # Ok::<(), striped_counter::ShapeMismatch>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the buckets differ. [`downsample`](Self::downsample) may make them
    /// equal.
    #[doc(alias = "checked_add")]
    pub fn merge(&self, other: &Self) -> Result<Self, ShapeMismatch> {
        self.combine(other, u64::wrapping_add)
    }

    /// Returns the values that were recorded since `earlier`, a snapshot of the same histogram.
    ///
    /// There is a sum if both have one. Counts and sums are subtracted modulo 2^64, so they wrap
    /// around if `earlier` is in fact the later one.
    ///
    /// ```
    /// let latency = striped_counter::Histogram::new();
    /// latency.record(250);
    /// let earlier = latency.total();
    /// latency.record(750);
    /// assert_eq!(latency.total().since(&earlier)?.sum(), Some(750));
    /// # Ok::<(), striped_counter::ShapeMismatch>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the buckets differ.
    #[doc(alias = "checked_sub")]
    pub fn since(&self, earlier: &Self) -> Result<Self, ShapeMismatch> {
        self.combine(earlier, u64::wrapping_sub)
    }

    fn combine(&self, other: &Self, with: fn(u64, u64) -> u64) -> Result<Self, ShapeMismatch> {
        if self.shape != other.shape {
            return Err(ShapeMismatch { is: self.shape, wanted: Wanted::As(other.shape) });
        }
        let counts = self.counts.iter().zip(&other.counts).map(|(&a, &b)| with(a, b));
        let sum = self.sum.zip(other.sum).map(|(a, b)| with(a, b));
        Ok(Self { shape: self.shape, counts: counts.collect(), sum })
    }

    /// Returns the same values in coarser log-linear buckets, exactly as if they had been recorded
    /// with that grouping power.
    ///
    /// ```
    /// let latency = striped_counter::Histogram::new();
    /// latency.record(1_000);
    /// let coarse = latency.snapshot().downsample(0)?;
    /// assert_eq!(coarse.quantile_bounds(0.5), Some(512..=1_023));
    /// # Ok::<(), striped_counter::ShapeMismatch>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if `grouping_power` is above the snapshot's, or if the buckets have
    /// explicit bounds.
    pub fn downsample(&self, grouping_power: u8) -> Result<Self, ShapeMismatch> {
        let Some(shape) = self.shape.coarser(grouping_power) else {
            let wanted = Wanted::Coarser { grouping_power };
            return Err(ShapeMismatch { is: self.shape, wanted });
        };
        let mut counts = vec![0_u64; shape.buckets()];
        for (range, count) in self.buckets() {
            let sum = &mut counts[shape.index(*range.start())];
            *sum = sum.wrapping_add(count);
        }
        Ok(Self::new(shape, counts, self.sum))
    }
}

impl HistogramSnapshot {
    /// Returns where the quantile `q` is.
    #[track_caller]
    fn place(&self, q: f64) -> Option<Place> {
        assert!((0.0..=1.0).contains(&q), "quantile: {q} is out of range, from 0 to 1");
        let rank = rank(q, self.count())?;
        let mut before = 0;
        for (bucket, &count) in self.counts.iter().enumerate() {
            if count >= rank - before {
                return Some(Place { bucket, nth: rank - before });
            }
            before += count;
        }
        // Unreachable before 2^64 values: only counts that wrap around do not add up.
        None
    }

    fn is_open(&self, bucket: usize) -> bool {
        bucket + 1 == self.counts.len()
    }

    /// Returns how many different values the bucket has. The width of the open one means nothing.
    fn width(&self, bucket: usize) -> f64 {
        let range = self.shape.range(bucket);
        float(range.end() - range.start()) + 1.0
    }

    /// Returns how far into the bucket, from 0 to 1, the lowest `part` of its values reaches.
    ///
    /// The density is taken to be 1 + a (u - 1/2) at the fraction u of the width, so `part` = u + a
    /// (u² - u) / 2, solved for u without a division by a.
    fn inverse(&self, bucket: usize, part: f64) -> f64 {
        let a = self.slope(bucket);
        let b = 1.0 - a / 2.0;
        // Below 0 only by rounding, where the density at the upper end is 0.
        let root = (b * b + 2.0 * a * part).max(0.0).sqrt();
        2.0 * part / (b + root)
    }

    /// Returns how much the density rises from a bucket's lower end to its upper end, relative to
    /// its mean: the slope between the neighbours. It is limited to 2 either way, or the density
    /// would be negative at one end.
    fn slope(&self, bucket: usize) -> f64 {
        if bucket == 0 || self.is_open(bucket + 1) {
            return 0.0;
        }
        let density = |bucket: usize| float(self.counts[bucket]) / self.width(bucket);
        let rise = density(bucket + 1) - density(bucket - 1);
        let width = self.width(bucket);
        let run = width + f64::midpoint(self.width(bucket - 1), self.width(bucket + 1));
        (rise / run * width / density(bucket)).clamp(-2.0, 2.0)
    }
}

/// A value's place among all values in ascending order.
struct Place {
    bucket: usize,
    /// Its position among those of the bucket, from 1.
    nth: u64,
}

/// Returns the position, from 1, of the quantile `q` of `count` values.
fn rank(q: f64, count: u64) -> Option<u64> {
    // Few decimal fractions are binary ones: 0.07 is stored as a little more, and 7 % of 100 values
    // would be the eighth. So the last bit is ignored.
    let rank = (q * (1.0 - f64::EPSILON) * float(count)).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let rank = rank as u64;
    // With 2^52 values or more, the last bit is one value or more, but the quantile 1 is still the
    // last value.
    let rank = if q < 1.0 { rank } else { count };
    (count > 0).then(|| rank.clamp(1, count))
}

#[expect(clippy::cast_precision_loss, reason = "estimates need no more than 53 bits")]
fn float(n: u64) -> f64 {
    n as f64
}

/// Shows only the buckets that have values.
impl fmt::Debug for HistogramSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buckets: Vec<_> = self.buckets().filter(|(_, count)| *count > 0).collect();
        f.debug_struct("HistogramSnapshot")
            .field("count", &self.count())
            .field("sum", &self.sum)
            .field("buckets", &buckets)
            .finish_non_exhaustive()
    }
}

/// The error of combining snapshots whose buckets differ, or of a
/// [`downsample`](HistogramSnapshot::downsample) that is impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeMismatch {
    is: Shape,
    wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    As(Shape),
    Coarser { grouping_power: u8 },
}

impl fmt::Display for ShapeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is, wanted } = self;
        match wanted {
            Wanted::As(other) => write!(f, "the buckets differ: {is}, against {other}"),
            Wanted::Coarser { grouping_power } => {
                write!(f, "{is} cannot be downsampled to grouping power {grouping_power}")
            }
        }
    }
}

impl Error for ShapeMismatch {}

#[cfg(test)]
mod tests;
