//! The subjects.
//!
//! Sharded rivals whose number of shards can be set have as many as our `Striped` by default. Adds
//! to one of many counters go to random ones of a thousand. Histograms record random latencies.

use crate::subject::{Family, Subject, bytes, run};
use contatori::counters::Observable as _;
use crossbeam_utils::{CachePadded, sync::ShardedLock};
use numaperf_topo::Topology;
use std::{
    cell::Cell,
    io,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use striped_counter::{
    Backend, Counter, CounterSet,
    bench::lab::{
        backends::works,
        index::{Draw, Index},
        measure::{Load, STEPS, Sample},
        memory::Bytes,
    },
    classic::{FastReadCounter, FastWriteCounter, SingleThreadCounter},
};
use type_census::counter::{Counter as _, DistributedCounter};

/// A subject.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    pub(crate) run: fn(Load) -> io::Result<Sample>,
    /// Measures the bytes of a number of instances and threads; `None` if there is only one
    /// instance per process.
    pub(crate) bytes: Option<fn(usize, usize) -> Bytes>,
}

/// Defines a subject and its entry: how it is created, what threads that add call, and how it is
/// summed.
macro_rules! subject {
    ($name:literal, $family:ident, $type:ty, $new:expr, |$it:ident, $number:pat_param| $adder:expr, $sum:expr) => {{
        struct Rival($type);
        impl Subject for Rival {
            fn new() -> Self {
                Self($new)
            }
            #[inline(always)]
            fn adder(&self, $number: usize) -> impl FnMut() {
                let $it = &self.0;
                $adder
            }
            fn sum(&self) -> u64 {
                let $it = &self.0;
                $sum
            }
        }
        Entry {
            name: $name,
            family: Family::$family,
            run: run::<Rival>,
            bytes: Some(bytes::<Rival>),
        }
    }};
}

/// Defines one counter, to which `add` adds one.
macro_rules! entry {
    ($name:literal, $family:ident, $type:ty, $new:expr, |$it:ident| $add:expr, $sum:expr) => {
        subject!($name, $family, $type, $new, |$it, _| move || _ = $add, $sum)
    };
}

/// Defines a thousand counters, of which an add goes to a random one.
macro_rules! set {
    ($name:literal, $family:ident, $type:ty, $new:expr, |$it:ident, $index:ident| $add:expr, $sum:expr) => {
        subject!(
            $name,
            $family,
            $type,
            $new,
            |$it, number| {
                let mut draw = Draw::new(COUNTERS, Index::Random, number);
                move || {
                    let $index = draw.index();
                    _ = $add;
                }
            },
            $sum
        )
    };
}

/// Defines a histogram, in which a random latency is recorded.
macro_rules! histogram {
    ($name:literal, $family:ident, $type:ty, $new:expr, |$it:ident, $value:ident| $record:expr, $count:expr) => {
        subject!(
            $name,
            $family,
            $type,
            $new,
            |$it, number| {
                let mut latencies = Latencies::new(number);
                move || {
                    let $value = latencies.draw();
                    _ = $record;
                }
            },
            $count
        )
    };
}

mod histograms;

pub(crate) use histograms::histograms;

pub(crate) const COUNTERS: usize = 1_000;

/// The default number of shards of `Striped`.
static SHARDS: LazyLock<usize> =
    LazyLock::new(|| Counter::builder().backend(Backend::Striped).build().shards());

static TOPOLOGY: LazyLock<Option<Arc<Topology>>> =
    LazyLock::new(|| Topology::discover().ok().map(Arc::new));

thread_local! {
    static EVENT: nm::Event = nm::Event::builder().name("rivals").build();
}

/// Returns the subjects with one counter, except those that do not work on this machine.
pub(crate) fn counters() -> Vec<Entry> {
    let mut entries = ours();
    entries.extend(sharded());
    entries.extend(unsharded());
    entries
}

fn counter(backend: Backend) -> Counter {
    Counter::builder().backend(backend).build()
}

fn ours() -> Vec<Entry> {
    let per_cpu =
        entry!("PerCpu", Ours, Counter, counter(Backend::PerCpu), |it| it.inc(), it.sum());
    let rest = [
        entry!("PerThread", Ours, Counter, counter(Backend::PerThread), |it| it.inc(), it.sum()),
        entry!("Striped", OursShared, Counter, counter(Backend::Striped), |it| it.inc(), it.sum()),
    ];
    works(Backend::PerCpu).is_ok().then_some(per_cpu).into_iter().chain(rest).collect()
}

