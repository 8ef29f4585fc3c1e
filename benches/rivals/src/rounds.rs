//! What is measured, and what the repeats come to.

use crate::{
    args::Args,
    roster::{Entry, counters, sets},
    subject::{ADDERS, Family, MANY},
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
}

impl Section {
    pub(crate) const ALL: [Self; 4] = [Self::Add, Self::Sum, Self::Mixed, Self::Set];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sum => "sum",
            Self::Mixed => "mixed",
            Self::Set => "set",
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

/// What the repeats of a point come to.
pub(crate) struct Row {
    pub(crate) section: Section,
    pub(crate) entry: Entry,
    pub(crate) load: Load,
    pub(crate) measured: Measured,
    /// Per counter: asked of the allocator or in place, and resident.
    pub(crate) bytes: Option<Bytes>,
}

fn points(args: &Args) -> Vec<Point> {
    let window = args.window();
    let load = |threads, readers| {
        // A sum without adders still has to read what several threads have written.
        let fill = if threads == 0 { ADDERS } else { 0 };
        Load { threads, readers, fill, window }
    };
    let mut points = Vec::new();
    for (section, entries) in [(Section::Add, counters()), (Section::Set, sets())] {
        for &threads in &args.threads {
            let able = entries.iter().filter(|e| threads == 1 || e.family != Family::OneThread);
            points.extend(able.map(|&entry| Point { section, entry, load: load(threads, 0) }));
        }
    }
    for entry in counters().into_iter().filter(|entry| entry.family != Family::OneThread) {
        points.push(Point { section: Section::Sum, entry, load: load(0, 1) });
        points.push(Point { section: Section::Mixed, entry, load: load(1, 1) });
    }
    points
}

/// Runs every point as often as `args` say.
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

/// What each entry takes, in a process of its own, which is told its name.
fn sizes() -> Vec<(&'static str, Option<Bytes>)> {
    let each = |bytes: usize| bytes / MANY;
    let size = |entry: Entry| {
        let bytes = entry.bytes.and_then(|_| fresh(entry.name));
        let bytes = bytes.map(|b| Bytes { asked: each(b.asked), resident: b.resident.map(each) });
        (entry.name, bytes)
    };
    counters().into_iter().chain(sets()).map(size).collect()
}

/// Does the job of such a process.
pub(crate) fn measure_bytes(name: &str) -> Result<(), Box<dyn Error>> {
    let known = |(entry, instances): (Entry, usize)| {
        let threads = if entry.family == Family::OneThread { 1 } else { ADDERS };
        entry.bytes.filter(|_| entry.name == name).map(|bytes| bytes(instances, threads))
    };
    let counters = counters().into_iter().map(|entry| (entry, MANY));
    let bytes = counters.chain(sets().into_iter().map(|entry| (entry, 1))).find_map(known);
    Ok(done(bytes.ok_or("no such entry")?)?)
}
