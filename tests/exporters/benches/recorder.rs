//! The recorder against the exporter alone: CPU time of a `counter!` and of an increment through a handle
//! that is kept, and memory, by the number of label sets and of threads.
//!
//! ```text
//! cargo bench --bench recorder
//! ```
//!
//! CPU time is that of the threads that count; what flushing takes is told apart. Medians of five rounds;
//! the exporter's own sum is verified after each.

use metrics::{Counter, Recorder, counter, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{
    env, fs,
    process::Command,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};
use striped_counter::integrations::metrics::{Flusher, ShardedRecorder};

const LABELS: [usize; 3] = [1, 1_000, 50_000];
const THREADS: [usize; 2] = [1, 4];
const ROUNDS: usize = 5;
const MENTIONS: usize = 100_000;
const INCREMENTS: usize = 1_000_000;

/// An exporter, alone or behind ours.
struct Subject {
    name: &'static str,
    recorder: Box<dyn Recorder + Sync>,
    flusher: Option<Flusher>,
    handle: PrometheusHandle,
}

impl Subject {
    fn stock() -> Self {
        let exporter = PrometheusBuilder::new().build_recorder();
        let handle = exporter.handle();
        Self { name: "stock", recorder: Box::new(exporter), flusher: None, handle }
    }

    fn ours() -> Self {
        let exporter = PrometheusBuilder::new().build_recorder();
        let handle = exporter.handle();
        let recorder = ShardedRecorder::new(exporter);
        let flusher = Some(recorder.flusher());
        Self { name: "ours", recorder: Box::new(recorder), flusher, handle }
    }

    /// What the exporter shows in total.
    fn total(&self) -> u64 {
        self.flusher.iter().for_each(Flusher::flush);
        let text = self.handle.render();
        let values = text.lines().filter_map(|line| line.strip_prefix("hits{"));
        values.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    fn mention(&self, label: &'static str) -> Counter {
        with_local_recorder(&*self.recorder, || counter!("hits", "user" => label))
    }
}

/// Label values, as programs have them: known by reference.
fn labels(len: usize) -> Vec<&'static str> {
    (0..len).map(|user| &*format!("user-{user}").leak()).collect()
}

fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place to write to, and a clock that every thread has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// CPU time in ns of one of `times` calls of `operation` in each of `threads` threads.
fn cost(threads: usize, times: usize, operation: impl Fn(usize) + Sync) -> f64 {
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The costs of a mention and of an increment, `[stock, ours]` each, in turn so that both see the same
/// machine.
fn costs(len: usize, threads: usize) -> [[f64; 2]; 2] {
    let labels = labels(len);
    let mut rounds: [[Vec<f64>; 2]; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (which, subject) in [Subject::stock(), Subject::ours()].iter().enumerate() {
            let handles: Vec<_> = labels.iter().map(|label| subject.mention(label)).collect();
            rounds[0][which].push(cost(threads, MENTIONS / threads, |n| {
                subject.mention(labels[n % len]).increment(1);
            }));
            rounds[1][which].push(cost(threads, INCREMENTS, |n| handles[n % len].increment(1)));
            let expected = MENTIONS / threads * threads + INCREMENTS * threads;
            assert_eq!(subject.total(), expected as u64, "{} is exact", subject.name);
        }
    }
    rounds.map(|both| both.map(median))
}

fn main() {
    if let Some(which) =
        env::args().find_map(|arg| arg.strip_prefix("--memory=").map(str::to_owned))
    {
        return memory_of(&which);
    }
    println!("CPU time in ns, stock -> with the recorder in front\n");
    println!("| label sets | threads | counter!(..).increment(1) | increment of a handle |");
    println!("|---|---|---|---|");
    for len in LABELS {
        for threads in THREADS {
            let [mention, increment] = costs(len, threads);
            let show =
                |[stock, ours]: [f64; 2]| format!("{stock:.1} -> {ours:.1} ({:.2})", ours / stock);
            println!("| {len} | {threads} | {} | {} |", show(mention), show(increment));
        }
    }
    println!("\nResident MiB, and one flush of the recorder\n");
    println!("| label sets | | stock | ours | flush |\n|---|---|---|---|---|");
    for len in LABELS {
        for held in ["mentioned", "held"] {
            let run = |name| {
                let which = format!("--memory={name},{len},{held}");
                let output = Command::new(env::current_exe().unwrap()).arg(which).output().unwrap();
                assert!(output.status.success());
                let text = String::from_utf8(output.stdout).unwrap();
                let (memory, flush) = text.trim().split_once(' ').unwrap();
                (memory.to_owned(), flush.to_owned())
            };
            let (stock, ours) = (run("stock"), run("ours"));
            println!("| {len} | {held} | {} | {} | {} |", stock.0, ours.0, ours.1);
        }
    }
}

/// Prints the memory that label sets take, and the time of a flush: in a process of its own.
fn memory_of(which: &str) {
    let [name, len, held] = which.split(',').collect::<Vec<_>>().try_into().unwrap();
    let subject = if name == "stock" { Subject::stock() } else { Subject::ours() };
    let labels = labels(len.parse().unwrap());
    let before = resident();
    let mut handles = Vec::new();
    for label in &labels {
        let handle = subject.mention(label);
        handle.increment(1);
        if held == "held" {
            (0..99).for_each(|_| handle.increment(1));
            handles.push(handle);
        }
    }
    let start = Instant::now();
    subject.flusher.iter().for_each(Flusher::flush);
    let flush = start.elapsed();
    // What a flush leaves is looked at by the next one.
    subject.flusher.iter().for_each(Flusher::flush);
    let after = resident();
    println!("{:.1} {:.2?}", (after - before) as f64 / f64::from(1 << 20), flush);
}

fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
