//! A histogram of latencies: [`Histogram`] with a sum and without, an alternative, and the parts of
//! its cost.

use super::{
    Name,
    many::{Bare, Many as _},
    settings, unplanned,
};
use crate::{
    Counter, Histogram,
    bench::{
        lab::{
            index::Latencies,
            measure::{Load, Sample, Subject, Wrong, alone, shared},
            memory::{Bytes, growth},
        },
        plan::{Point, Section},
    },
    shape::Shape,
};
use std::{
    hint::black_box,
    io, iter,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The lowest value of each bucket. Each thread begins with all of them, so that all memory is in
/// use.
static VALUES: LazyLock<Vec<u64>> = LazyLock::new(|| {
    Histogram::new().snapshot().buckets().map(|(values, _)| *values.start()).collect()
});

/// Something that records latencies.
trait Record {
    fn record(&self, value: u64);
    fn read(&self);
    /// Returns the count and the sum, if known.
    fn found(&self) -> [Option<u64>; 2];
    fn shards(&self) -> Option<usize> {
        None
    }
}

impl<R: Record> Record for Box<R> {
    fn record(&self, value: u64) {
        R::record(self, value);
    }
    fn read(&self) {
        R::read(self);
    }
    fn found(&self) -> [Option<u64>; 2] {
        R::found(self)
    }
}

/// A recorder as a subject.
struct Recorded<R>(R);

impl<R: Record> Recorded<R> {
    fn touch(&self) {
        VALUES.iter().for_each(|&value| self.0.record(value));
    }
}

impl<R: Record> Subject for Recorded<R> {
    #[inline(always)]
    fn adder(&self, number: usize) -> impl FnMut() {
        self.touch();
        let mut latencies = Latencies::new(number);
        move || self.0.record(latencies.draw())
    }

    fn read(&self) {
        self.0.read();
    }

    fn verify(&self, steps: &[u64]) -> Result<(), Wrong> {
        let touched = VALUES.iter().fold(0, |sum: u64, value| sum.wrapping_add(*value));
        let sums = steps.iter().enumerate().map(|(adder, &steps)| {
            let mut latencies = Latencies::new(adder);
            (0..steps).fold(touched, |sum, _| sum.wrapping_add(latencies.draw()))
        });
        let count = (steps.len() * VALUES.len()) as u64 + steps.iter().sum::<u64>();
        let expected = [count, sums.fold(0, u64::wrapping_add)];
        let both = expected.into_iter().zip(self.0.found());
        both.filter_map(|(expected, found)| Some((expected, found?)))
            .try_for_each(|(expected, found)| Wrong::check(expected, found))
    }

    fn shards(&self) -> Option<usize> {
        self.0.shards()
    }
}

impl Record for Histogram {
    #[inline(always)]
    fn record(&self, value: u64) {
        self.record(value);
    }
    fn read(&self) {
        black_box(self.snapshot());
    }
    fn found(&self) -> [Option<u64>; 2] {
        let snapshot = self.snapshot();
        [Some(snapshot.count()), snapshot.sum()]
    }
    fn shards(&self) -> Option<usize> {
        Some(self.shards())
    }
}

/// Only the sum.
impl Record for Counter {
    #[inline(always)]
    fn record(&self, value: u64) {
        self.add(value);
    }
    fn read(&self) {
        black_box(self.sum());
    }
    fn found(&self) -> [Option<u64>; 2] {
        [None, Some(self.sum())]
    }
    fn shards(&self) -> Option<usize> {
        Some(self.shards())
    }
}

/// One atomic per bucket, shared by all threads, without a sum, like the crate `histogram`.
struct Atomics {
    shape: Shape,
    counts: Box<[AtomicU64]>,
}

impl Atomics {
    fn new() -> Self {
        let (g, n) = (Shape::DEFAULT_GROUPING_POWER, Shape::DEFAULT_MAX_VALUE_POWER);
        let shape = Shape::log_linear(g, n).expect("the defaults are in range");
        let counts = iter::repeat_with(AtomicU64::default).take(shape.buckets()).collect();
        Self { shape, counts }
    }
}

impl Record for Atomics {
    #[inline(always)]
    fn record(&self, value: u64) {
        self.counts[self.shape.index(value)].fetch_add(1, Ordering::Relaxed);
    }
    fn read(&self) {
        let counts: Vec<_> =
            self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        black_box(counts);
    }
    fn found(&self) -> [Option<u64>; 2] {
        [Some(self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()), None]
    }
}

/// Draws a value and does nothing with it.
struct ValueAlone;

impl Subject for ValueAlone {
    #[inline(always)]
    fn adder(&self, number: usize) -> impl FnMut() {
        let mut latencies = Latencies::new(number);
        move || _ = black_box(latencies.draw())
    }

    fn read(&self) {}

    /// Succeeds: there is nothing to verify.
    fn verify(&self, _steps: &[u64]) -> Result<(), Wrong> {
        Ok(())
    }
}

/// The number of cells that a histogram has, all written to; their values do not matter.
struct Rows(Bare, usize);

impl Subject for Rows {
    fn adder(&self, _number: usize) -> impl FnMut() {
        || {}
    }

    fn read(&self) {
        black_box(self.0.sums());
    }

    fn verify(&self, _steps: &[u64]) -> Result<(), Wrong> {
        Ok(())
    }

    fn shards(&self) -> Option<usize> {
        Some(self.1)
    }
}

/// Performs one run.
pub(super) fn run(point: &Point, load: Load) -> io::Result<Sample> {
    let histogram = |backend| settings(Histogram::builder(), backend, point);
    match (point.section, point.subject) {
        (_, Name::Backend(backend)) => shared(Recorded(histogram(backend).build()), load),
        (Section::Records, Name::NoSum(backend)) => {
            shared(Recorded(histogram(backend).sum(false).build()), load)
        }
        (Section::Records, Name::Sum(backend)) => {
            shared(Recorded(settings(Counter::builder(), backend, point).build()), load)
        }
        (Section::Records, Name::AtomicU64) => shared(Recorded(Atomics::new()), load),
        (Section::Records, Name::ValueAlone) => alone(|| ValueAlone, load),
        (Section::Snapshots, Name::Loop(_)) => {
            // One column per bucket and one for the sum; the row of the spill is memory as well.
            let shards = point.shards.unwrap_or(1);
            shared(Rows(Bare::new(VALUES.len() + 1, shards + 1), shards), load)
        }
        _ => unplanned(point),
    }
}

/// Returns whether the memory of `point` is of interest.
pub(super) fn sized(point: &Point) -> bool {
    matches!(point.subject, Name::Backend(_) | Name::NoSum(_) | Name::AtomicU64) && !point.read_lock
}

/// Returns the memory of a histogram once one thread per row, or all threads that add, have
/// recorded in each bucket.
pub(super) fn bytes(point: &Point) -> Option<Bytes> {
    // Made resident before the measurement.
    LazyLock::force(&VALUES);
    let histogram = |backend| settings(Histogram::builder(), backend, point);
    match point.subject {
        Name::Backend(backend) => Some(grown(point, || Box::new(histogram(backend).build()))),
        Name::NoSum(backend) => {
            Some(grown(point, || Box::new(histogram(backend).sum(false).build())))
        }
        Name::AtomicU64 => Some(grown(point, || Box::new(Atomics::new()))),
        _ => None,
    }
}

fn grown<R: Record + Send + Sync>(point: &Point, make: impl FnOnce() -> Box<R>) -> Bytes {
    let threads = point.threads.max(point.shards.unwrap_or(1));
    growth(threads, || Recorded(make()), Recorded::touch).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, bench::kind::Kind};
    use std::{sync::atomic::AtomicBool, time::Duration};

    const LOAD: Load = Load { threads: 2, readers: 1, fill: 2, window: Duration::from_millis(1) };
    const STRIPED: Backend = Backend::Striped;

    fn point(subject: Name) -> Point {
        Point::new(Kind::Histogram, Section::Records, subject, 2)
    }

    /// Records one value that is off by one.
    struct Inexact(Histogram, AtomicBool);

    impl Record for Inexact {
        fn record(&self, value: u64) {
            self.0.record(value + u64::from(!self.1.swap(true, Ordering::Relaxed)));
        }
        fn read(&self) {}
        fn found(&self) -> [Option<u64>; 2] {
            self.0.found()
        }
    }

    #[test]
    fn counts_and_sums_are_checked() {
        for subject in [Name::Backend, Name::NoSum, Name::Sum].map(|name| name(STRIPED)) {
            assert_eq!(run(&point(subject), LOAD).unwrap().wrong, None);
        }
        assert_eq!(run(&point(Name::AtomicU64), LOAD).unwrap().wrong, None);
        let inexact = Recorded(Inexact(Histogram::new(), AtomicBool::new(false)));
        assert_eq!(shared(inexact, LOAD).unwrap().wrong.unwrap().lost(), 1);
    }

    #[test]
    fn memory_is_that_of_one() {
        let asked = |subject| bytes(&point(subject)).unwrap().asked;
        assert_eq!(asked(Name::AtomicU64), 528 * 8 + size_of::<Atomics>());
        if cfg!(target_os = "linux") {
            assert_eq!(asked(Name::Backend(STRIPED)), size_of::<Histogram>());
        }
        assert!(bytes(&point(Name::Sum(STRIPED))).is_none());
    }
}
