//! Which bucket of a histogram a value goes to, and which values a bucket has.

use crate::{
    build_error::BuildError,
    settings::{BOUNDS, GROUPING_POWERS, MAX_VALUE_POWER},
};
use std::{fmt, ops::RangeInclusive};

/// The buckets of a histogram. The last one is open: it has all values above the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Each power of two has 2^`grouping_power` buckets of equal width, up to 2^`max_value_power`;
    /// the values below 2^`grouping_power` have one each. Known as H2: base 2, as opposed to the
    /// base 10 of `HdrHistogram`; see <https://iop.systems/blog/h2-histogram/>. `last` is the index
    /// of the last bucket.
    LogLinear { grouping_power: u8, max_value_power: u8, last: u32 },
    /// One bucket per inclusive upper bound, and an open one unless the last bound is [`u64::MAX`].
    Explicit(&'static [u64]),
}

impl Shape {
    /// Buckets of 6.25 %, for nanoseconds up to 68.7 seconds.
    #[cfg(test)]
    pub(crate) const DEFAULT: Self =
        match Self::log_linear(Self::DEFAULT_GROUPING_POWER, Self::DEFAULT_MAX_VALUE_POWER) {
            Ok(shape) => shape,
            Err(_) => unreachable!(),
        };
    pub(crate) const DEFAULT_GROUPING_POWER: u8 = 4;
    pub(crate) const DEFAULT_MAX_VALUE_POWER: u8 = 36;

    /// Returns log-linear buckets.
    pub(crate) const fn log_linear(
        grouping_power: u8,
        max_value_power: u8,
    ) -> Result<Self, BuildError> {
        if grouping_power > *GROUPING_POWERS.end() {
            return Err(BuildError::GroupingPowerOutOfRange { grouping_power });
        }
        if max_value_power <= grouping_power || max_value_power > MAX_VALUE_POWER {
            return Err(BuildError::MaxValuePowerOutOfRange { max_value_power, grouping_power });
        }
        let groups = (max_value_power - grouping_power + 1) as u32;
        Ok(Self::LogLinear {
            grouping_power,
            max_value_power,
            last: (groups << grouping_power) - 1,
        })
    }

    /// Returns one bucket per bound.
    pub(crate) const fn explicit(bounds: &'static [u64]) -> Result<Self, BuildError> {
        if bounds.len() < *BOUNDS.start() || bounds.len() > *BOUNDS.end() {
            return Err(BuildError::NumberOfBoundsOutOfRange { bounds: bounds.len() });
        }
        let mut index = 1;
        while index < bounds.len() {
            let (before, bound) = (bounds[index - 1], bounds[index]);
            if bound <= before {
                return Err(BuildError::BoundsNotAscending { index, bound, before });
            }
            index += 1;
        }
        Ok(Self::Explicit(bounds))
    }

    /// Returns the number of buckets, at least one.
    pub(crate) const fn buckets(self) -> usize {
        match self {
            Self::LogLinear { last, .. } => last as usize + 1,
            Self::Explicit(bounds) if bounds[bounds.len() - 1] == u64::MAX => bounds.len(),
            Self::Explicit(bounds) => bounds.len() + 1,
        }
    }

    /// Returns the bucket that `value` goes to, below [`buckets`](Self::buckets).
    ///
    /// Takes a dozen instructions without a branch for log-linear buckets, and a search without one
    /// for explicit bounds.
    #[inline(always)]
    pub(crate) fn index(self, value: u64) -> usize {
        match self {
            Self::LogLinear { grouping_power: g, last, .. } => {
                // The bucket's width is 2^`shift`: how far the value's highest bit is above that of
                // a group's width.
                let shift = u64::from((value | 1 << g).ilog2()) - u64::from(g);
                // Values above the range go to the last bucket.
                #[expect(clippy::cast_possible_truncation, reason = "at most `last`")]
                let index = ((shift << g) + (value >> shift)).min(last.into()) as usize;
                index
            }
            Self::Explicit(bounds) => bounds.partition_point(|&bound| bound < value),
        }
    }

