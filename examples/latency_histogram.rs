//! Latencies of a service with several threads: the count, mean and quantiles of each second, then those of the
//! whole run.
//!
//! ```text
//! cargo run --release --example latency_histogram -- 10
//! ```
//!
//! The argument is how many seconds to run. Recording never waits for the reader. The reader's cursor of
//! [`deltas`](Histogram::deltas) returns what was recorded since it last looked, and changes nothing.

mod support;

use std::{
    hint::black_box,
    io::{self, Write as _},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};
use striped_counter::{Histogram, HistogramSnapshot};

static LATENCY: Histogram = Histogram::new();

const SERVERS: u64 = 4;

fn main() -> ExitCode {
    support::run("SECONDS", 2, 1..=3_600, serve_and_report)
}

fn serve_and_report(seconds: u64) -> io::Result<()> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for server in 1..=SERVERS {
            let stop = &stop;
            scope.spawn(move || serve(server, stop));
        }
        let reported = report(seconds);
        stop.store(true, Ordering::Relaxed);
        reported
    })
}

/// Serves requests. Most take little time, some ten or a hundred times as much.
fn serve(mut random: u64, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        // Records the time from here to the end of the block.
        let _timer = LATENCY.start_timer();
        random = work(random, 1_000);
        match random % 1_000 {
            0 => random = work(random, 100_000),
            1..20 => random = work(random, 10_000),
            _ => {}
        }
    }
}

/// Takes this many steps of a random number generator (Marsaglia's xorshift64).
fn work(mut random: u64, steps: u32) -> u64 {
    for _ in 0..steps {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
    }
    black_box(random)
}

fn report(seconds: u64) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(
        out,
        "{:>8} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "second", "requests", "mean", "p50", "p99", "p99.9"
    )?;
    let (start, mut new) = (Instant::now(), LATENCY.deltas());
    for second in 1..=seconds {
        thread::sleep(Duration::from_secs(second).saturating_sub(start.elapsed()));
        row(&mut out, &second.to_string(), &new.next_delta())?;
    }
    row(&mut out, "all", &LATENCY.snapshot())
}

fn row(out: &mut impl io::Write, which: &str, latency: &HistogramSnapshot) -> io::Result<()> {
    write!(out, "{which:>8} {:>10}", latency.count())?;
    let quantiles = [0.5, 0.99, 0.999].map(|q| latency.quantile(q));
    for nanoseconds in [latency.mean()].into_iter().chain(quantiles) {
        let shown = nanoseconds.map_or("-".to_owned(), |ns| format!("{:.1} us", ns / 1e3));
        write!(out, " {shown:>10}")?;
    }
    writeln!(out)
}
