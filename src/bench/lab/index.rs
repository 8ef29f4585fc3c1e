//! Which of many counters the next add goes to.
//!
//! It is drawn for every add, so that no cache and no branch predictor can know it, and by
//! arithmetic alone, so that no table takes room in the cache.

use std::fmt;

/// How an index is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// All are equally likely.
    Random,
    /// n u^8 rounded down, where u is uniform: an index below k has the probability (k/n)^(1/8),
    /// which is Zipf's law with the exponent 7/8. Half of all adds go to 1 counter in 256.
    Skewed,
}

impl Index {
    pub const ALL: [Self; 2] = [Self::Random, Self::Skewed];

    /// A note for readers of the results.
    pub const NOTE: &str = "index: random is uniform; skewed is n u^8 rounded down, where u \
        is uniform, so that\nhalf of all adds go to 1 counter in 256 (Zipf's law with the exponent \
        7/8). All figures\ninclude drawing an index, at the cost of \"index alone\", which overlaps \
        with the adds.\n";
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Random => "random",
            Self::Skewed => "skewed",
        })
    }
}

/// Draws indexes, the same ones for the same seed.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    state: u64,
    counters: u64,
    index: Index,
}

impl Draw {
    /// Draws from `counters` counters, at most 2^32, for the thread with this number.
    pub fn new(counters: usize, index: Index, adder: usize) -> Self {
        // Seeds are far apart, so that no two threads draw the same indexes shortly after one
        // another.
        Self { state: (adder as u64) << 56 | adder as u64, counters: counters as u64, index }
    }

    #[inline(always)]
    pub fn index(&mut self) -> usize {
        let uniform = self.uniform();
        let drawn = match self.index {
            Index::Random => uniform,
            Index::Skewed => square(square(square(uniform))),
        };
        ((drawn * self.counters) >> 32) as usize
    }

    /// Returns one of 2^32 equal steps from 0 to 1, by Wang Yi's wyrand: one multiplication, which
    /// does not depend on that of the previous number.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "only the low half is used")]
    fn uniform(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0xa076_1d64_78bd_642f);
        let product = u128::from(self.state) * u128::from(self.state ^ 0xe703_7ed1_a0b4_28db);
        ((product >> 64) as u64 ^ product as u64) >> 32
    }
}

/// Prometheus' default bounds, in nanoseconds.
pub static BOUNDS: [u64; 11] = [
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Draws latencies in nanoseconds, from 50 microseconds to 10 milliseconds, half of them below 90
/// microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latencies(Draw);

impl Latencies {
    /// A note for readers of the results.
    pub const NOTE: &str = "values: latencies from 50 us to 10 ms, half of them below 90 us, drawn anew for \
        every record. All figures include that, at the cost of \"value alone\".";

    /// Draws for the thread with this number.
    pub fn new(adder: usize) -> Self {
        Self(Draw::new(10_000_000, Index::Skewed, adder))
    }

    #[inline(always)]
    pub fn draw(&mut self) -> u64 {
        50_000 + self.0.index() as u64
    }
}

/// Squares a fraction in units of 2^-32.
#[inline(always)]
fn square(fraction: u64) -> u64 {
    (fraction * fraction) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lab::stats::float;

    /// Returns the share of 100,000 draws from 1,000 counters that are below `k`.
    fn share(index: Index, k: usize) -> f64 {
        let mut draw = Draw::new(1_000, index, 3);
        float((0..100_000).filter(|_| draw.index() < k).count() as u64) / 100_000.0
    }

    fn close(share: f64, expected: f64) {
        assert!((share - expected).abs() < 0.01, "{share} is not about {expected}");
    }

    #[test]
    fn random_is_uniform() {
        close(share(Index::Random, 250), 0.25);
        close(share(Index::Random, 999), 0.999);
        close(share(Index::Random, 1_000), 1.0);
    }

    #[test]
    fn skewed_is_as_documented() {
        for k in [1_u32, 10, 100, 1_000] {
            close(share(Index::Skewed, k as usize), (f64::from(k) / 1_000.0).powf(0.125));
        }
    }

    #[test]
    fn latencies_are_as_documented() {
        let mut latencies = Latencies::new(3);
        let mut drawn: Vec<_> = (0..10_000).map(|_| latencies.draw()).collect();
        drawn.sort_unstable();
        assert!(drawn[0] >= 50_000 && drawn[9_999] < 10_050_000);
        assert!((85_000..95_000).contains(&drawn[5_000]), "{}", drawn[5_000]);
    }

    #[test]
    fn the_same_again_from_the_same_seed() {
        let draws = |adder| {
            let mut draw = Draw::new(100_000, Index::Random, adder);
            (0..100).map(|_| draw.index()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn one_counter_is_always_the_first() {
        for index in Index::ALL {
            let mut draw = Draw::new(1, index, 0);
            assert!((0..1_000).all(|_| draw.index() == 0));
        }
    }
}
