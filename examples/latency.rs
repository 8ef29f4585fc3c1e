//! Latencies of a program that serves requests on several threads: each second's count, mean and quantiles,
//! then those of the whole run.
//!
//! ```text
//! cargo run --release --example latency -- 10
//! ```
//!
//! The argument is for how many seconds. Recording never waits for the reader, and the reader changes nothing:
//! its cursor of deltas tells what is new since it last looked.

use std::{
    env,
    hint::black_box,
    io::{self, Write as _},
    ops::RangeInclusive,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};
use striped_counter::{Histogram, HistogramSnapshot};

static LATENCY: Histogram = Histogram::new();

const SERVERS: u64 = 4;
const SECONDS: RangeInclusive<u64> = 1..=3_600;

fn main() -> ExitCode {
    let given = env::args_os().nth(1).unwrap_or_else(|| "2".into());
    let seconds = given.to_str().and_then(|seconds| seconds.parse().ok());
    let Some(seconds) = seconds.filter(|seconds| SECONDS.contains(seconds)) else {
        let (given, from, to) = (given.display(), SECONDS.start(), SECONDS.end());
        eprintln!("error: SECONDS: '{given}' is not a number from {from} to {to}");
        return ExitCode::from(2);
    };
    let stop = AtomicBool::new(false);
    let reported = thread::scope(|scope| {
        for server in 1..=SERVERS {
            let stop = &stop;
            scope.spawn(move || serve(server, stop));
        }
        let reported = report(seconds);
        stop.store(true, Ordering::Relaxed);
        reported
    });
    // Nobody reads on: that is the end of it, and no error.
    match reported {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Serves requests, most of which take little, and a few a hundred times as much.
fn serve(mut random: u64, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let _timer = LATENCY.start_timer();
        random = work(random, 1_000);
        match random % 1_000 {
            0 => random = work(random, 100_000),
            1..20 => random = work(random, 10_000),
            _ => {}
        }
    }
}

/// So many steps of a random number generator (Marsaglia's xorshift64).
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
    let (start, mut recorded) = (Instant::now(), LATENCY.deltas());
    for second in 1..=seconds {
        thread::sleep(Duration::from_secs(second).saturating_sub(start.elapsed()));
        row(&mut out, &second.to_string(), &recorded.next_delta())?;
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
