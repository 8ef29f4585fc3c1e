//! Snapshots compared with the values that they were made from.

use super::{HistogramSnapshot, Shape};
use proptest::{collection::vec, prelude::*};

fn log_linear(grouping_power: u8, max_value_power: u8) -> Shape {
    Shape::log_linear(grouping_power, max_value_power).unwrap()
}

fn explicit(bounds: &'static [u64]) -> Shape {
    Shape::explicit(bounds).unwrap()
}

/// Returns what a histogram of that shape holds after these values.
fn of(shape: Shape, values: &[u64]) -> HistogramSnapshot {
    let mut counts = vec![0; shape.buckets()];
    for &value in values {
        counts[shape.index(value)] += 1;
    }
    let sum = values.iter().fold(0, |sum: u64, &value| sum.wrapping_add(value));
    HistogramSnapshot::new(shape, counts, Some(sum))
}

#[test]
fn nothing_recorded_has_no_quantiles() {
    let empty = of(Shape::DEFAULT, &[]);
    assert_eq!((empty.count(), empty.sum()), (0, Some(0)));
    assert_eq!((empty.mean(), empty.min(), empty.max()), (None, None, None));
    assert_eq!((empty.quantile(0.5), empty.quantile_bounds(0.5)), (None, None));
    assert_eq!(empty.cumulative(&[0, u64::MAX]), [0, 0]);
}

#[test]
fn without_a_sum_there_is_no_mean() {
    let snapshot = HistogramSnapshot::new(explicit(&[10]), [1, 2], None);
    assert_eq!((snapshot.count(), snapshot.sum(), snapshot.mean()), (3, None, None));
    let summed = of(explicit(&[10]), &[4]);
    assert_eq!(snapshot.merge(&summed).unwrap().sum(), None);
    assert_eq!(summed.mean(), Some(4.0));
}

#[test]
fn buckets_of_one_value_have_exact_quantiles() {
    let values: Vec<_> = (0..100).collect();
    let snapshot = of(log_linear(7, 64), &values);
    for percent in 1..=100 {
        let q = f64::from(percent) / 100.0;
        assert_eq!(snapshot.quantile(q), Some(f64::from(percent - 1)), "{percent} %");
    }
    assert_eq!(snapshot.quantile(0.0), Some(0.0));
}

#[test]
fn the_open_bucket_tells_no_more_than_where_it_begins() {
    let snapshot = of(explicit(&[10, 100]), &[5, 1_000, u64::MAX]);
    assert_eq!(snapshot.quantile(1.0), Some(101.0));
    assert_eq!(snapshot.quantile_bounds(1.0), Some(101..=u64::MAX));
    assert_eq!((snapshot.min(), snapshot.max()), (Some(0), Some(u64::MAX)));
}

#[test]
fn the_highest_quantile_is_the_last_value_of_however_many() {
    for count in [1, (1 << 52) - 1, 1 << 52, 1 << 53, u64::MAX - 1] {
        let snapshot = HistogramSnapshot::new(explicit(&[9, 19]), [count, 1, 0], None);
        assert_eq!(snapshot.quantile_bounds(1.0), Some(10..=19), "{count}");
        assert_eq!(snapshot.quantile_bounds(0.0), Some(0..=9), "{count}");
    }
}

/// The density falls to nothing at the upper end, where the last value is.
#[test]
fn a_quantile_at_the_end_of_a_slope_is_a_number() {
    let count = 1_u64 << 60;
    for less in 0..300 {
        let before = (count << 2) - (less << 27);
        let counts = [before.min(u64::MAX - count), count, 0, 0];
        let snapshot = HistogramSnapshot::new(explicit(&[9, 19, 29]), counts, None);
        let last = snapshot.quantile(1.0).unwrap();
        assert!((10.0..=19.0).contains(&last), "{last} for {less}");
    }
}

/// The density falls to nothing at one end of the bucket, but not below.
#[test]
fn an_estimate_leans_to_the_neighbour_that_has_more() {
    let estimate = |counts: [u64; 5], q| {
        HistogramSnapshot::new(explicit(&[10, 20, 30, 40]), counts, None).quantile(q).unwrap()
    };
    let root = 0.5_f64.sqrt();
    let close = |estimate: f64, expected: f64| (estimate - expected).abs() < 1e-9;
    assert!(close(estimate([0, 1, 1_000, 0, 0], 0.0), 10.5 + 10.0 * root));
    assert!(close(estimate([0, 1_000, 1, 0, 0], 1.0), 30.5 - 10.0 * root));
    assert!(close(estimate([1, 1, 1, 1, 1], 0.5), 25.5));
}

