//! The add, against the number of threads.
//!
//! One iteration is one add on each thread, so the time is that of an add as its thread sees it,
//! and a counter whose adds never meet shows the same time up to the number of CPUs. Beyond that,
//! threads take turns, and the time grows with their number whatever the counter does.

mod common;
#[path = "common/count.rs"]
mod count;

use common::{group, run};
use count::Count;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use crossbeam_utils::CachePadded;
use std::{
    hint::black_box,
    iter,
    sync::{Barrier, atomic::AtomicU64},
    thread,
    time::{Duration, Instant},
};
use striped_counter::{Backend, Counter, classic::ThreadLocalCounter};

const THREADS: [u32; 4] = [1, 2, 8, 32];

/// Adds of each thread before the clock starts, which give it a number and a shard.
const TOUCHES: u64 = 16;

fn main() {
    run(&[add]);
}

fn add(criterion: &mut Criterion) {
    let mut group = group(criterion, "add");
    for threads in THREADS {
        // Criterion plots a group against its throughput if it has one, or else against the
        // parameter of the id. Here both are the same.
        group.throughput(Throughput::Elements(threads.into()));
        point(&mut group, "AtomicU64", threads, || CachePadded::new(AtomicU64::new(0)));
        for backend in [Backend::PerCpu, Backend::PerThread, Backend::Striped] {
            let builder = Counter::builder().backend(backend);
            match builder.try_build() {
                Ok(_) => point(&mut group, &backend.to_string(), threads, || builder.build()),
                Err(error) => eprintln!("left out: {error}"),
            }
        }
        point(&mut group, "ThreadLocalCounter", threads, ThreadLocalCounter::new);
    }
    group.finish();
}

/// Measures one point of the curve, on a fresh counter for each run.
fn point<C: Count + Sync>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    threads: u32,
    counter: impl Fn() -> C,
) {
    group.bench_function(BenchmarkId::new(name, threads), |bencher| {
        bencher.iter_custom(|adds| timed(&counter(), threads, adds));
    });
}

/// Returns how long `threads` threads take for `adds` adds each, from the start of the first to the
/// end of the last, without spawning and joining.
fn timed(counter: &(impl Count + Sync), threads: u32, adds: u64) -> Duration {
    let all_ready = Barrier::new(threads as usize);
    let adder = || {
        (0..TOUCHES).for_each(|_| counter.inc());
        all_ready.wait();
        let begin = Instant::now();
        for _ in 0..adds {
            // Opaque, so that the shard is found anew for every add.
            black_box(counter).inc();
        }
        (begin, Instant::now())
    };
    let times: Vec<_> = thread::scope(|scope| {
        let adders: Vec<_> =
            iter::repeat_with(|| scope.spawn(adder)).take(threads as usize).collect();
        adders.into_iter().map(|adder| adder.join().expect("adds do not panic")).collect()
    });
    assert_eq!(counter.sum(), u64::from(threads) * (TOUCHES + adds), "the sum is exact");

    let first = times.iter().map(|(begin, _)| *begin).min();
    let last = times.iter().map(|(_, end)| *end).max();
    last.zip(first).map_or(Duration::ZERO, |(last, first)| last - first)
}
