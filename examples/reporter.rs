//! Worker threads count and one thread reports: what was added each second, and at the end the exact total.
//!
//! ```text
//! cargo run --release --example reporter -- 10
//! ```
//!
//! The argument is how many seconds to run. The reporter's cursor of [`deltas`](Counter::deltas) returns every
//! add exactly once, and takes nothing away from other readers.

mod support;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};
use striped_counter::{Counter, Deltas};

static REQUESTS: Counter = Counter::new();

const WORKERS: usize = 4;

fn main() -> ExitCode {
    support::run("SECONDS", 2, 1..=3_600, count_and_report)
}

fn count_and_report(seconds: u64) -> io::Result<()> {
    let stop = AtomicBool::new(false);
    let mut new = REQUESTS.deltas();
    let (reported, handled) = thread::scope(|scope| {
        let workers = [(); WORKERS].map(|()| scope.spawn(|| work(&stop)));
        let reported = report(seconds, &mut new);
        stop.store(true, Ordering::Relaxed);
        let handled = workers.map(|worker| worker.join().expect("a worker does not panic"));
        (reported, handled.iter().sum::<u64>())
    });
    reported?;
    // The workers have ended, so the total includes all that they did.
    assert_eq!(REQUESTS.sum(), handled);
    row("rest", new.next_delta())?;
    row("total", REQUESTS.sum())
}

/// Handles requests until `stop` is set. Returns how many, to check the counter by.
fn work(stop: &AtomicBool) -> u64 {
    let mut handled = 0;
    while !stop.load(Ordering::Relaxed) {
        // A real worker would handle a request here.
        REQUESTS.inc();
        handled += 1;
    }
    handled
}

/// Reports what is new, once per second.
fn report(seconds: u64, new: &mut Deltas<&Counter>) -> io::Result<()> {
    writeln!(io::stdout(), "{:>8} {:>14}", "second", "requests")?;
    let start = Instant::now();
    for second in 1..=seconds {
        thread::sleep(Duration::from_secs(second).saturating_sub(start.elapsed()));
        row(&second.to_string(), new.next_delta())?;
    }
    Ok(())
}

fn row(when: &str, requests: u64) -> io::Result<()> {
    writeln!(io::stdout(), "{when:>8} {requests:>14}")
}