/// An exponential distribution with a mean of a million, in buckets of 25 %.
#[test]
fn quantiles_of_smooth_distributions_are_far_closer_than_promised() {
    let quantile = |q: f64| -1e6 * (1.0 - q).ln();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^24")]
    let values: Vec<_> =
        (0..100_000).map(|nth| quantile((f64::from(nth) + 0.5) / 100_000.0) as u64).collect();
    let snapshot = of(log_linear(2, 36), &values);
    for q in [0.1, 0.5, 0.9, 0.95, 0.99] {
        let (estimate, exact) = (snapshot.quantile(q).unwrap(), quantile(q));
        assert!((estimate / exact - 1.0).abs() < 0.005, "{q}: {estimate} for {exact}");
    }
}

#[test]
fn a_bucket_that_a_bound_splits_does_not_count() {
    let snapshot = of(explicit(&[10, 100]), &[5, 50, 500]);
    let bounds = [0, 9, 10, 99, 100, 101, u64::MAX - 1, u64::MAX];
    assert_eq!(snapshot.cumulative(&bounds), [0, 0, 1, 1, 2, 2, 2, 3]);
}

#[test]
#[should_panic(expected = "quantile: 1.5 is out of range, from 0 to 1")]
fn a_quantile_above_one_panics() {
    let _ = of(Shape::DEFAULT, &[1]).quantile(1.5);
}

#[test]
#[should_panic(expected = "quantile: NaN is out of range, from 0 to 1")]
fn a_quantile_of_no_number_panics_even_if_there_is_nothing() {
    let _ = of(Shape::DEFAULT, &[]).quantile_bounds(f64::NAN);
}

#[test]
fn what_does_not_fit_is_refused_and_told() {
    let (fine, coarse) = (of(log_linear(4, 36), &[1]), of(log_linear(2, 36), &[1]));
    assert_eq!(
        fine.merge(&coarse).unwrap_err().to_string(),
        "the buckets differ: grouping power 4 and maximum value power 36, \
         against grouping power 2 and maximum value power 36"
    );
    assert_eq!(
        fine.since(&of(explicit(&[1, 2]), &[1])).unwrap_err().to_string(),
        "the buckets differ: grouping power 4 and maximum value power 36, \
         against the bounds [1, 2]"
    );
    assert_eq!(
        coarse.downsample(3).unwrap_err().to_string(),
        "grouping power 2 and maximum value power 36 cannot be downsampled to grouping power 3"
    );
    assert_eq!(
        of(explicit(&[1, 2]), &[1]).downsample(0).unwrap_err().to_string(),
        "the bounds [1, 2] cannot be downsampled to grouping power 0"
    );
}

#[test]
fn debug_shows_the_buckets_that_have_values() {
    let snapshot = of(explicit(&[10, 100]), &[5, 50, 60]);
    assert_eq!(
        format!("{snapshot:?}"),
        "HistogramSnapshot { count: 3, sum: Some(115), buckets: [(0..=10, 1), (11..=100, 2)], .. }"
    );
}

fn shapes() -> impl Strategy<Value = Shape> {
    let log_linears = (0_u8..=8, 1_u8..=64).prop_map(|(g, more)| log_linear(g, (g + more).min(64)));
    let bounds = prop_oneof![
        Just(explicit(&[0])),
        Just(explicit(&[10, 20, 50, 100, 1_000_000])),
        Just(explicit(&[u64::MAX])),
    ];
    prop_oneof![4 => log_linears, 1 => bounds]
}

/// Returns values of all magnitudes.
fn values() -> impl Strategy<Value = Vec<u64>> {
    vec((any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift), 1..200)
}

/// Returns the value at position ⌈q·n⌉ for q in thousandths.
fn exact(sorted: &[u64], thousandths: usize) -> u64 {
    sorted[(sorted.len() * thousandths).div_ceil(1_000).max(1) - 1]
}

#[expect(clippy::cast_precision_loss, reason = "as the estimates are")]
fn float(n: u64) -> f64 {
    n as f64
}

