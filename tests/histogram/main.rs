//! Histograms: guarantee 10, and the guarantees of counters where a histogram might break them. Tests that
//! need a process of their own are in `fork.rs`, `in_allocator.rs`, `memory.rs`, `no_memory.rs` and
//! `signals.rs`; snapshots with a read lock are also in `linearizable/`. Quantiles and the other results of a
//! snapshot are tested in `src/api/histogram/snapshot/`.

#[path = "../support/mod.rs"]
mod support;

mod consistent;
mod exact;
mod model;
mod set;
mod types;

use striped_counter::{Builder, Histogram, HistogramSnapshot};
use support::{Case, on_every_backend};

/// 13 columns, with the open bucket and the sum: a leased line, unless there is a read lock.
const BOUNDS: &[u64] = &[1, 4, 9, 60, 99, 250, 1_000, 5_000, 20_000, 70_000, 1_000_000];

/// How a histogram gets its columns.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// By a lease of one line.
    Small,
    /// By a chunk of its own.
    Large,
}

impl Kind {
    fn set<T: HasBuckets>(self, builder: Builder<T>) -> Builder<T> {
        match self {
            Self::Small => T::bounds(builder, BOUNDS),
            Self::Large => builder,
        }
    }

    fn histogram(self, case: &Case) -> Histogram {
        let histogram = self.set(case.set(Histogram::builder())).build();
        assert_eq!(histogram.backend(), case.backend());
        histogram
    }
}

/// A type whose builder takes bounds.
trait HasBuckets: Sized {
    fn bounds(builder: Builder<Self>, bounds: &'static [u64]) -> Builder<Self>;
}

impl HasBuckets for Histogram {
    fn bounds(builder: Builder<Self>, bounds: &'static [u64]) -> Builder<Self> {
        builder.bounds(bounds)
    }
}

impl HasBuckets for striped_counter::HistogramSet {
    fn bounds(builder: Builder<Self>, bounds: &'static [u64]) -> Builder<Self> {
        builder.bounds(bounds)
    }
}

fn on_every_kind(body: impl Fn(&Case, Kind)) {
    on_every_backend(|case| {
        for kind in [Kind::Small, Kind::Large] {
            body(case, kind);
        }
    });
}

/// Returns the least value of each bucket, without 0.
fn values(of: &HistogramSnapshot) -> Vec<u64> {
    of.buckets().map(|(range, _)| *range.start()).filter(|&value| value > 0).collect()
}

/// Returns the sum of the values that were counted, if each was the least of its bucket.
fn worth(of: &HistogramSnapshot) -> u64 {
    of.buckets().fold(0, |sum, (range, count)| sum.wrapping_add(range.start().wrapping_mul(count)))
}

fn counts(of: &HistogramSnapshot) -> Vec<u64> {
    of.buckets().map(|(_, count)| count).collect()
}
