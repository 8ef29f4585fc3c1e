//! `DogStatsD` by `cadence`: deltas, each sent once, and kept for the next time if it could not be.
//!
//! ```text
//! cargo run --example dogstatsd -- 127.0.0.1:8125
//! ```
//!
//! Another exporter of the same counter notices nothing: a cursor of `deltas` changes nothing. A histogram's
//! are sent as a distribution: a datagram for each bucket with new values, as its middle and how many there are.

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

/// Sends what a counter has grown by since the last time.
pub(crate) struct Pusher<'a> {
    client: StatsdClient,
    name: &'a str,
    seen: Deltas<&'a Counter>,
    /// Seen, but not sent.
    pending: u64,
}

impl<'a> Pusher<'a> {
    /// Sends the growth of `counter` as `name` through `client`, from what it has by now.
    pub(crate) fn new(client: StatsdClient, name: &'a str, counter: &'a Counter) -> Self {
        Self { client, name, seen: counter.deltas(), pending: 0 }
    }

    /// Sends what is new, if anything is. After an error it will be in the next delta.
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
    /// Sends what `histogram` records as `name` through `client`, from what it has by now.
    pub(crate) fn new(client: StatsdClient, name: &'a str, histogram: &'a Histogram) -> Self {
        Self { client, name, recorded: histogram.deltas(), pending: BTreeMap::new() }
    }

    /// Sends what is new, if anything is. What could not be sent is sent the next time.
    pub(crate) fn push(&mut self) -> Result<(), cadence::MetricError> {
        for (values, count) in self.recorded.next_delta().buckets().filter(|new| new.1 > 0) {
            *self.pending.entry(middle(&values)).or_default() += count;
        }
        while let Some(bucket) = self.pending.first_entry() {
            // One in so many is sent: the agent counts it as many times.
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

/// What stands for the values of a bucket. The open one has no middle.
fn middle(values: &RangeInclusive<u64>) -> u64 {
    let (low, high) = (*values.start(), *values.end());
    if high == u64::MAX { low } else { low.midpoint(high) }
}

#[allow(dead_code, reason = "the tests of the exporters have only the rest of this file")]
fn main() -> ExitCode {
    let given = env::args_os().nth(1).unwrap_or_else(|| "127.0.0.1:8125".into());
    let Some(address) = given.to_str().filter(|text| text.to_socket_addrs().is_ok()) else {
        let given = given.display();
        eprintln!("error: ADDRESS: '{given}' is not HOST:PORT, a known host and a port to 65535");
        return ExitCode::from(2);
    };
    match run(address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A service of half a second, that counts and pushes.
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
        // The agent adds up what comes within ten seconds: no need to hurry in a real service.
        thread::sleep(Duration::from_millis(100));
    }
    pusher.push()?;
    latency.push()?;
    writeln!(io::stdout(), "sent {} hits to {address}", HITS.sum())?;
    Ok(())
}
