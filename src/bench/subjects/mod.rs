//! What is measured: the backends of each type, and the alternatives.

mod histogram;
mod level;
mod many;
mod own;
pub(crate) mod single;

pub(crate) use own::Own;

use crate::bench::{
    kind::Kind,
    lab::{backends::BACKENDS, measure::Sample, memory::Bytes},
    plan::Point,
};
use crate::{Backend, Builder};
use std::{fmt, io, time::Duration};

/// A subject, whose name appears in tables, CSV columns and legends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The type that the run measures.
    Backend(Backend),
    /// The yardstick: every ratio is relative to this one.
    AtomicU64,
    /// The yardstick for a level.
    AtomicI64,
    Mutex,
    ThreadLocal,
    FastRead,
    FastWrite,
    SingleThread,
    Plain,
    /// A subject of the program's own.
    Own(&'static str),
    /// Single counters, as many as the set has.
    Counters(Backend),
    /// The same, each in an `Arc`.
    Arcs(Backend),
    /// The same, padded.
    Padded(Backend),
    /// Padded atomics.
    PaddedAtomics,
    /// Atomics, each in an `Arc`.
    ArcAtomics,
    /// Adds to a set in batches.
    Batch(Backend),
    /// A bare loop over as much memory as the set has.
    Loop(Backend),
    /// No counter: only drawing an index.
    IndexAlone,
    /// A histogram without a sum.
    NoSum(Backend),
    /// A sum without a histogram: a counter to which the values are added.
    Sum(Backend),
    /// No histogram: only drawing a value.
    ValueAlone,
}

impl Name {
    pub(crate) const BASELINES: [Self; 7] = [
        Self::AtomicU64,
        Self::Mutex,
        Self::ThreadLocal,
        Self::FastRead,
        Self::FastWrite,
        Self::SingleThread,
        Self::Plain,
    ];

    /// Returns whether `name` is the name of a backend or a baseline, possibly with the read lock.
    pub(crate) fn is_known(name: &str) -> bool {
        let name = name.strip_suffix(" locked").unwrap_or(name);
        let backends = BACKENDS.map(Self::Backend);
        backends.iter().chain(&Self::BASELINES).any(|known| known.to_string() == name)
    }

    /// Returns whether only the thread that made it can use it.
    pub(crate) fn single_thread(self) -> bool {
        matches!(self, Self::SingleThread | Self::Plain | Self::IndexAlone | Self::ValueAlone)
    }

    /// Returns whether it is one plain atomic per counter.
    pub(crate) fn atomic(self) -> bool {
        matches!(self, Self::AtomicU64 | Self::AtomicI64)
    }

    /// Returns whether it can be built with a read lock.
    pub(crate) fn lockable(self) -> bool {
        matches!(self, Self::Backend(_) | Self::Batch(_))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(backend) => backend.fmt(f),
            Self::AtomicU64 => f.write_str("AtomicU64"),
            Self::AtomicI64 => f.write_str("AtomicI64"),
            Self::Mutex => f.write_str("Mutex"),
            Self::ThreadLocal => f.write_str("ThreadLocalCounter"),
            Self::FastRead => f.write_str("FastReadCounter"),
            Self::FastWrite => f.write_str("FastWriteCounter"),
            Self::SingleThread => f.write_str("SingleThreadCounter"),
            Self::Plain => f.write_str("plain"),
            Self::Own(name) => f.write_str(name),
            Self::Counters(backend) => write!(f, "{backend} Counters"),
            Self::Arcs(backend) => write!(f, "{backend} Arcs"),
            Self::Padded(backend) => write!(f, "{backend} padded"),
            Self::PaddedAtomics => f.write_str("AtomicU64 padded"),
            Self::ArcAtomics => f.write_str("AtomicU64 Arcs"),
            Self::Batch(backend) => write!(f, "{backend} batch"),
            Self::Loop(backend) => write!(f, "{backend} bare loop"),
            Self::IndexAlone => f.write_str("index alone"),
            Self::NoSum(backend) => write!(f, "{backend} no sum"),
            Self::Sum(backend) => write!(f, "{backend} Counter"),
            Self::ValueAlone => f.write_str("value alone"),
        }
    }
}

/// Returns whether the memory of `point` is of interest.
pub(crate) fn sized(point: &Point) -> bool {
    match point.kind {
        Kind::Counter | Kind::UpDownCounter => false,
        Kind::CounterSet => point.subject != Name::IndexAlone,
        Kind::Histogram => histogram::sized(point),
    }
}

/// Returns the memory of all counters of `point` together, if it is [`sized`]. For a process that
/// does nothing else.
pub(crate) fn bytes(point: &Point) -> Option<Bytes> {
    match point.kind {
        Kind::Counter | Kind::UpDownCounter => None,
        Kind::CounterSet => many::bytes(point),
        Kind::Histogram => histogram::bytes(point),
    }
}

/// Performs one run of `point`, on a fresh counter.
pub(crate) fn run(point: &Point, window: Duration, own: &[Own]) -> io::Result<Sample> {
    let load = point.load(window);
    let brought = own.iter().find(|own| point.subject == Name::Own(own.name));
    if let Some(own) = brought {
        return own.run(load);
    }
    match point.kind {
        Kind::Counter => single::run(point, load),
        Kind::UpDownCounter => level::run(point, load),
        Kind::CounterSet => many::run(point, load),
        Kind::Histogram => histogram::run(point, load),
    }
}

/// Returns `builder` with the settings of `point`.
fn settings<T>(builder: Builder<T>, backend: Backend, point: &Point) -> Builder<T> {
    let builder = builder.backend(backend).read_lock(point.read_lock);
    point.shards.map_or(builder, |shards| builder.shards(shards))
}

/// Panics for a subject that belongs to the plan of another type.
fn unplanned(point: &Point) -> ! {
    unreachable!("not in the plan: {point}")
}
