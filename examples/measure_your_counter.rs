//! Your own counters in the tables and plots of the contention tool, next to this crate's.
//!
//! ```text
//! cargo run --release --features cli --example measure_your_counter
//! ```
//!
//! It takes the options of the tool; `--help` lists them.

use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use striped_counter::bench::Contention;

/// Stands for your counter: two atomics, of which each add goes to the one that was used less.
#[derive(Default)]
struct Two([AtomicU64; 2]);

impl Two {
    fn add(&self) {
        let [first, second] = &self.0;
        let less_used = if first.load(Relaxed) <= second.load(Relaxed) { first } else { second };
        less_used.fetch_add(1, Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|count| count.load(Relaxed)).sum()
    }
}

fn main() -> ExitCode {
    Contention::new()
        .subject("two atomics", Two::default, Two::add, Two::sum)
        // How to make one, how to add one, and how to read the sum.
        .subject(
            "boxed mutex",
            || Box::new(Mutex::new(0)),
            |n| *n.lock().unwrap() += 1,
            |n| *n.lock().unwrap(),
        )
        .run()
}