/// The totals of `nm` belong to the process, so the total at the start is subtracted.
struct Nm(u64);

fn nm_total() -> u64 {
    nm::Report::collect().events().map(nm::EventMetrics::count).sum()
}

/// Flushed once per batch, as its documentation recommends: until then its adds are in no sum.
struct PrometheusLocal(prometheus::IntCounter);

impl Subject for PrometheusLocal {
    fn new() -> Self {
        Self(prometheus_counter())
    }
    #[inline(always)]
    fn adder(&self, _number: usize) -> impl FnMut() {
        let local = self.0.local();
        let mut pending = 0;
        move || {
            local.inc();
            pending += 1;
            if pending == STEPS {
                local.flush();
                pending = 0;
            }
        }
    }
    fn sum(&self) -> u64 {
        self.0.get()
    }
}

fn prometheus_counter() -> prometheus::IntCounter {
    prometheus::IntCounter::new("rivals", "rivals").expect("the name is a valid one")
}

fn sharded() -> Vec<Entry> {
    let numa = TOPOLOGY.as_ref().map(|_| {
        entry!(
            "numaperf-sharded",
            Sharded,
            numaperf_sharded::ShardedCounter,
            numaperf_sharded::ShardedCounter::new(TOPOLOGY.as_ref().expect("found before")),
            |it| it.increment(),
            it.sum()
        )
    });
    let entries = [
        entry!(
            "hytra",
            OwnerStore,
            hytra::TrAdder<i64>,
            hytra::TrAdder::new(),
            |it| it.inc(1),
            it.get().cast_unsigned()
        ),
        entry!(
            "thread_local by hand",
            OwnerStore,
            striped_counter::classic::ThreadLocalCounter,
            striped_counter::classic::ThreadLocalCounter::new(),
            |it| it.inc(),
            it.sum()
        ),
        Entry {
            name: "prometheus local",
            family: Family::Buffered,
            run: run::<PrometheusLocal>,
            bytes: Some(bytes::<PrometheusLocal>),
        },
        entry!(
            "fast-counter",
            Sharded,
            fast_counter::ConcurrentCounter,
            fast_counter::ConcurrentCounter::new(*SHARDS),
            |it| it.add(1),
            it.sum().cast_unsigned() as u64
        ),
        entry!(
            "fast-telemetry",
            Sharded,
            fast_telemetry::Counter,
            fast_telemetry::Counter::new(*SHARDS),
            |it| it.inc(),
            it.sum().cast_unsigned() as u64
        ),
        entry!(
            "contatori",
            Sharded,
            Box<contatori::counters::unsigned::Unsigned>,
            Box::new(contatori::counters::unsigned::Unsigned::new()),
            |it| it.add(1),
            it.value().as_u64()
        ),
        entry!(
            "metriken",
            Sharded,
            metriken::ShardedCounterGroup,
            metriken::ShardedCounterGroup::new(1),
            |it| it.increment(0),
            it.value(0).unwrap_or(0)
        ),
        entry!(
            "type-census",
            Sharded,
            Box<DistributedCounter<32>>,
            Box::new(DistributedCounter::<32>::ZERO),
            |it| it.add_assign(1),
            it.fetch().cast_unsigned() as u64
        ),
        Entry {
            bytes: None,
            ..entry!(
                "nm",
                Sharded,
                Nm,
                Nm(nm_total()),
                |_it| EVENT.with(nm::Event::observe_once),
                nm_total().wrapping_sub(_it.0)
            )
        },
    ];
    entries.into_iter().chain(numa).collect()
}

/// `metrics` has handles to any storage, here to its own atomic.
struct Metrics(metrics::Counter, Arc<AtomicU64>);

impl Metrics {
    fn new() -> Self {
        let atomic = Arc::new(AtomicU64::new(0));
        Self(metrics::Counter::from_arc(Arc::clone(&atomic)), atomic)
    }
}

type ClientCounter = prometheus_client::metrics::counter::Counter<u64, AtomicU64>;

