//! Requests in flight in async code: guards that are held across an `.await`, and guards that tasks own.
//!
//! ```text
//! cargo run --example in_flight -- 2000
//! ```
//!
//! The argument is the number of requests. Every tenth is given up when it has taken too long. Its future is dropped
//! halfway, and the guard in it with it, so the level goes down all the same: it never is above the limit of requests
//! in flight, and at the end it is 0.

mod support;

use std::{
    future,
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use striped_counter::UpDownCounter;
use tokio::{
    runtime::Runtime,
    sync::Semaphore,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// Requests that are being handled.
static IN_FLIGHT: UpDownCounter = UpDownCounter::new();

/// How many requests are handled at once.
const LIMIT: u32 = 32;
/// How long the answer to a request takes.
const ANSWER: Duration = Duration::from_millis(20);
/// After how long a request is given up.
const PATIENCE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    support::run("REQUESTS", 2_000, 1..=100_000, |requests| {
        Runtime::new()?.block_on(serve(requests))
    })
}

async fn serve(requests: u64) -> io::Result<()> {
    // Clients that wait for an answer. Not a static, so a task that counts in it needs a share of it.
    let waiting = Arc::new(UpDownCounter::new());
    let slots = Arc::new(Semaphore::new(LIMIT as usize));
    let mut clients = JoinSet::new();
    for request in 1..=requests {
        // A guard that owns its share. It goes into the task, and is dropped with it.
        let guard = waiting.guard_arc();
        let slots = Arc::clone(&slots);
        clients.spawn(async move {
            let _waiting = guard;
            let _slot = slots.acquire().await.expect("the semaphore is never closed");
            timeout(PATIENCE, handle(request)).await.is_ok()
        });
    }
    report(&waiting).await?;
    let answered = clients.join_all().await.into_iter().filter(|&answered| answered).count();
    writeln!(io::stdout(), "answered {answered} of {requests}")
}

/// Handles a request, which is in flight until this future ends or is dropped.
async fn handle(request: u64) {
    // A guard that borrows. It is kept across the `.await`.
    let _in_flight = IN_FLIGHT.guard();
    if request % 10 == 0 {
        return future::pending().await;
    }
    sleep(ANSWER).await;
}

/// Reports both levels ten times per second, until no client waits.
async fn report(waiting: &UpDownCounter) -> io::Result<()> {
    let mut tenths = interval(Duration::from_millis(100));
    tenths.set_missed_tick_behavior(MissedTickBehavior::Delay);
    writeln!(io::stdout(), "{:>8} {:>10}", "waiting", "in flight")?;
    loop {
        tenths.tick().await;
        let (waiting, in_flight) = (waiting.sum(), IN_FLIGHT.sum());
        writeln!(io::stdout(), "{waiting:>8} {in_flight:>10}")?;
        assert!((0..=i64::from(LIMIT)).contains(&in_flight), "never above the limit");
        if waiting == 0 {
            return Ok(());
        }
    }
}