    /// Returns the values of the bucket at `index`.
    pub(crate) fn range(self, index: usize) -> RangeInclusive<u64> {
        debug_assert!(index < self.buckets());
        self.low(index)..=self.high(index)
    }

    /// Returns buckets of a lower grouping power for the same range, each of which consists of
    /// whole ones of these.
    pub(crate) fn coarser(self, grouping_power: u8) -> Option<Self> {
        match self {
            Self::LogLinear { grouping_power: finer, max_value_power, .. }
                if grouping_power <= finer =>
            {
                Self::log_linear(grouping_power, max_value_power).ok()
            }
            _ => None,
        }
    }

    /// Returns at most `at_most` of the highest values of buckets that lie within `values`,
    /// ascending.
    ///
    /// They are as evenly spaced in buckets as possible, which for log-linear ones is even on a
    /// logarithmic scale. The last one is always included.
    pub(crate) fn bounds_within(self, values: RangeInclusive<u64>, at_most: usize) -> Vec<u64> {
        // The open bucket has no upper bound.
        let ends = (0..self.buckets() - 1).map(|bucket| self.high(bucket));
        let ends: Vec<_> = ends.filter(|end| values.contains(end)).collect();
        let count = at_most.min(ends.len());
        // In 64 bits, since there may be millions of buckets.
        let place = |nth: usize| nth as u64 * ends.len() as u64 / count as u64;
        #[expect(clippy::cast_possible_truncation, reason = "at most `ends.len()`")]
        (1..=count).map(|nth| ends[place(nth) as usize - 1]).collect()
    }

    fn low(self, index: usize) -> u64 {
        match self {
            Self::LogLinear { grouping_power: g, .. } => {
                // The buckets of the first two groups are one value wide.
                let shift = (index >> g).saturating_sub(1);
                ((index - (shift << g)) as u64) << shift
            }
            Self::Explicit(_) if index == 0 => 0,
            Self::Explicit(bounds) => bounds[index - 1] + 1,
        }
    }

    fn high(self, index: usize) -> u64 {
        if index + 1 == self.buckets() { u64::MAX } else { self.low(index + 1) - 1 }
    }
}