proptest! {
    #[test]
    fn every_quantile_lies_within_its_bounds(
        shape in shapes(), mut values in values(), thousandths in 0_u32..=1_000,
    ) {
        let snapshot = of(shape, &values);
        values.sort_unstable();
        let q = f64::from(thousandths) / 1_000.0;
        let exact = exact(&values, thousandths as usize);
        let bounds = snapshot.quantile_bounds(q).unwrap();
        prop_assert!(bounds.contains(&exact), "{exact} in {bounds:?}");
        let estimate = snapshot.quantile(q).unwrap();
        prop_assert!(float(*bounds.start()) <= estimate && estimate <= float(*bounds.end()));
        prop_assert!(snapshot.min().unwrap() <= values[0]);
        prop_assert!(snapshot.max().unwrap() >= values[values.len() - 1]);
    }

    #[test]
    fn bounds_are_within_the_promised_relative_error(
        g in 0_u8..=10, values in values(), q in 0.0..=1.0,
    ) {
        let bounds = of(log_linear(g, 64), &values).quantile_bounds(q).unwrap();
        let (more, low) = (bounds.end() - bounds.start(), *bounds.start());
        prop_assert!(more == 0 || more < low >> g, "{bounds:?}");
    }

    #[test]
    fn quantiles_ascend(shape in shapes(), values in values(), q in 0.0..=1.0, r in 0.0..=1.0) {
        let snapshot = of(shape, &values);
        let (low, high) = if q < r { (q, r) } else { (r, q) };
        prop_assert!(snapshot.quantile(low) <= snapshot.quantile(high));
    }

    #[test]
    fn counts_sums_and_means_are_exact(shape in shapes(), values in vec(0_u64..1 << 40, 1..200)) {
        let snapshot = of(shape, &values);
        let (count, sum) = (values.len() as u64, values.iter().sum::<u64>());
        prop_assert_eq!((snapshot.count(), snapshot.sum()), (count, Some(sum)));
        prop_assert_eq!(snapshot.mean(), Some(float(sum) / float(count)));
        for (range, count) in snapshot.buckets() {
            prop_assert_eq!(count, values.iter().filter(|value| range.contains(value)).count() as u64);
        }
    }

    #[test]
    fn cumulative_counts_are_exact_at_the_ends_of_buckets_and_never_too_high(
        shape in shapes(), values in values(), bounds in vec(any::<u64>(), 0..20),
    ) {
        let snapshot = of(shape, &values);
        let up_to = |bound: u64| values.iter().filter(|&&value| value <= bound).count() as u64;
        let ends: Vec<_> = snapshot.buckets().map(|(range, _)| *range.end()).collect();
        for (end, count) in ends.iter().zip(snapshot.cumulative(&ends)) {
            prop_assert_eq!(count, up_to(*end));
        }
        for (bound, count) in bounds.iter().zip(snapshot.cumulative(&bounds)) {
            prop_assert!(count <= up_to(*bound));
        }
    }

    #[test]
    fn bounds_to_choose_are_ends_of_buckets(
        shape in shapes(), from in 0_u64..1 << 20, most in 1_usize..60,
    ) {
        let snapshot = of(shape, &[]);
        let values = from..=from.saturating_mul(1_000);
        let bounds = snapshot.bounds_within(values.clone(), most);
        let ends = snapshot.buckets().map(|(range, _)| *range.end());
        let within: Vec<_> = ends.filter(|end| values.contains(end) && *end < u64::MAX).collect();
        prop_assert_eq!(bounds.len(), within.len().min(most));
        prop_assert_eq!(bounds.last(), within.last());
        prop_assert!(bounds.is_sorted_by(|a, b| a < b));
        prop_assert!(bounds.iter().all(|bound| within.contains(bound)));
    }

    #[test]
    fn a_merged_snapshot_has_the_values_of_both_and_since_takes_them_apart(
        shape in shapes(), one in values(), other in values(),
    ) {
        let (first, both) = (of(shape, &one), of(shape, &[one.clone(), other.clone()].concat()));
        prop_assert_eq!(first.merge(&of(shape, &other)).unwrap(), both.clone());
        prop_assert_eq!(both.since(&first).unwrap(), of(shape, &other));
    }

    #[test]
    fn a_downsampled_snapshot_is_one_that_was_recorded_so(
        g in 0_u8..=8, less in 0_u8..=8, more in 1_u8..=40, values in values(),
    ) {
        let coarse = g.saturating_sub(less);
        let fine = of(log_linear(g, g + more), &values);
        prop_assert_eq!(fine.downsample(coarse).unwrap(), of(log_linear(coarse, g + more), &values));
    }
}
