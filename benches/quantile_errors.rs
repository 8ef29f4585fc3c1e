//! Prints the error of quantiles for each grouping power: the table in the guide to histograms. The
//! sample is a million latencies from a log-normal distribution with a median of a millisecond and
//! a sigma of 1.
//!
//! ```text
//! cargo bench --bench quantile_errors
//! ```
//!
//! Each cell has the error of `quantile` and, in parentheses, that of the middle of `quantile_bounds`.

use std::{
    f64::consts::TAU,
    io::{self, Write as _},
};
use striped_counter::Histogram;

const VALUES: usize = 1_000_000;
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

fn main() -> io::Result<()> {
    let mut values = sample();
    values.sort_unstable();
    let mut out = io::stdout();
    writeln!(
        out,
        "| grouping power | buckets | promised | p50 | p95 | p99 |\n|---|---|---|---|---|---|"
    )?;
    for grouping_power in 2..=7 {
        let histogram = Histogram::builder().grouping_power(grouping_power).build();
        for &value in &values {
            histogram.record(value);
        }
        let snapshot = histogram.snapshot();
        let buckets = snapshot.buckets().count();
        let promised = 100.0 / f64::from(1 << grouping_power);
        write!(out, "| {grouping_power} | {buckets} | {promised:.2} % |")?;
        for q in QUANTILES {
            let exact = values[rank(q) - 1];
            let bounds = snapshot.quantile_bounds(q).expect("there are values");
            assert!(bounds.contains(&exact), "the exact quantile lies within its bounds");
            let middle = f64::midpoint(float(*bounds.start()), float(*bounds.end()));
            let [error, middle] = [snapshot.quantile(q).expect("there are values"), middle]
                .map(|estimate| 100.0 * (estimate / float(exact) - 1.0));
            write!(out, " {error:+.3} % ({middle:+.2} %) |")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Returns the position of a quantile, from 1: percentages of a million hardly need rounding.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "positions of a million"
)]
fn rank(q: f64) -> usize {
    (q * VALUES as f64).round() as usize
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

/// Returns latencies in nanoseconds, by the Box-Muller transform, the same in every run.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and not that large"
)]
fn sample() -> Vec<u64> {
    let mut random = Random(1);
    let one = |_| {
        let normal = (-2.0 * random.fraction().ln()).sqrt() * (TAU * random.fraction()).cos();
        (1e6 * normal.exp()) as u64
    };
    (0..VALUES).map(one).collect()
}

/// `SplitMix64`, by Steele, Lea and Flood (2014).
struct Random(u64);

impl Random {
    /// Returns a number above 0, up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ z >> 31) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}
