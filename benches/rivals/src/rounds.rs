//! What is measured, and the results of the repeats.

use crate::{
    args::Args,
    roster::{Entry, counters, histograms, sets},
    subject::{ADDERS, FEW, Family, MANY},
};
use std::{error::Error, fmt};
use striped_counter::bench::lab::{
    measure::Load,
    memory::{Bytes, done, fresh},
    rounds::{self, Measured},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Adds against threads.
    Add,
    /// Sums of a counter at rest, to which several threads have added.
    Sum,
    /// One thread adds, another one sums without pause.
    Mixed,
    /// Adds to one of many counters.
    Set,
    /// Records of a histogram.
    Record,
    /// Snapshots of a histogram at rest, in which several threads have recorded.
    Snapshot,
}

impl Section {
    pub(crate) const ALL: [Self; 6] =
        [Self::Add, Self::Sum, Self::Mixed, Self::Set, Self::Record, Self::Snapshot];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sum => "sum",
            Self::Mixed => "mixed",
            Self::Set => "set",
            Self::Record => "record",
            Self::Snapshot => "snapshot",
        }
    }
}

struct Point {
    section: Section,
    entry: Entry,
    load: Load,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.section.name(), self.entry.name)
    }
}

/// A point, and the results of its repeats.
pub(crate) struct Row {
    pub(crate) section: Section,
    pub(crate) entry: Entry,
    pub(crate) load: Load,
    pub(crate) measured: Measured,
    /// The bytes per counter: requested from the allocator or in place, and resident.
    pub(crate) bytes: Option<Bytes>,
}

fn points(args: &Args) -> Vec<Point> {
    let window = args.window();
    let load = |threads, readers| {
        // A sum without adds should still read what several threads have written.
        let fill = if threads == 0 { ADDERS } else { 0 };
        Load { threads, readers, fill, window }
    };
    let mut points = Vec::new();
    let added_to =
        [(Section::Add, counters()), (Section::Set, sets()), (Section::Record, histograms())];
    for (section, entries) in added_to {
        for &threads in &args.threads {
            let able = entries.iter().filter(|e| threads == 1 || e.family != Family::OneThread);
            points.extend(able.map(|&entry| Point { section, entry, load: load(threads, 0) }));
        }
    }
    let shared = |entry: &Entry| entry.family != Family::OneThread;
    for entry in counters().into_iter().filter(shared) {
        points.push(Point { section: Section::Sum, entry, load: load(0, 1) });
        points.push(Point { section: Section::Mixed, entry, load: load(1, 1) });
    }
    let snapshot = |entry| Point { section: Section::Snapshot, entry, load: load(0, 1) };
    points.extend(histograms().into_iter().filter(shared).map(snapshot));
    points
}

/// Runs every point as often as `args` says.
pub(crate) fn measure(args: &Args) -> Result<Vec<Row>, Box<dyn Error>> {
    let points = points(args);
    let measured =
        rounds::measure(&points, args.repeats, |point| Ok((point.entry.run)(point.load)?))?;
    let sizes = sizes();
    let row = |(point, measured): (Point, Measured)| {
        let Point { section, entry, load } = point;
        let known = sizes.iter().find(|(name, _)| *name == entry.name);
        Row { section, entry, load, measured, bytes: known.and_then(|(_, bytes)| *bytes) }
    };
    Ok(points.into_iter().zip(measured).map(row).collect())
}

/// Returns all entries, each with the number of instances that are made to measure its memory, and
/// the number of counters that makes in all.
fn sized() -> impl Iterator<Item = (Entry, usize, usize)> {
    let counters = counters().into_iter().map(|entry| (entry, MANY, MANY));
    let sets = sets().into_iter().map(|entry| (entry, 1, MANY));
    counters.chain(sets).chain(histograms().into_iter().map(|entry| (entry, FEW, FEW)))
}

/// Measures the memory of each entry, in its own process, which gets the name of the entry.
fn sizes() -> Vec<(&'static str, Option<Bytes>)> {
    let size = |(entry, _, parts): (Entry, usize, usize)| {
        let each = |bytes: usize| bytes / parts;
        let bytes = entry.bytes.and_then(|_| fresh(entry.name));
        let bytes = bytes.map(|b| Bytes { asked: each(b.asked), resident: b.resident.map(each) });
        (entry.name, bytes)
    };
    sized().map(size).collect()
}

/// Does the job of such a process.
pub(crate) fn measure_bytes(name: &str) -> Result<(), Box<dyn Error>> {
    let known = |(entry, instances, _): (Entry, usize, usize)| {
        let threads = if entry.family == Family::OneThread { 1 } else { ADDERS };
        entry.bytes.filter(|_| entry.name == name).map(|bytes| bytes(instances, threads))
    };
    Ok(done(sized().find_map(known).ok_or("no such entry")?)?)
}
