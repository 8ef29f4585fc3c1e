//! Histograms. Ours without a sum are compared with those that keep none; explicit bounds are the
//! eleven of Prometheus.

use super::{Alone, Entry, SHARDS};
use crate::subject::{Family, Subject, bytes, run};
use std::{
    cell::{Cell, RefCell},
    hint::black_box,
    sync::Mutex,
};
use striped_counter::{
    Backend, Histogram,
    bench::lab::{
        backends::works,
        index::{BOUNDS, Latencies},
    },
};

/// The shape of all log-linear ones, and the digits of those that are defined by digits: the next
/// precision to 6.25 %.
const GROUPING_POWER: u8 = 4;
const MAX_VALUE_POWER: u8 = 36;
const DIGITS: u8 = 1;

#[derive(Clone, Copy)]
enum Kind {
    Sum,
    NoSum,
    Bounds,
}

fn ours(backend: Backend, kind: Kind) -> Histogram {
    let builder = Histogram::builder().backend(backend);
    match kind {
        Kind::Sum => builder.build(),
        Kind::NoSum => builder.sum(false).build(),
        Kind::Bounds => builder.bounds(&BOUNDS).build(),
    }
}

/// Defines one of ours.
macro_rules! own {
    ($name:literal, $family:ident, $backend:ident, $kind:ident) => {
        histogram!(
            $name,
            $family,
            Histogram,
            ours(Backend::$backend, Kind::$kind),
            |it, value| it.record(value),
            it.snapshot().count()
        )
    };
}

/// Returns the subjects with one histogram, except those that do not work on this machine.
pub(crate) fn histograms() -> Vec<Entry> {
    let per_cpu = [
        own!("PerCpu Histogram", Ours, PerCpu, Sum),
        own!("PerCpu, no sum", Ours, PerCpu, NoSum),
        own!("PerCpu, 11 bounds", Ours, PerCpu, Bounds),
    ];
    let portable = [
        own!("PerThread Histogram", Ours, PerThread, Sum),
        own!("PerThread, no sum", Ours, PerThread, NoSum),
        own!("PerThread, 11 bounds", Ours, PerThread, Bounds),
        own!("Striped Histogram", OursShared, Striped, Sum),
        own!("Striped, no sum", OursShared, Striped, NoSum),
        own!("Striped, 11 bounds", OursShared, Striped, Bounds),
    ];
    let works = works(Backend::PerCpu).is_ok();
    let ours = per_cpu.into_iter().filter(|_| works).chain(portable);
    ours.chain(with_sum()).chain(without_sum()).chain(limits()).collect()
}

/// Returns seconds, the unit that these observe.
#[expect(clippy::cast_precision_loss, reason = "these take an `f64`")]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn prometheus() -> prometheus::Histogram {
    let options = prometheus::HistogramOpts::new("rivals", "rivals");
    prometheus::Histogram::with_opts(options).expect("the name is a valid one")
}

type ClientHistogram = prometheus_client::metrics::histogram::Histogram;

fn client() -> ClientHistogram {
    ClientHistogram::new(BOUNDS.map(seconds))
}

/// Returns the count, which this crate provides only in its encoding.
fn client_count(histogram: &ClientHistogram) -> u64 {
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register("rivals", "rivals", histogram.clone());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("a string takes all");
    let count = text.lines().find_map(|line| line.strip_prefix("rivals_count "));
    count.and_then(|count| count.parse().ok()).expect("there is a count")
}

fn with_sum() -> [Entry; 4] {
    [
        histogram!(
            "prometheus Histogram",
            Atomic,
            prometheus::Histogram,
            prometheus(),
            |it, value| it.observe(seconds(value)),
            it.get_sample_count()
        ),
        histogram!(
            "prometheus-client Histogram",
            Lock,
            ClientHistogram,
            client(),
            |it, value| it.observe(seconds(value)),
            client_count(it)
        ),
        histogram!(
            "fast-telemetry Histogram",
            Sharded,
            fast_telemetry::Histogram,
            fast_telemetry::Histogram::new(&BOUNDS, *SHARDS),
            |it, value| it.record(value),
            it.count()
        ),
        histogram!(
            "fast-telemetry Distribution",
            Sharded,
            fast_telemetry::Distribution,
            fast_telemetry::Distribution::new(*SHARDS),
            |it, value| it.record(value),
            it.count()
        ),
    ]
}

