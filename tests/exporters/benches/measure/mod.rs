//! What the benchmarks measure with: CPU time of threads, and memory.

use std::{fs, sync::Barrier, thread, time::Duration};

/// Label values, as programs have them: known by reference.
pub(crate) fn labels(len: usize) -> Vec<&'static str> {
    (0..len).map(|user| &*format!("user-{user}").leak()).collect()
}

fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place to write to, and a clock that every thread has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// CPU time in ns of one of `times` calls of `operation` in each of `threads` threads.
pub(crate) fn cost(threads: usize, times: usize, operation: impl Fn(usize) + Sync) -> f64 {
    let start = Barrier::new(threads);
    let run = |thread: usize| {
        start.wait();
        let before = cpu_time();
        (0..times).for_each(|n| operation(n.wrapping_add(thread * 7919)));
        cpu_time() - before
    };
    let total: Duration = thread::scope(|scope| {
        let threads = (0..threads).map(|thread| scope.spawn(move || run(thread)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    total.as_nanos() as f64 / (threads * times) as f64
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// "stock -> ours (ratio)".
pub(crate) fn against(stock: f64, ours: f64) -> String {
    format!("{stock:.1} -> {ours:.1} ({:.2})", ours / stock)
}

/// Bytes of memory that are resident.
pub(crate) fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
