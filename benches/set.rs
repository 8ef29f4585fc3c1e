//! Many counters: a set against as many counters of their own, on one thread.
//!
//! Indexes are drawn at random, so that neither a cache nor a prefetcher can know the next one.
//! Drawing costs something as well, which `index alone` shows; it overlaps with the adds.

mod common;

use common::{Count, group, run};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use striped_counter::{Backend, Counter, CounterSet};

/// Counters in the benchmark of adds: 320 kB in place and 80 kB per shard, which is all that a set has.
const MANY: usize = 10_000;

/// Counters in the benchmarks of batches and sums.
const THOUSAND: usize = 1_000;

fn main() {
    run(&[incs, batches, sums]);
}

/// The backends that work here.
fn backends() -> impl Iterator<Item = Backend> {
    let works = |backend: &Backend| Counter::builder().backend(*backend).try_build().is_ok();
    [Backend::PerCpu, Backend::PerThread, Backend::Striped].into_iter().filter(works)
}

fn set(len: usize, backend: Backend, read_lock: bool) -> CounterSet {
    CounterSet::builder(len).backend(backend).read_lock(read_lock).build()
}

fn incs(criterion: &mut Criterion) {
    let mut group = group(criterion, "set: inc, 10,000 counters");
    group.bench_function("index alone", |bencher| bencher.iter_custom(index_alone));
    bench_incs(&mut group, "AtomicU64", &(0..MANY).map(|_| AtomicU64::new(0)).collect::<Box<_>>());
    for backend in backends() {
        bench_incs(&mut group, &format!("{backend} CounterSet"), &set(MANY, backend, false));
        let counter = || Counter::builder().backend(backend).build();
        let counters: Box<[Counter]> = (0..MANY).map(|_| counter()).collect();
        bench_incs(&mut group, &format!("{backend} Counters"), &counters);
    }
    group.finish();
}

fn index_alone(draws: u64) -> Duration {
    let mut draw = Draw::new(MANY);
    timed(draws, || _ = black_box(draw.next()))
}

fn bench_incs(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, counters: &impl Many) {
    (0..MANY).for_each(|index| counters.inc(index));
    let mut draw = Draw::new(MANY);
    let mut expected = MANY as u64;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|incs| {
            expected += incs;
            timed(incs, || black_box(counters).inc(draw.next()))
        });
    });
    assert_eq!(counters.sums().iter().sum::<u64>(), expected, "the sum is exact");
}

/// What three adds take one by one, and as a batch, which finds the shard once.
fn batches(criterion: &mut Criterion) {
    let mut group = group(criterion, "set: 3 adds");
    for (backend, read_lock) in backends().flat_map(|b| [(b, false), (b, true)]) {
        let lock = if read_lock { ", read_lock" } else { "" };
        bench_adds(
            &mut group,
            &format!("{backend}{lock}: single"),
            backend,
            read_lock,
            |set, at| {
                for (index, n) in at {
                    set.add(index, n);
                }
            },
        );
        bench_adds(
            &mut group,
            &format!("{backend}{lock}: batch"),
            backend,
            read_lock,
            |set, at| {
                set.add_many(&at);
            },
        );
    }
    group.finish();
}

fn bench_adds(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    backend: Backend,
    read_lock: bool,
    add: impl Fn(&CounterSet, [(usize, u64); 3]),
) {
    let set = set(THOUSAND, backend, read_lock);
    let mut draw = Draw::new(THOUSAND);
    let mut expected = 0;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            expected += 3 * times;
            timed(times, || add(black_box(&set), std::array::from_fn(|_| (draw.next(), 1))))
        });
    });
    assert_eq!(set.sums().iter().sum::<u64>(), expected, "the sum is exact");
}

/// All sums, and the snapshot of a set with a read lock, against a bare loop over as much memory.
fn sums(criterion: &mut Criterion) {
    let mut group = group(criterion, "set: sums, 1,000 counters");
    group.throughput(Throughput::Elements(THOUSAND as u64));
    for backend in backends() {
        let unlocked = set(THOUSAND, backend, false);
        let locked = set(THOUSAND, backend, true);
        // Its shards, and the row that all of them share.
        let bare = Bare::new(unlocked.shards() + 1);
        bench_sums(&mut group, &format!("{backend}: bare loop"), &bare, Bare::sums);
        bench_sums(&mut group, &format!("{backend}: sums"), &unlocked, CounterSet::sums);
        bench_sums(&mut group, &format!("{backend}: snapshot"), &locked, |set| {
            set.snapshot().expect("built with a read lock")
        });
    }
    group.finish();
}

fn bench_sums<C: Many>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    counters: &C,
    sums: fn(&C) -> Vec<u64>,
) {
    (0..THOUSAND).for_each(|index| counters.inc(index));
    group.bench_function(name, |bencher| bencher.iter(|| sums(black_box(counters))));
    assert_eq!(sums(counters), [1; THOUSAND], "the sums are exact");
}

/// How long `operate` takes, `times` times.
#[inline(always)]
fn timed(times: u64, mut operate: impl FnMut()) -> Duration {
    let begin = Instant::now();
    (0..times).for_each(|_| operate());
    begin.elapsed()
}

/// As many cells as a set has, row after row.
struct Bare(Box<[AtomicU64]>);

/// From one row to the next: whole lines of 16 cells.
const STRIDE: usize = THOUSAND.next_multiple_of(16);

impl Bare {
    fn new(rows: usize) -> Self {
        Self((0..rows * STRIDE).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Many for Bare {
    fn inc(&self, index: usize) {
        self.0.inc(index);
    }

    fn sums(&self) -> Vec<u64> {
        let mut sums = vec![0; THOUSAND];
        for row in self.0.chunks(STRIDE) {
            for (sum, cell) in sums.iter_mut().zip(row) {
                // Acquire, as the set's own.
                *sum += cell.load(Ordering::Acquire);
            }
        }
        sums
    }
}

/// Draws indexes at random, each as likely as another.
struct Draw {
    state: u64,
    len: u64,
}

impl Draw {
    fn new(len: usize) -> Self {
        Self { state: 0, len: len as u64 }
    }

    /// Wang Yi's wyrand: one multiplication a number, and none waits for the one before.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an index is below `len`; halves are meant"
    )]
    fn next(&mut self) -> usize {
        self.state = self.state.wrapping_add(0xa076_1d64_78bd_642f);
        let product = u128::from(self.state) * u128::from(self.state ^ 0xe703_7ed1_a0b4_28db);
        let uniform = (product >> 64) as u64 ^ product as u64;
        (((uniform >> 32) * self.len) >> 32) as usize
    }
}

/// Many counters, known by their index.
trait Many {
    fn inc(&self, index: usize);
    fn sums(&self) -> Vec<u64>;
}

impl Many for CounterSet {
    #[inline]
    fn inc(&self, index: usize) {
        self.inc(index);
    }

    fn sums(&self) -> Vec<u64> {
        self.sums()
    }
}

impl<C: Count> Many for Box<[C]> {
    #[inline]
    fn inc(&self, index: usize) {
        self[index].inc();
    }

    fn sums(&self) -> Vec<u64> {
        self.iter().map(Count::sum).collect()
    }
}
