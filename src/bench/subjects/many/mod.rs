//! Many counters: a [`CounterSet`], and the alternatives.

mod types;

use super::{Name, settings, unplanned};
use crate::bench::{
    lab::{
        index::{Draw, Index},
        measure::{Load, Sample, Subject, Wrong, alone, shared},
        memory::{Bytes, growth},
    },
    plan::{Point, Section},
};
use crate::{Backend, Builder, Counter, CounterSet};
use crossbeam_utils::CachePadded;
use std::{
    hint::black_box,
    io, iter,
    sync::{Arc, atomic::AtomicU64},
};
pub(super) use types::Bare;
use types::{IndexAlone, Three};

/// Many counters, each known by its index.
pub(super) trait Many {
    /// The number of adds in a step.
    const ADDS: u64 = 1;
    /// The bytes that are not on the heap.
    const IN_PLACE: usize = 0;

    fn add(&self, index: usize);
    #[inline(always)]
    fn step(&self, draw: &mut Draw) {
        self.add(draw.index());
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
}

impl<M: Many> Indexed<M> {
    fn new(point: &Point, many: M) -> Self {
        Self { many, counters: point.counters, index: point.index }
    }

    fn draw(&self, adder: usize) -> Draw {
        Draw::new(self.counters, self.index, adder)
    }

    /// Returns what each counter has, if each thread touched it once and drew `steps` times.
    fn expected(&self, steps: &[u64]) -> Vec<u64> {
        let mut expected = vec![steps.len() as u64; self.counters];
        for (adder, &steps) in steps.iter().enumerate() {
            let mut draw = self.draw(adder);
            (0..M::ADDS * steps).for_each(|_| expected[draw.index()] += 1);
        }
        expected
    }
}

impl<M: Many> Subject for Indexed<M> {
    const ADDS: u64 = M::ADDS;

    #[inline(always)]
    fn adder(&self, number: usize) -> impl FnMut() {
        touch(&self.many, self.counters);
        let mut draw = self.draw(number);
        move || self.many.step(&mut draw)
    }

    fn read(&self) {
        black_box(self.many.sums());
    }

    fn verify(&self, steps: &[u64]) -> Result<(), Wrong> {
        let sums = self.expected(steps).into_iter().zip(self.many.sums()).enumerate();
        let mut wrong = sums.filter(|(_, (expected, found))| expected != found);
        wrong.next().map_or(Ok(()), |(counter, (expected, found))| {
            Err(Wrong { counter: Some(counter), expected, found })
        })
    }

    fn shards(&self) -> Option<usize> {
        self.many.shards()
    }
}

/// Something to do with many counters, once their type is known.
trait Visit {
    type Output;
    fn many<M: Many + Send + Sync>(self, make: impl FnOnce() -> M) -> Self::Output;
    /// Handles the case without counters, where only an index is drawn.
    fn index_alone(self) -> Self::Output;
}

/// Calls `visit` with the counters of `point`.
fn visit<V: Visit>(point: &Point, visit: V) -> V::Output {
    let n = point.counters;
    match (point.section, point.subject) {
        (Section::Batch, Name::Backend(backend)) => {
            visit.many(|| Three::<false>(set(backend, point)))
        }
        (_, Name::Batch(backend)) => visit.many(|| Three::<true>(set(backend, point))),
        (_, Name::Backend(backend)) => visit.many(|| set(backend, point)),
        (_, Name::Counters(backend)) => visit.many(|| each(n, || builder(backend, point).build())),
        (_, Name::Arcs(backend)) => {
            visit.many(|| each(n, || Arc::new(builder(backend, point).build())))
        }
        (_, Name::Padded(backend)) => {
            visit.many(|| each(n, || builder(backend, point).padded(true).build()))
        }
        (_, Name::AtomicU64) => visit.many(|| each(n, AtomicU64::default)),
        (_, Name::PaddedAtomics) => visit.many(|| each(n, CachePadded::<AtomicU64>::default)),
        (_, Name::ArcAtomics) => visit.many(|| each(n, Arc::<AtomicU64>::default)),
        (_, Name::Loop(backend)) => {
            // The row of the spill is memory as well.
            let rows = set(backend, point).shards() + 1;
            visit.many(|| Bare::new(n, rows))
        }
        (_, Name::IndexAlone) => visit.index_alone(),
        _ => unplanned(point),
    }
}

fn builder(backend: Backend, point: &Point) -> Builder<Counter> {
    settings(Counter::builder(), backend, point)
}

fn set(backend: Backend, point: &Point) -> CounterSet {
    settings(CounterSet::builder(point.counters), backend, point).build()
}

fn each<C>(n: usize, make: impl FnMut() -> C) -> Box<[C]> {
    iter::repeat_with(make).take(n).collect()
}

fn touch(many: &impl Many, counters: usize) {
    (0..counters).for_each(|index| many.add(index));
}

/// Performs one run.
pub(super) fn run(point: &Point, load: Load) -> io::Result<Sample> {
    struct Run<'a>(&'a Point, Load);

