//! Deltas pushed to a `DogStatsD` agent with `cadence`: each is sent once, or kept for the next time if sending fails.
//!
//! ```text
//! cargo run --example dogstatsd -- 127.0.0.1:8125
//! ```
//!
//! The argument is the agent's address; without one it is this. A cursor of `deltas` changes nothing, so that others may
//! export the same counter. What a histogram recorded is sent as a distribution: a datagram for each bucket with new
//! values, with the middle of the bucket and how many there are.

use cadence::{Counted as _, Distributed as _, StatsdClient, UdpMetricSink};
use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::{self, Write as _},
    net::{ToSocketAddrs as _, UdpSocket},
    ops::RangeInclusive,
    process::ExitCode,
    thread,
    time::Duration,
};
use striped_counter::{Counter, Deltas, Histogram, HistogramDeltas};

static HITS: Counter = Counter::new();
static LATENCY: Histogram = Histogram::new();

/// Sends what was added to a counter since the last time.
pub(crate) struct Pusher<'a> {
    client: StatsdClient,
    name: &'a str,
    seen: Deltas<&'a Counter>,
    /// Seen, but not sent.
    pending: u64,
}

impl<'a> Pusher<'a> {
    /// Sends deltas of `counter` as `name` through `client`, starting with everything added so far.
    pub(crate) fn new(client: StatsdClient, name: &'a str, counter: &'a Counter) -> Self {
        Self { client, name, seen: counter.deltas(), pending: 0 }
    }

    /// Sends what is new, if anything is. What could not be sent is sent the next time.
    pub(crate) fn push(&mut self) -> Result<(), cadence::MetricError> {
        self.pending = self.pending.wrapping_add(self.seen.next_delta());
        if self.pending > 0 {
            self.client
                .count_with_tags(self.name, self.pending)
                .with_tag("route", "/")
                .try_send()?;
            self.pending = 0;
        }
        Ok(())
    }
}

/// Sends what a histogram has recorded since the last time.
pub(crate) struct Distribution<'a> {
    client: StatsdClient,
    name: &'a str,
    recorded: HistogramDeltas<&'a Histogram>,
    /// Recorded, but not sent: how many of each value.
    pending: BTreeMap<u64, u64>,
}

impl<'a> Distribution<'a> {
    /// Sends what `histogram` records as `name` through `client`, starting with everything recorded so far.
    pub(crate) fn new(client: StatsdClient, name: &'a str, histogram: &'a Histogram) -> Self {
        Self { client, name, recorded: histogram.deltas(), pending: BTreeMap::new() }
    }

    /// Sends what is new, if anything is. What could not be sent is sent the next time.
    pub(crate) fn push(&mut self) -> Result<(), cadence::MetricError> {
        for (values, count) in self.recorded.next_delta().buckets().filter(|new| new.1 > 0) {
            *self.pending.entry(middle(&values)).or_default() += count;
        }
        while let Some(bucket) = self.pending.first_entry() {
            // The agent counts a value with a sampling rate of 1/n as n values.
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            let rate = 1.0 / *bucket.get() as f64;
            self.client
                .distribution_with_tags(self.name, *bucket.key())
                .with_sampling_rate(rate)
                .with_tag("route", "/")
                .try_send()?;
            bucket.remove();
        }
        Ok(())
    }
}

/// Returns what stands for the values of a bucket: its middle, or its lowest value if it has no upper bound.
fn middle(values: &RangeInclusive<u64>) -> u64 {
    let (low, high) = (*values.start(), *values.end());
    if high == u64::MAX { low } else { low.midpoint(high) }
}

#[allow(dead_code, reason = "the tests of the exporters have only the rest of this file")]
fn main() -> ExitCode {
    let given = env::args_os().nth(1).unwrap_or_else(|| "127.0.0.1:8125".into());
    let Some(address) = given.to_str().filter(|text| text.to_socket_addrs().is_ok()) else {
        let given = given.to_string_lossy();
        eprintln!("error: ADDRESS: '{given}' is not HOST:PORT, a known host and a port to 65535");
        return ExitCode::from(2);
    };
    match run(address) {
        Ok(()) => {
            // A closed output is no error: the hits have been sent.
            let _ = writeln!(io::stdout(), "sent {} hits to {address}", HITS.sum());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves for half a second, counting and pushing.
fn run(address: &str) -> Result<(), Box<dyn Error>> {
    let client = || -> Result<_, Box<dyn Error>> {
        let sink = UdpMetricSink::from(address, UdpSocket::bind("0.0.0.0:0")?)?;
        Ok(StatsdClient::from_sink("service", sink))
    };
    let mut pusher = Pusher::new(client()?, "hits", &HITS);
    let mut latency = Distribution::new(client()?, "latency", &LATENCY);
    for _ in 0..5 {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let _timer = LATENCY.start_timer();
                        HITS.inc();
                    }
                });
            }
        });
        if let Err(error) = pusher.push().and_then(|()| latency.push()) {
            eprintln!("kept for the next time: {error}");
        }
        // A real service pushes less often: an agent flushes every ten seconds.
        thread::sleep(Duration::from_millis(100));
    }
    pusher.push()?;
    latency.push()?;
    Ok(())
}
