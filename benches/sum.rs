//! The sum, against the number of shards: unlocked, locked, and a bare loop over as many padded
//! atomics. No sum can cost less than that.

mod common;
#[path = "common/count.rs"]
mod count;
#[path = "../tests/support/threads.rs"]
mod threads;
#[path = "common/touch.rs"]
mod touch;

use common::{group, run};
use count::Count;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use crossbeam_utils::CachePadded;
use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};
use striped_counter::{Backend, Counter};
use threads::Stop;

const SHARDS: [usize; 4] = [1, 8, 64, 256];

/// How many adds each counter holds when it is read, so that a wrong sum is noticed.
const ADDS: u64 = 1_000;

fn main() {
    run(&[quiet, under_load]);
}

/// Measures sums while no thread adds. `Striped`, since its number of shards can be set, whatever
/// the threads.
fn quiet(criterion: &mut Criterion) {
    let mut group = group(criterion, "sum");
    for shards in SHARDS {
        group.throughput(Throughput::Elements(shards as u64));
        let (bare, unlocked, locked) =
            (Bare::new(shards), striped(shards, false), striped(shards, true));
        point(&mut group, "bare loop", shards, &bare, shards as u64);
        point(&mut group, "unlocked", shards, &unlocked, touch::touch(&unlocked));
        point(&mut group, "locked", shards, &locked, touch::touch(&locked));
    }
    group.finish();
}

fn point(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    shards: usize,
    counter: &impl Count,
    mut added: u64,
) {
    (0..ADDS).for_each(|_| counter.inc());
    added += ADDS;
    group.bench_function(BenchmarkId::new(name, shards), |bencher| {
        bencher.iter(|| black_box(counter).sum());
    });
    assert_eq!(counter.sum(), added, "the sum is exact");
}

/// Measures sums while one thread adds without pause: the reader takes its cache line away again
/// and again, and a locked read may have to collect more than twice.
fn under_load(criterion: &mut Criterion) {
    let mut group = group(criterion, "sum under load");
    for backend in [Backend::Auto, Backend::PerThread, Backend::Striped] {
        for (name, read_lock) in [("unlocked", false), ("locked", true)] {
            let counter = Counter::builder().backend(backend).read_lock(read_lock).build();
            let id = BenchmarkId::new(name, counter.backend());
            let added = while_adding(&counter, || {
                group.bench_function(id, |bencher| bencher.iter(|| black_box(&counter).sum()));
            });
            assert_eq!(counter.sum(), added, "the sum is exact");
        }
    }
    group.finish();
}

/// Runs `read` while another thread adds, and returns how often that thread did.
fn while_adding(counter: &Counter, read: impl FnOnce()) -> u64 {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let adder = scope.spawn(|| {
            let mut added = 0;
            while !done.load(Ordering::Relaxed) {
                counter.inc();
                added += 1;
            }
            added
        });
        let stop = Stop(&done);
        read();
        drop(stop);
        adder.join().expect("adds do not panic")
    })
}

fn striped(shards: usize, read_lock: bool) -> Counter {
    Counter::builder().backend(Backend::Striped).shards(shards).read_lock(read_lock).build()
}

/// As many padded atomics as there are shards, each added to once, and nothing else.
struct Bare(Box<[CachePadded<AtomicU64>]>);

impl Bare {
    fn new(shards: usize) -> Self {
        Self((0..shards).map(|_| CachePadded::new(AtomicU64::new(1))).collect())
    }
}

impl Count for Bare {
    fn inc(&self) {
        self.0[0].fetch_add(1, Ordering::Release);
    }

    fn sum(&self) -> u64 {
        // Acquire, as in the counter's own collect.
        self.0.iter().fold(0, |sum, cell| sum.wrapping_add(cell.load(Ordering::Acquire)))
    }
}
