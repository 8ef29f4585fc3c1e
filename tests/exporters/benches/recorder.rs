//! The recorder against the exporter alone: CPU time of a `counter!` and of an increment through a handle
//! that is kept, and memory, by the number of label sets and of threads.
//!
//! ```text
//! cargo bench --bench recorder
//! ```
//!
//! CPU time is that of the threads that count; the cost of flushing is shown separately. Medians of five
//! rounds; the exporter's own sum is verified after each.

mod measure;

use measure::{against, cost, labels, median, resident};
use metrics::{Counter, Recorder, counter, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{env, process::Command, time::Instant};
use striped_counter::integrations::metrics::{Flusher, ShardedRecorder};

const LABELS: [usize; 3] = [1, 1_000, 50_000];
const THREADS: [usize; 4] = [1, 2, 4, 8];
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

    fn ours(name: &'static str) -> Self {
        let exporter = PrometheusBuilder::new().build_recorder();
        let handle = exporter.handle();
        let builder = ShardedRecorder::builder(exporter);
        let recorder = if name == "by key" { builder.by_key() } else { builder }.build();
        let flusher = Some(recorder.flusher());
        Self { name, recorder: Box::new(recorder), flusher, handle }
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

/// The costs of a mention and of an increment, of each subject, in turn so that all see the same machine.
fn costs(len: usize, threads: usize) -> [[f64; 3]; 2] {
    let labels = labels(len);
    let mut rounds: [[Vec<f64>; 3]; 2] = Default::default();
    for _ in 0..ROUNDS {
        let subjects = [Subject::stock(), Subject::ours("ours"), Subject::ours("by key")];
        for (which, subject) in subjects.iter().enumerate() {
            let handles: Vec<_> = labels.iter().map(|label| subject.mention(label)).collect();
            rounds[0][which].push(cost(threads, MENTIONS / threads, |n| {
                subject.mention(labels[n % len]).increment(1);
            }));
            rounds[1][which].push(cost(threads, INCREMENTS, |n| handles[n % len].increment(1)));
            let expected = MENTIONS / threads * threads + INCREMENTS * threads;
            assert_eq!(subject.total(), expected as u64, "{} is exact", subject.name);
        }
    }
    rounds.map(|all| all.map(median))
}

fn main() {
    if let Some(which) =
        env::args().find_map(|arg| arg.strip_prefix("--memory=").map(str::to_owned))
    {
        return memory_of(&which);
    }
    println!("CPU time in ns: the exporter alone -> behind the recorder (ratio)\n");
    println!(
        "| label sets | threads | `counter!(..).increment(1)` | with `by_key` | increment of a handle |"
    );
    println!("|---|---|---|---|---|");
    for len in LABELS {
        for threads in THREADS {
            let [mention, increment] = costs(len, threads);
            println!(
                "| {len} | {threads} | {} | {} | {} |",
                against(mention[0], mention[1]),
                against(mention[0], mention[2]),
                against(increment[0], increment[1]),
            );
        }
    }
    println!("\nResident MiB, and one flush of the recorder\n");
    println!(
        "| label sets | | alone | behind | by key | flush | flush by key |\n|---|---|---|---|---|---|---|"
    );
    for len in LABELS {
        for held in ["mentioned", "held"] {
            let [stock, ours, by_key] = ["stock", "ours", "by key"].map(|name| {
                let which = format!("--memory={name},{len},{held}");
                let output = Command::new(env::current_exe().unwrap()).arg(which).output().unwrap();
                assert!(output.status.success());
                let text = String::from_utf8(output.stdout).unwrap();
                let (memory, flush) = text.trim().split_once(' ').unwrap();
                (memory.to_owned(), flush.to_owned())
            });
            println!(
                "| {len} | {held} | {} | {} | {} | {} | {} |",
                stock.0, ours.0, by_key.0, ours.1, by_key.1
            );
        }
    }
}

/// Prints the memory that label sets take, and the time of a flush: in a process of its own.
fn memory_of(which: &str) {
    let [name, len, held] = which.split(',').collect::<Vec<_>>().try_into().unwrap();
    let subject = match name {
        "stock" => Subject::stock(),
        "by key" => Subject::ours("by key"),
        _ => Subject::ours("ours"),
    };
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
    // The next flush looks at what this one leaves.
    subject.flusher.iter().for_each(Flusher::flush);
    let after = resident();
    println!("{:.1} {:.2?}", (after - before) as f64 / f64::from(1 << 20), flush);
}