type Plain = histogram::Histogram;

fn counted(histogram: Option<Plain>) -> u64 {
    histogram.map_or(0, |histogram| histogram.as_slice().iter().sum())
}

fn hdr() -> hdrhistogram::Histogram<u64> {
    hdrhistogram::Histogram::new_with_max(1 << MAX_VALUE_POWER, DIGITS).expect("a valid shape")
}

/// Each thread records in its own histogram, and a reader waits until the thread hands it over.
struct HdrSync(Mutex<hdrhistogram::sync::SyncHistogram<u64>>);

impl Subject for HdrSync {
    fn new() -> Self {
        Self(Mutex::new(hdr().into()))
    }
    #[inline(always)]
    fn adder(&self, number: usize) -> impl FnMut() {
        let mut recorder = self.0.lock().expect("not poisoned").recorder();
        let mut latencies = Latencies::new(number);
        move || recorder.record(latencies.draw()).expect("in range")
    }
    fn sum(&self) -> u64 {
        let mut histogram = self.0.lock().expect("not poisoned");
        histogram.refresh();
        histogram.len()
    }
}

fn without_sum() -> [Entry; 6] {
    [
        histogram!(
            "histogram Atomic, no sum",
            Atomic,
            histogram::AtomicHistogram,
            histogram::AtomicHistogram::new(GROUPING_POWER, MAX_VALUE_POWER)
                .expect("a valid shape"),
            |it, value| it.increment(value),
            counted(Some(it.load()))
        ),
        histogram!(
            "metriken sharded, no sum",
            Sharded,
            Box<metriken::ShardedCounterHistogram>,
            Box::new(metriken::ShardedCounterHistogram::new(GROUPING_POWER, MAX_VALUE_POWER)),
            |it, value| it.increment(value),
            counted(it.load())
        ),
        histogram!(
            "metriken group, no sum",
            Sharded,
            metriken::ShardedCounterHistogramGroup,
            metriken::ShardedCounterHistogramGroup::new(1, GROUPING_POWER, MAX_VALUE_POWER),
            |it, value| it.increment(0, value),
            counted(it.load(0))
        ),
        histogram!(
            "metrics AtomicBucket",
            Atomic,
            metrics_util::storage::AtomicBucket<f64>,
            metrics_util::storage::AtomicBucket::new(),
            |it, value| it.push(seconds(value)),
            {
                let mut count = 0;
                it.data_with(|block| count += block.len() as u64);
                count
            }
        ),
        Entry {
            name: "hdrhistogram sync",
            family: Family::Buffered,
            run: run::<HdrSync>,
            bytes: Some(bytes::<HdrSync>),
        },
        histogram!(
            "hdrhistogram, Mutex",
            Lock,
            Mutex<hdrhistogram::Histogram<u64>>,
            Mutex::new(hdr()),
            |it, value| it.lock().expect("not poisoned").record(value),
            it.lock().expect("not poisoned").len()
        ),
    ]
}

/// A histogram for one thread, which that thread borrows once.
struct PlainHistogram(Alone<RefCell<Plain>>);

impl Subject for PlainHistogram {
    fn new() -> Self {
        let plain = Plain::new(GROUPING_POWER, MAX_VALUE_POWER).expect("a valid shape");
        Self(Alone(RefCell::new(plain)))
    }
    #[inline(always)]
    fn adder(&self, number: usize) -> impl FnMut() {
        let mut histogram = self.0.0.borrow_mut();
        let mut latencies = Latencies::new(number);
        move || histogram.increment(latencies.draw()).expect("in range")
    }
    fn sum(&self) -> u64 {
        counted(Some(self.0.0.borrow().clone()))
    }
}

/// Returns the limits: a plain histogram of one thread, and only drawing the latencies.
fn limits() -> [Entry; 2] {
    [
        Entry {
            name: "plain histogram, no sum",
            family: Family::OneThread,
            run: run::<PlainHistogram>,
            bytes: None,
        },
        Entry {
            bytes: None,
            ..histogram!(
                "the latency alone",
                OneThread,
                Alone<Cell<u64>>,
                Alone(Cell::new(0)),
                |it, value| {
                    black_box(value);
                    it.0.set(it.0.get() + 1);
                },
                it.0.get()
            )
        },
    ]
}
