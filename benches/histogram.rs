//! The histogram: the cost of a record against the number of threads, and of a snapshot against the
//! number of rows. No snapshot can cost less than a bare loop over as much memory.

mod common;

use common::{group, run};
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use std::{
    hint::black_box,
    iter,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use striped_counter::{
    Backend, Counter, Histogram,
    bench::lab::index::{BOUNDS, Latencies},
};

const THREADS: [u32; 3] = [1, 2, 8];
const ROWS: [usize; 3] = [1, 8, 64];

fn main() {
    run(&[record, snapshot]);
}

/// Something that records latencies.
trait Record: Sync {
    fn record(&self, value: u64);
    /// Checks what there is after these values.
    fn verify(&self, count: u64, sum: u64);
}

impl Record for Histogram {
    #[inline]
    fn record(&self, value: u64) {
        self.record(value);
    }

    fn verify(&self, count: u64, sum: u64) {
        let snapshot = self.snapshot();
        assert_eq!(snapshot.count(), count, "the count is exact");
        assert!(snapshot.sum().is_none_or(|found| found == sum), "the sum is exact");
    }
}

/// The same values, summed without buckets.
impl Record for Counter {
    #[inline]
    fn record(&self, value: u64) {
        self.add(value);
    }

    fn verify(&self, _count: u64, sum: u64) {
        assert_eq!(self.sum(), sum, "the sum is exact");
    }
}

/// Only draws the values.
struct Nothing;

impl Record for Nothing {
    #[inline]
    fn record(&self, value: u64) {
        black_box(value);
    }

    fn verify(&self, _count: u64, _sum: u64) {}
}

fn record(criterion: &mut Criterion) {
    let mut group = group(criterion, "record");
    for threads in THREADS {
        group.throughput(Throughput::Elements(threads.into()));
        point(&mut group, "the latency alone", threads, || Nothing);
        for backend in [Backend::PerCpu, Backend::PerThread, Backend::Striped] {
            let histogram = Histogram::builder().backend(backend);
            if let Err(error) = histogram.try_build() {
                eprintln!("left out: {error}");
                continue;
            }
            let counter = Counter::builder().backend(backend);
            point(&mut group, &format!("{backend} Counter::add"), threads, || counter.build());
            point(&mut group, &format!("{backend}"), threads, || histogram.build());
            let no_sum = histogram.sum(false);
            point(&mut group, &format!("{backend}, no sum"), threads, || no_sum.build());
            let bounds = histogram.bounds(&BOUNDS);
            point(&mut group, &format!("{backend}, 11 bounds"), threads, || bounds.build());
        }
    }
    group.finish();
}

/// Measures one point of the curve, on a fresh histogram for each run.
fn point<R: Record>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    threads: u32,
    make: impl Fn() -> R,
) {
    group.bench_function(BenchmarkId::new(name, threads), |bencher| {
        bencher.iter_custom(|records| timed(&make(), threads, records));
    });
}

/// Returns how long `threads` threads take for `records` records each, from the start of the first
/// to the end of the last, without spawning and joining.
fn timed(histogram: &impl Record, threads: u32, records: u64) -> Duration {
    let all_ready = Barrier::new(threads as usize);
    let recorder = |thread: usize| {
        // Gives the thread a number and a row.
        let first = Latencies::new(thread).draw();
        histogram.record(first);
        all_ready.wait();
        let mut latencies = Latencies::new(thread);
        let begin = Instant::now();
        for _ in 0..records {
            black_box(histogram).record(latencies.draw());
        }
        let end = Instant::now();
        let mut again = Latencies::new(thread);
        let sum = (0..records).fold(first, |sum: u64, _| sum.wrapping_add(again.draw()));
        (begin, end, sum)
    };
    let recorder = &recorder;
    let times: Vec<_> = thread::scope(|scope| {
        let recorders: Vec<_> =
            (0..threads as usize).map(|thread| scope.spawn(move || recorder(thread))).collect();
        let join = |recorder: thread::ScopedJoinHandle<'_, _>| recorder.join();
        recorders.into_iter().map(|thread| join(thread).expect("records do not panic")).collect()
    });
    let sum = times.iter().fold(0, |sum: u64, (_, _, one)| sum.wrapping_add(*one));
    histogram.verify(u64::from(threads) * (records + 1), sum);

    let first = times.iter().map(|(begin, ..)| *begin).min();
    let last = times.iter().map(|(_, end, _)| *end).max();
    last.zip(first).map_or(Duration::ZERO, |(last, first)| last - first)
}

/// Measures snapshots of a histogram at rest, after all of every row was recorded in. `Striped`,
/// since its number of rows can be set.
fn snapshot(criterion: &mut Criterion) {
    let mut group = group(criterion, "snapshot");
    for rows in ROWS {
        group.throughput(Throughput::Elements(rows as u64));
        let builder = Histogram::builder().backend(Backend::Striped).shards(rows);
        for (name, read_lock) in [("unlocked", false), ("locked", true)] {
            let histogram = builder.read_lock(read_lock).build();
            let recorded = fill(&histogram, rows);
            group.bench_function(BenchmarkId::new(name, rows), |bencher| {
                bencher.iter(|| black_box(&histogram).snapshot());
            });
            assert_eq!(histogram.snapshot().count(), recorded, "the count is exact");
        }
        // The spill is a row as well.
        let (cells, width) = bare(rows + 1);
        group.bench_function(BenchmarkId::new("bare loop", rows), |bencher| {
            bencher.iter(|| sums(black_box(&cells), width));
        });
    }
    group.finish();
}

/// Records several times in every bucket of every row.
fn fill(histogram: &Histogram, rows: usize) -> u64 {
    let buckets = || histogram.snapshot().buckets().map(|(values, _)| *values.start()).collect();
    let values: Vec<u64> = buckets();
    let together = Barrier::new(rows);
    let recorder = || {
        histogram.record(0);
        // All threads have numbers now.
        together.wait();
        for &value in &values {
            histogram.record(value);
        }
        together.wait();
    };
    thread::scope(|scope| iter::repeat_with(|| scope.spawn(recorder)).take(rows).for_each(drop));
    (rows * (values.len() + 1)) as u64
}

/// Returns as many cells as a default histogram has, all written to, and the number of cells per
/// row: 528 buckets and a sum, rounded up to whole lines.
fn bare(rows: usize) -> (Box<[AtomicU64]>, usize) {
    let width = 529_usize.next_multiple_of(16);
    ((0..rows * width).map(|_| AtomicU64::new(1)).collect(), width)
}

/// Sums row after row, as a snapshot of the histogram does.
fn sums(cells: &[AtomicU64], width: usize) -> Vec<u64> {
    let mut sums = vec![0; 529];
    for row in cells.chunks_exact(width) {
        for (sum, cell) in sums.iter_mut().zip(row) {
            *sum = u64::wrapping_add(*sum, cell.load(Ordering::Acquire));
        }
    }
    sums
}