    impl Visit for Run<'_> {
        type Output = io::Result<Sample>;

        fn many<M: Many + Send + Sync>(self, make: impl FnOnce() -> M) -> Self::Output {
            shared(Indexed::new(self.0, make()), self.1)
        }

        fn index_alone(self) -> Self::Output {
            let draw = Draw::new(self.0.counters, self.0.index, 0);
            alone(|| IndexAlone(draw), self.1)
        }
    }

    visit(point, Run(point, load))
}

/// Returns the memory of all counters together, once every thread has added to each of them.
pub(super) fn bytes(point: &Point) -> Option<Bytes> {
    struct Measure<'a>(&'a Point);

    impl Visit for Measure<'_> {
        type Output = Option<Bytes>;

        fn many<M: Many + Send + Sync>(self, make: impl FnOnce() -> M) -> Self::Output {
            let Point { threads, counters, shards, .. } = *self.0;
            // Counters at rest were filled by one thread per shard.
            let threads = if threads == 0 { shards.unwrap_or(1) } else { threads };
            let (many, bytes) = growth(threads, make, |many| touch(many, counters));
            assert_eq!(many.sums(), vec![2 * threads as u64; counters], "the sums are exact");
            Some(Bytes { asked: M::IN_PLACE + bytes.asked, ..bytes })
        }

        fn index_alone(self) -> Self::Output {
            None
        }
    }

    visit(point, Measure(point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::kind::Kind;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    const LOAD: Load = Load { threads: 2, readers: 1, fill: 2, window: Duration::from_millis(1) };

    fn point() -> Point {
        let name = Name::Backend(Backend::Striped);
        let point = Point::new(Kind::CounterSet, Section::Counters, name, 2);
        Point { counters: 40, index: Index::Skewed, ..point }
    }

    /// Adds once to the counter next to the intended one.
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
        let batch = Point { subject: Name::Batch(Backend::Striped), ..point };
        assert_eq!(run(&point, LOAD).unwrap().wrong, None);
        assert_eq!(run(&batch, LOAD).unwrap().wrong, None);
        let atomics = each(40, AtomicU64::default);
        let astray = Indexed::new(&point, Astray(atomics, AtomicUsize::new(0)));
        let wrong = shared(astray, LOAD).unwrap().wrong.unwrap();
        assert!(wrong.to_string().starts_with("the sum of counter "), "{wrong}");
    }

    #[test]
    fn memory_is_what_is_in_place_and_what_is_allocated() {
        let asked = |subject| bytes(&Point { subject, ..point() }).unwrap().asked;
        assert_eq!(asked(Name::AtomicU64), 320);
        assert_eq!(asked(Name::PaddedAtomics), 40 * size_of::<CachePadded<u8>>());
        // Each has a pointer to it, and two reference counts.
        assert_eq!(asked(Name::ArcAtomics), 40 * 4 * size_of::<usize>());
        let counter = size_of::<Counter>();
        let arc = (2 * size_of::<usize>() + counter).next_multiple_of(align_of::<Counter>());
        if cfg!(target_os = "linux") {
            assert_eq!(asked(Name::Backend(Backend::Striped)), size_of::<CounterSet>());
            assert_eq!(asked(Name::Counters(Backend::Striped)), 40 * counter);
            assert_eq!(asked(Name::Arcs(Backend::Striped)), 40 * (size_of::<usize>() + arc));
        }
        assert!(bytes(&Point { subject: Name::IndexAlone, ..point() }).is_none());
    }
}