/// Writes, for example, "grouping power 4 and maximum value power 36".
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogLinear { grouping_power, max_value_power, .. } => write!(
                f,
                "grouping power {grouping_power} and maximum value power {max_value_power}"
            ),
            Self::Explicit(bounds) => write!(f, "the bounds {bounds:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;
    use crate::BuildError;

    const fn log_linear(grouping_power: u8, max_value_power: u8) -> Shape {
        match Shape::log_linear(grouping_power, max_value_power) {
            Ok(shape) => shape,
            Err(wrong) => panic!("{}", wrong.words().as_str()),
        }
    }

    const fn explicit(bounds: &'static [u64]) -> Shape {
        match Shape::explicit(bounds) {
            Ok(shape) => shape,
            Err(wrong) => panic!("{}", wrong.words().as_str()),
        }
    }

    /// At compile time, as in a `static`.
    const SHAPES: [Shape; 11] = [
        Shape::DEFAULT,
        log_linear(0, 1),
        log_linear(0, 64),
        log_linear(2, 3),
        log_linear(3, 10),
        log_linear(7, 64),
        log_linear(16, 17),
        explicit(&[0]),
        explicit(&[u64::MAX]),
        explicit(&[1, 2, 5, 10, 1_000]),
        explicit(&[7, u64::MAX - 1, u64::MAX]),
    ];

    #[test]
    fn the_ranges_of_all_buckets_follow_one_another_and_cover_everything() {
        for shape in SHAPES {
            let mut next = Some(0);
            for index in 0..shape.buckets() {
                let range = shape.range(index);
                assert_eq!(Some(*range.start()), next, "{shape:?}, bucket {index}");
                assert!(range.start() <= range.end(), "{shape:?}, bucket {index}");
                next = range.end().checked_add(1);
            }
            assert_eq!(next, None, "{shape:?}");
        }
    }

    #[test]
    fn a_value_goes_to_the_bucket_whose_range_it_is_in() {
        for shape in SHAPES {
            for index in 0..shape.buckets() {
                let range = shape.range(index);
                let middle = range.start() + (range.end() - range.start()) / 2;
                for value in [*range.start(), middle, *range.end()] {
                    assert_eq!(shape.index(value), index, "{shape:?}, {value}");
                }
            }
        }
    }

    #[test]
    fn log_linear_buckets_are_as_narrow_as_promised() {
        for g in 0..=7 {
            let shape = Shape::log_linear(g, 64).unwrap();
            for range in (0..shape.buckets()).map(|index| shape.range(index)) {
                // One value, or narrower than 2^-g of its least value.
                let more = range.end() - range.start();
                let least = range.start() >> g;
                assert!(more == 0 || more < least, "{shape:?}, {range:?}");
            }
        }
    }

    #[test]
    fn the_number_of_buckets_is_that_of_the_documented_table() {
        let table = [(2, 252, 140), (3, 496, 272), (4, 976, 528), (5, 1_920, 1_024)];
        for (g, all, seconds) in table.into_iter().chain([(6, 3_776, 1_984), (7, 7_424, 3_840)]) {
            assert_eq!(Shape::log_linear(g, 64).unwrap().buckets(), all);
            assert_eq!(Shape::log_linear(g, 36).unwrap().buckets(), seconds);
        }
        assert_eq!(Shape::explicit(&[1, 2, 3]).unwrap().buckets(), 4);
        assert_eq!(Shape::explicit(&[1, 2, u64::MAX]).unwrap().buckets(), 3);
    }

    #[test]
    fn bounds_are_spread_evenly_over_the_buckets_and_end_with_the_last() {
        let shape = log_linear(1, 8);
        assert_eq!(shape.bounds_within(0..=u64::MAX, 0), []);
        assert_eq!(shape.bounds_within(0..=u64::MAX, 1), [191]);
        assert_eq!(shape.bounds_within(3..=100, 50), [3, 5, 7, 11, 15, 23, 31, 47, 63, 95]);
        assert_eq!(shape.bounds_within(3..=100, 5), [5, 11, 23, 47, 95]);
        assert_eq!(shape.bounds_within(3..=100, 3), [7, 23, 95]);
        assert_eq!(shape.bounds_within(4..=4, 3), []);
        assert_eq!(explicit(&[1, 5, 9]).bounds_within(0..=u64::MAX, 50), [1, 5, 9]);
        assert_eq!(explicit(&[u64::MAX]).bounds_within(0..=u64::MAX, 50), []);
    }

    #[test]
    fn bad_shapes_are_refused_by_setting_value_and_range() {
        let refused = |shape: Result<Shape, BuildError>| shape.unwrap_err().to_string();
        assert_eq!(
            refused(Shape::log_linear(17, 64)),
            "grouping_power: 17 is out of range, from 0 to 16"
        );
        for n in [0, 4, 65, 255] {
            assert_eq!(
                refused(Shape::log_linear(4, n)),
                format!("max_value_power: {n} is out of range, from 5 to 64")
            );
        }
        assert_eq!(
            refused(Shape::explicit(&[])),
            "number of bounds: 0 is out of range, from 1 to 1024"
        );
        assert_eq!(
            refused(Shape::explicit(&[0; 1_025])),
            "number of bounds: 1025 is out of range, from 1 to 1024"
        );
        assert_eq!(
            refused(Shape::explicit(&[1, 5, 5])),
            "bounds: 5 at index 2 is not above 5, the bound before it"
        );
        assert_eq!(
            refused(Shape::explicit(&[u64::MAX, 1])),
            "bounds: 1 at index 1 is not above 18446744073709551615, the bound before it"
        );
    }
}
