//! Many counters: a [`CounterSet`], and what one would use instead.

mod types;

use super::{Name, Subject, settings, unplanned};
use crate::{
    lab::{
        index::{Draw, Index},
        memory::allocated,
        stats::float,
    },
    measure::{Failure, Load, Sample, alone, shared},
    plan::{Point, Section},
};
use std::{
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
};
use striped_counter::{Backend, Counter, CounterSet};
use types::{Bare, IndexAlone, Three, atomics};

/// Many counters, known by their index.
trait Many {
    /// How many adds a step is.
    const ADDS: u64 = 1;
    /// Bytes that are not on the heap.
    const IN_PLACE: usize = 0;

    fn add(&self, index: usize);
    #[inline(always)]
    fn step(&self, draw: &mut Draw) {
        self.add(draw.next());
    }
    fn sums(&self) -> Vec<u64>;
    fn shards(&self) -> Option<usize> {
        None
    }
}

/// Many counters as a subject.
struct Indexed<M> {
    many: M,
    counters: usize,
    index: Index,
    /// Allocated by whoever made it, and by the first touches.
    bytes: AtomicUsize,
}

impl<M: Many> Indexed<M> {
    fn new(point: &Point, make: impl FnOnce() -> M) -> Self {
        let (many, bytes) = allocated(make);
        let bytes = AtomicUsize::new(M::IN_PLACE + bytes);
        Self { many, counters: point.counters, index: point.index, bytes }
    }

    fn draw(&self, adder: usize) -> Draw {
        Draw::new(self.counters, self.index, adder)
    }

    /// What each counter has, if each adder touched it once and drew `steps` times.
    fn expected(&self, steps: &[u64]) -> Vec<u64> {
        let mut expected = vec![steps.len() as u64; self.counters];
        for (adder, &steps) in steps.iter().enumerate() {
            let mut draw = self.draw(adder);
            (0..M::ADDS * steps).for_each(|_| expected[draw.next()] += 1);
        }
        expected
    }
}

impl<M: Many> Subject for Indexed<M> {
    type Hand = Draw;
    const ADDS: u64 = M::ADDS;

    fn hand(&self, adder: usize) -> Draw {
        let ((), bytes) = allocated(|| (0..self.counters).for_each(|index| self.many.add(index)));
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.draw(adder)
    }

    #[inline(always)]
    fn step(&self, draw: &mut Draw) {
        self.many.step(draw);
    }

    fn read(&self) {
        black_box(self.many.sums());
    }

    fn verify(&self, steps: &[u64]) -> Result<(), Failure> {
        let sums = self.expected(steps).into_iter().zip(self.many.sums()).enumerate();
        let mut wrong = sums.filter(|(_, (expected, found))| expected != found);
        wrong.next().map_or(Ok(()), |(counter, (expected, found))| {
            Err(Failure::SumOf { counter, expected, found })
        })
    }

    fn shards(&self) -> Option<usize> {
        self.many.shards()
    }

    fn bytes_per_counter(&self) -> Option<f64> {
        let bytes = self.bytes.load(Ordering::Relaxed);
        Some(float(bytes as u64) / float(self.counters as u64))
    }
}

pub(super) fn run(point: &Point, load: Load) -> Result<Sample, Failure> {
    let n = point.counters;
    match (point.section, point.subject) {
        (Section::Batch, Name::Backend(backend)) => {
            shared(Indexed::new(point, || Three::<false>(set(backend, point))), load)
        }
        (_, Name::Batch(backend)) => {
            shared(Indexed::new(point, || Three::<true>(set(backend, point))), load)
        }
        (_, Name::Backend(backend)) => shared(Indexed::new(point, || set(backend, point)), load),
        (_, Name::Counters(backend)) => {
            let builder = settings(Counter::builder(), backend, point);
            let make = || (0..n).map(|_| builder.build()).collect::<Box<[_]>>();
            shared(Indexed::new(point, make), load)
        }
        (_, Name::AtomicU64) => shared(Indexed::new(point, || atomics(n)), load),
        (_, Name::Loop(backend)) => {
            // The row that adds which may not touch a shard go to is memory as well.
            let rows = set(backend, point).shards() + 1;
            shared(Indexed::new(point, || Bare::new(n, rows)), load)
        }
        (_, Name::IndexAlone) => alone(|| IndexAlone(Draw::new(n, point.index, 0)), load),
        _ => unplanned(point),
    }
}

fn set(backend: Backend, point: &Point) -> CounterSet {
    settings(CounterSet::builder(point.counters), backend, point).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use std::{sync::atomic::AtomicU64, time::Duration};

    const LOAD: Load = Load { threads: 2, readers: 1, fill: 2, window: Duration::from_millis(1) };

    fn point() -> Point {
        let name = Name::Backend(Backend::Striped);
        let point = Point::new(Kind::CounterSet, Section::Counters, name, 2);
        Point { counters: 40, index: Index::Skewed, ..point }
    }

    /// Adds to the counter next to the one that is meant, once.
    struct Astray(Box<[AtomicU64]>, AtomicUsize);

    impl Many for Astray {
        fn add(&self, index: usize) {
            let astray = self.1.fetch_add(1, Ordering::Relaxed) == 7;
            self.0.add(index ^ usize::from(astray));
        }
        fn sums(&self) -> Vec<u64> {
            self.0.sums()
        }
    }

    #[test]
    fn every_sum_is_checked() {
        let point = point();
        shared(Indexed::new(&point, || set(Backend::Striped, &point)), LOAD).unwrap();
        shared(Indexed::new(&point, || Three::<true>(set(Backend::Striped, &point))), LOAD)
            .unwrap();
        let astray = Indexed::new(&point, || Astray(atomics(40), AtomicUsize::new(0)));
        let failure = shared(astray, LOAD).unwrap_err();
        assert!(matches!(failure, Failure::SumOf { .. }), "{failure}");
    }

    #[test]
    fn memory_is_what_is_in_place_and_what_is_allocated() {
        let point = point();
        let bytes = |sample: Sample| sample.bytes_per_counter.unwrap() * 40.0;
        let atomics = shared(Indexed::new(&point, || atomics(40)), LOAD).unwrap();
        assert!((bytes(atomics) - 320.0).abs() < 1e-6);
        let make = || CounterSet::builder(40).backend(Backend::Striped).shards(4).build();
        let set = shared(Indexed::new(&point, make), LOAD).unwrap();
        // Four rows and the spill, of three lines each.
        let (least, lists) = (float(size_of::<CounterSet>() as u64 + 5 * 3 * 128), 256.0);
        let bytes = bytes(set);
        assert!(least <= bytes && bytes <= least + lists, "{bytes}");
    }
}