fn unsharded() -> Vec<Entry> {
    vec![
        entry!(
            "AtomicU64",
            Atomic,
            AtomicU64,
            AtomicU64::new(0),
            |it| it.fetch_add(1, Relaxed),
            it.load(Relaxed)
        ),
        entry!(
            "FastWriteCounter",
            Atomic,
            FastWriteCounter,
            FastWriteCounter::new(),
            |it| it.inc(),
            it.sum()
        ),
        entry!(
            "prometheus",
            Atomic,
            prometheus::IntCounter,
            prometheus_counter(),
            |it| it.inc(),
            it.get()
        ),
        entry!(
            "prometheus-client",
            Atomic,
            ClientCounter,
            ClientCounter::default(),
            |it| it.inc(),
            it.get()
        ),
        entry!(
            "metrics",
            Atomic,
            Metrics,
            Metrics::new(),
            |it| it.0.increment(1),
            it.1.load(Relaxed)
        ),
        entry!(
            "std Mutex",
            Lock,
            Mutex<u64>,
            Mutex::new(0),
            |it| *it.lock().expect("not poisoned") += 1,
            *it.lock().expect("not poisoned")
        ),
        entry!(
            "parking_lot Mutex",
            Lock,
            parking_lot::Mutex<u64>,
            parking_lot::Mutex::new(0),
            |it| *it.lock() += 1,
            *it.lock()
        ),
        entry!(
            "ShardedLock",
            Lock,
            ShardedLock<u64>,
            ShardedLock::new(0),
            |it| *it.write().expect("not poisoned") += 1,
            *it.read().expect("not poisoned")
        ),
        entry!(
            "FastReadCounter",
            Lock,
            FastReadCounter,
            FastReadCounter::new(),
            |it| it.inc(),
            it.sum()
        ),
        one_thread(),
        plain(),
    ]
}

/// A counter for one thread, which the plan uses on one thread only.
struct Alone<T>(T);

#[expect(unsafe_code, reason = "to measure what only one thread may use by the same loop")]
// SAFETY: `Family::OneThread` is only ever run with one adder and no reader, and the thread that
// reads the sum at the end has joined it.
unsafe impl<T> Sync for Alone<T> {}

fn one_thread() -> Entry {
    entry!(
        "SingleThreadCounter",
        OneThread,
        Alone<SingleThreadCounter>,
        Alone(SingleThreadCounter::new()),
        |it| it.0.inc(),
        it.0.sum()
    )
}

fn plain() -> Entry {
    entry!(
        "plain",
        OneThread,
        Alone<Cell<u64>>,
        Alone(Cell::new(0)),
        |it| it.0.set(it.0.get() + 1),
        it.0.get()
    )
}

fn total(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::wrapping_add)
}

fn our_set(backend: Backend) -> CounterSet {
    CounterSet::builder(COUNTERS).backend(backend).build()
}

/// Returns the subjects with a thousand counters.
pub(crate) fn sets() -> Vec<Entry> {
    let per_cpu = set!(
        "PerCpu CounterSet",
        Ours,
        CounterSet,
        our_set(Backend::PerCpu),
        |it, index| it.inc(index),
        total(it.sums())
    );
    let rest = [
        set!(
            "PerThread CounterSet",
            Ours,
            CounterSet,
            our_set(Backend::PerThread),
            |it, index| it.inc(index),
            total(it.sums())
        ),
        set!(
            "Striped CounterSet",
            OursShared,
            CounterSet,
            our_set(Backend::Striped),
            |it, index| it.inc(index),
            total(it.sums())
        ),
        set!(
            "fast-telemetry CounterSet",
            Sharded,
            fast_telemetry::CounterSet,
            fast_telemetry::CounterSet::new(*SHARDS, COUNTERS),
            |it, index| it.inc(index),
            total(it.snapshot().into_iter().map(|count| count.cast_unsigned() as u64))
        ),
        set!(
            "metriken group",
            Sharded,
            metriken::ShardedCounterGroup,
            metriken::ShardedCounterGroup::new(COUNTERS),
            |it, index| it.increment(index),
            total(it.load().unwrap_or_default())
        ),
        set!(
            "AtomicU64s",
            Atomic,
            Box<[AtomicU64]>,
            (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
            |it, index| it[index].fetch_add(1, Relaxed),
            total(it.iter().map(|count| count.load(Relaxed)))
        ),
        set!(
            "padded AtomicU64s",
            Atomic,
            Box<[CachePadded<AtomicU64>]>,
            (0..COUNTERS).map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
            |it, index| it[index].fetch_add(1, Relaxed),
            total(it.iter().map(|count| count.load(Relaxed)))
        ),
    ];
    works(Backend::PerCpu).is_ok().then_some(per_cpu).into_iter().chain(rest).collect()
}
