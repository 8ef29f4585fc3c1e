//! The settings that only histograms have.

use super::Builder;
use crate::{build_error::BuildError, settings::MAX_LEN, shape::Shape};

/// The settings of buckets, as they were given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets {
    grouping_power: Option<u8>,
    max_value_power: Option<u8>,
    bounds: Option<&'static [u64]>,
    sum: bool,
}

impl Buckets {
    pub(super) const DEFAULT: Self =
        Self { grouping_power: None, max_value_power: None, bounds: None, sum: true };

    const fn shape(&self) -> Result<Shape, BuildError> {
        match (self.bounds, self.grouping_power, self.max_value_power) {
            (Some(bounds), None, None) => Shape::explicit(bounds),
            (Some(bounds), ..) => Err(BuildError::BoundsWithPowers { bounds: bounds.len() }),
            (None, grouping_power, max_value_power) => Shape::log_linear(
                or(grouping_power, Shape::DEFAULT_GROUPING_POWER),
                or(max_value_power, Shape::DEFAULT_MAX_VALUE_POWER),
            ),
        }
    }
}

const fn or(set: Option<u8>, default: u8) -> u8 {
    match set {
        Some(power) => power,
        None => default,
    }
}

/// The types that have buckets: [`Histogram`](crate::Histogram) and
/// [`HistogramSet`](crate::HistogramSet).
pub trait OfHistograms {}

impl<T: OfHistograms> Builder<T> {
    /// Sets how fine log-linear buckets are, from 0 to 16.
    ///
    /// Each power of two has `2^grouping_power` buckets, so a bucket's width is at most
    /// `2^-grouping_power` of its values. Each value below `2^grouping_power` has a bucket of its
    /// own.
    ///
    /// There are `(max_value_power - grouping_power + 1) * 2^grouping_power` buckets: raising the
    /// power by one about doubles the memory.
    ///
    /// ```
    /// use striped_counter::Histogram;
    ///
    /// static SIZES: Histogram = Histogram::builder().grouping_power(2).max_value_power(20).build();
    /// SIZES.record(1_000);
    /// assert_eq!(SIZES.snapshot().buckets().count(), 76);
    /// assert_eq!(SIZES.snapshot().quantile_bounds(0.5), Some(896..=1_023));
    /// ```
    pub const fn grouping_power(mut self, grouping_power: u8) -> Self {
        self.buckets.grouping_power = Some(grouping_power);
        self
    }

    /// Sets where the range of log-linear buckets ends: at `2^max_value_power`.
    ///
    /// The power is from one above `grouping_power` to 64. Values beyond the range go to the last
    /// bucket, which has no upper end.
    pub const fn max_value_power(mut self, max_value_power: u8) -> Self {
        self.buckets.max_value_power = Some(max_value_power);
        self
    }

    /// Sets the inclusive upper bounds of the buckets, 1 to 1,024 in ascending order, instead of
    /// log-linear ones.
    ///
    /// Values above the last bound go to one more bucket, which has no upper end. Bounds from a
    /// configuration can be [leaked](Vec::leak), once.
    ///
    /// A record searches among the bounds; log-linear buckets need no search and are faster. But a
    /// histogram of few bounds is small: up to 14, with the last bucket and the sum, take 128 bytes
    /// per shard.
    ///
    /// ```
    /// use striped_counter::Histogram;
    ///
    /// static BATCHES: Histogram = Histogram::builder().bounds(&[1, 10, 100]).build();
    /// [1, 2, 10, 5_000].into_iter().for_each(|size| BATCHES.record(size));
    /// let counts: Vec<_> = BATCHES.snapshot().buckets().map(|(_, count)| count).collect();
    /// assert_eq!(counts, [1, 2, 0, 1]);
    /// ```
    ///
    /// ```compile_fail,E0080
    /// use striped_counter::Histogram;
    /// static WRONG: Histogram = Histogram::builder().bounds(&[10, 1]).build();
    /// # fn main() { WRONG.record(1); }
    /// ```
    pub const fn bounds(mut self, bounds: &'static [u64]) -> Self {
        self.buckets.bounds = Some(bounds);
        self
    }

    /// Sets whether the exact sum of all values is kept (`true`, the default), by a second add in
    /// each record.
    ///
    /// ```
    /// use striped_counter::Histogram;
    ///
    /// static DEPTHS: Histogram = Histogram::builder().sum(false).build();
    /// DEPTHS.record(7);
    /// assert_eq!((DEPTHS.snapshot().count(), DEPTHS.snapshot().sum()), (1, None));
    /// ```
    pub const fn sum(mut self, sum: bool) -> Self {
        self.buckets.sum = sum;
        self
    }

    /// Returns the buckets, whether there is a sum, and the number of columns per histogram.
    const fn check_buckets(&self) -> Result<(Shape, bool, usize), BuildError> {
        let shape = match self.buckets.shape() {
            Ok(shape) => shape,
            Err(wrong) => return Err(wrong),
        };
        let columns = shape.buckets() + self.buckets.sum as usize;
        if self.len > MAX_LEN / columns {
            return Err(BuildError::HistogramsOutOfRange { len: self.len, columns });
        }
        Ok((shape, self.buckets.sum, columns))
    }

    /// Checks everything, with a look at the machine: the buckets first, on which the possible
    /// number of histograms depends.
    pub(crate) fn check_histograms_here(&self) -> Result<(), BuildError> {
        self.check_buckets()?;
        self.check_here()
    }

    /// Performs [`check_buckets`](Self::check_buckets), and panics if it refuses: at compile time
    /// in a `static`.
    pub(crate) const fn checked_buckets(&self) -> (Shape, bool, usize) {
        match self.check_buckets() {
            Ok(checked) => checked,
            Err(wrong) => panic!("{}", wrong.words().as_str()),
        }
    }
}
