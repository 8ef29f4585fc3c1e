//! All runs, round after round, and what they come to.
//!
//! A round runs every point once. So the repeats of a point are spread over the whole time, and a
//! machine that drifts, or has a bad moment, does it to all subjects alike.

use crate::{
    args::Args,
    lab::{
        memory::{Bytes, done, fresh},
        stats::Spread,
    },
    roster::{Entry, counters, sets},
    subject::{ADDERS, Cost, Family, Load, MANY, Sample},
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{error::Error, io};

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

#[derive(Clone, Copy)]
struct Point {
    section: Section,
    entry: Entry,
    load: Load,
}

/// What the repeats of a point come to.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) section: Section,
    pub(crate) entry: Entry,
    pub(crate) load: Load,
    pub(crate) adds: Option<Costs>,
    pub(crate) sums: Option<Costs>,
    /// Per counter: asked of the allocator or in place, and resident.
    pub(crate) bytes: Option<Bytes>,
    /// In all repeats together.
    pub(crate) lost: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    pub(crate) rate: Spread,
    pub(crate) cpu: Spread,
}

impl Costs {
    fn of(costs: &[Cost]) -> Option<Self> {
        let spread = |figure: fn(&Cost) -> f64| Spread::of(costs.iter().map(figure).collect());
        (!costs.is_empty())
            .then(|| Self { rate: spread(|cost| cost.rate), cpu: spread(|cost| cost.cpu) })
    }
}

fn points(args: &Args) -> Vec<Point> {
    let window = args.window();
    let load = |threads, readers| Load { threads, readers, window };
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
pub(crate) fn measure(args: &Args) -> io::Result<Vec<Row>> {
    let points = points(args);
    let bar = progress_bar(points.len() * usize::from(args.repeats));
    let mut samples = vec![Vec::new(); points.len()];
    for _ in 0..args.repeats {
        for (point, samples) in points.iter().zip(&mut samples) {
            bar.set_message(format!("{}: {}", point.section.name(), point.entry.name));
            samples.push((point.entry.run)(point.load)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let sizes = sizes();
    let bytes = |point: &Point| {
        let known = sizes.iter().find(|(name, _)| *name == point.entry.name);
        known.and_then(|(_, bytes)| *bytes)
    };
    let row = |(point, samples): (&Point, &Vec<_>)| row(point, samples, bytes(point));
    Ok(points.iter().zip(&samples).map(row).collect())
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

fn row(point: &Point, samples: &[Sample], bytes: Option<Bytes>) -> Row {
    let costs = |cost: fn(&Sample) -> Option<Cost>| {
        Costs::of(&samples.iter().filter_map(cost).collect::<Vec<_>>())
    };
    Row {
        section: point.section,
        entry: point.entry,
        load: point.load,
        adds: costs(|sample| sample.adds),
        sums: costs(|sample| sample.sums),
        bytes,
        lost: samples.iter().map(|sample| sample.lost).sum(),
    }
}

/// On the error output if that is a terminal, else nowhere. It is drawn between runs only.
fn progress_bar(runs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:20} {pos}/{len}, {eta} left  {wide_msg}");
    ProgressBar::new(runs as u64).with_style(style.expect("the template is well formed"))
}
