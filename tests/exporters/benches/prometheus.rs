//! The labelled counters of `prometheus`: its own, and the same with our storage.
//!
//! ```text
//! cargo bench --bench prometheus
//! ```
//!
//! CPU time of the threads that count. Medians of five rounds; the sums are verified after each.

mod measure;

use measure::{against, cost, labels, median, resident};
use prometheus::{
    Opts,
    core::{Atomic, AtomicU64, GenericCounterVec},
};
use std::{env, process::Command};
use striped_counter::Counter;

const LABELS: [usize; 3] = [1, 1_000, 10_000];
const THREADS: [usize; 4] = [1, 2, 4, 8];
const ROUNDS: usize = 5;
const LOOK_UPS: usize = 100_000;
const INCREMENTS: usize = 1_000_000;

fn vector<A: Atomic + 'static>() -> GenericCounterVec<A> {
    GenericCounterVec::new(Opts::new("hits_total", "Requests"), &["user"]).unwrap()
}

/// The costs of an increment with a look-up, and without one.
fn costs<A: Atomic<T = u64> + 'static>(labels: &[&'static str], threads: usize) -> [f64; 2] {
    let hits = vector::<A>();
    let children: Vec<_> = labels.iter().map(|label| hits.with_label_values(&[label])).collect();
    let len = labels.len();
    let with = cost(threads, LOOK_UPS / threads, |n| {
        hits.with_label_values(&[labels[n % len]]).inc();
    });
    let without = cost(threads, INCREMENTS, |n| children[n % len].inc());
    let expected = LOOK_UPS / threads * threads + INCREMENTS * threads;
    assert_eq!(children.iter().map(|child| child.get()).sum::<u64>(), expected as u64);
    [with, without]
}

fn main() {
    if let Some(which) =
        env::args().find_map(|arg| arg.strip_prefix("--memory=").map(str::to_owned))
    {
        return memory_of(&which);
    }
    println!("CPU time in ns: its own -> sharded (ratio)\n");
    println!(
        "| label sets | threads | `with_label_values(..).inc()` | `inc` of a child |\n|---|---|---|---|"
    );
    for len in LABELS {
        let labels = labels(len);
        for threads in THREADS {
            let mut rounds: [Vec<f64>; 4] = Default::default();
            for _ in 0..ROUNDS {
                let own = costs::<AtomicU64>(&labels, threads);
                let sharded = costs::<Counter>(&labels, threads);
                for (round, cost) in rounds.iter_mut().zip([own[0], sharded[0], own[1], sharded[1]])
                {
                    round.push(cost);
                }
            }
            let [a, b, c, d] = rounds.map(median);
            println!("| {len} | {threads} | {} | {} |", against(a, b), against(c, d));
        }
    }
    println!("\nResident MiB of 10,000 label sets: its own, sharded\n");
    for which in ["own", "sharded"] {
        let mut command = Command::new(env::current_exe().unwrap());
        let output = command.arg(format!("--memory={which}")).output().unwrap();
        println!("{which}: {}", String::from_utf8(output.stdout).unwrap().trim());
    }
}

fn memory_of(which: &str) {
    fn fill<A: Atomic<T = u64> + 'static>(labels: &[&str]) -> usize {
        let (before, hits) = (resident(), vector::<A>());
        labels.iter().for_each(|label| hits.with_label_values(&[label]).inc_by(2));
        labels.iter().for_each(|label| hits.with_label_values(&[label]).inc_by(2));
        resident() - before
    }
    let labels = labels(10_000);
    let bytes = if which == "own" { fill::<AtomicU64>(&labels) } else { fill::<Counter>(&labels) };
    println!("{:.1}", bytes as f64 / f64::from(1 << 20));
}
