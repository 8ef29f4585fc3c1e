//! Against the datagrams of `cadence`: what the example sends.

#[path = "../../../examples/dogstatsd.rs"]
mod dogstatsd;

use cadence::{MetricSink, StatsdClient, UdpMetricSink};
use dogstatsd::{Distribution, Pusher};
use std::{
    io,
    net::UdpSocket,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use striped_counter::{Counter, Histogram};

/// Keeps the datagrams, or refuses them.
#[derive(Clone, Default)]
struct Sink {
    sent: Arc<Mutex<Vec<String>>>,
    broken: Arc<AtomicBool>,
}

impl MetricSink for Sink {
    fn emit(&self, metric: &str) -> io::Result<usize> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(io::Error::other("the socket is full"));
        }
        self.sent.lock().unwrap().push(metric.to_owned());
        Ok(metric.len())
    }
}

#[test]
fn deltas_are_sent_once_and_kept_if_they_cannot_be() {
    let counter = Counter::new();
    let sink = Sink::default();
    let client = StatsdClient::from_sink("service", sink.clone());
    let mut pusher = Pusher::new(client, "hits", &counter);
    counter.add(5);
    pusher.push().unwrap();
    pusher.push().unwrap();
    sink.broken.store(true, Ordering::Relaxed);
    counter.add(2);
    pusher.push().unwrap_err();
    counter.add(1);
    pusher.push().unwrap_err();
    sink.broken.store(false, Ordering::Relaxed);
    pusher.push().unwrap();
    let expected = ["service.hits:5|c|#route:/", "service.hits:3|c|#route:/"];
    assert_eq!(*sink.sent.lock().unwrap(), expected);
}

#[test]
fn a_histogram_is_a_distribution_and_kept_if_it_cannot_be_sent() {
    let histogram = Histogram::builder().bounds(&[9, 99]).build();
    let sink = Sink::default();
    let client = StatsdClient::from_sink("service", sink.clone());
    let mut distribution = Distribution::new(client, "size", &histogram);
    histogram.record_n(5, 4);
    histogram.record(50);
    distribution.push().unwrap();
    distribution.push().unwrap();
    sink.broken.store(true, Ordering::Relaxed);
    histogram.record(500);
    distribution.push().unwrap_err();
    histogram.record(5_000);
    distribution.push().unwrap_err();
    sink.broken.store(false, Ordering::Relaxed);
    distribution.push().unwrap();
    let expected = [
        "service.size:4|d|@0.25|#route:/",
        "service.size:54|d|@1|#route:/",
        "service.size:100|d|@0.5|#route:/",
    ];
    assert_eq!(*sink.sent.lock().unwrap(), expected);
}

#[test]
fn another_exporter_is_not_disturbed() {
    let counter = Counter::new();
    let client = StatsdClient::from_sink("service", Sink::default());
    let mut pusher = Pusher::new(client, "hits", &counter);
    let mut other = counter.deltas();
    counter.add(5);
    pusher.push().unwrap();
    assert_eq!((counter.sum(), other.next_delta()), (5, 5));
}

#[test]
fn a_datagram_arrives() {
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sink = UdpMetricSink::from(agent.local_addr().unwrap(), socket).unwrap();
    let counter = Counter::new();
    let mut pusher = Pusher::new(StatsdClient::from_sink("service", sink), "hits", &counter);
    counter.add(41);
    pusher.push().unwrap();
    let mut datagram = [0; 100];
    let length = agent.recv(&mut datagram).unwrap();
    assert_eq!(&datagram[..length], b"service.hits:41|c|#route:/");
}
