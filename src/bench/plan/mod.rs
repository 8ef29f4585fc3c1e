//! Which points are measured, in which section.

mod histogram;
mod set;

use crate::Backend;
use crate::bench::{
    args::Settings,
    kind::Kind,
    lab::{index::Index, measure::Load},
    subjects::Name,
};
use std::{fmt, time::Duration};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Adds against the number of threads.
    Threads,
    /// Adds against the number of shards.
    Shards,
    /// Sums against the number of shards, of a counter at rest.
    Sum,
    /// Adds and sums at the same time.
    Mixed,
    /// Adds against the number of counters.
    Counters,
    /// Adds in batches, and one by one.
    Batch,
    /// All sums of many counters at rest.
    Sums,
    /// Records of a histogram against the number of threads.
    Records,
    /// Snapshots of a histogram at rest against the number of rows.
    Snapshots,
}

impl Section {
    pub(crate) const ALL: [Self; 9] = [
        Self::Threads,
        Self::Shards,
        Self::Sum,
        Self::Mixed,
        Self::Counters,
        Self::Batch,
        Self::Sums,
        Self::Records,
        Self::Snapshots,
    ];

    /// Returns whether the plot and the recommendation are based on this section.
    pub(crate) fn is_main(self) -> bool {
        matches!(self, Self::Threads | Self::Counters | Self::Records)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Threads => "threads",
            Self::Shards => "shards",
            Self::Sum => "sum",
            Self::Mixed => "mixed",
            Self::Counters => "counters",
            Self::Batch => "batch",
            Self::Sums => "sums",
            Self::Records => "records",
            Self::Snapshots => "snapshots",
        })
    }
}

/// One thing to measure, in every repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) kind: Kind,
    pub(crate) section: Section,
    pub(crate) subject: Name,
    /// The number of threads that add.
    pub(crate) threads: usize,
    /// The number of threads that sum.
    pub(crate) readers: usize,
    /// The number of shards to set, or `None` for the default.
    pub(crate) shards: Option<usize>,
    pub(crate) read_lock: bool,
    /// The number of counters.
    pub(crate) counters: usize,
    /// How an add chooses one of them.
    pub(crate) index: Index,
}

impl Point {
    pub(crate) fn new(kind: Kind, section: Section, subject: Name, threads: usize) -> Self {
        let (readers, shards, read_lock) = (0, None, false);
        let (counters, index) = (1, Index::Random);
        Self { kind, section, subject, threads, readers, shards, read_lock, counters, index }
    }

    fn shards(self, shards: usize) -> Self {
        Self { shards: Some(shards), ..self }
    }

    fn readers(self, readers: usize) -> Self {
        Self { readers, ..self }
    }

    /// Returns the point without and with the read lock.
    fn both_reads(self) -> [Self; 2] {
        [false, true].map(|read_lock| Self { read_lock, ..self })
    }

    /// Returns what the threads of a run of this point do.
    pub(crate) fn load(&self, window: Duration) -> Load {
        // A sum without adds should still read cells that were written to.
        let fill = if self.threads == 0 { self.shards.unwrap_or(1) } else { 0 };
        Load { threads: self.threads, readers: self.readers, fill, window }
    }

    /// Returns whether both can be compared: same section, same threads, same number of counters.
    fn comparable(&self, other: &Self) -> bool {
        self.section == other.section
            && self.threads == other.threads
            && self.readers == other.readers
            && self.counters == other.counters
            && self.index == other.index
    }

    /// Returns whether the ratio of this point is relative to `other`.
    pub(crate) fn is_measured_by(&self, other: &Self) -> bool {
        let yardstick = match (self.section, self.subject) {
            (Section::Batch, Name::Backend(backend) | Name::Batch(backend)) => {
                other.subject == Name::Backend(backend) && other.read_lock == self.read_lock
            }
            (Section::Sums, Name::Backend(backend) | Name::Loop(backend)) => {
                other.subject == Name::Loop(backend)
            }
            (Section::Snapshots, Name::Backend(backend) | Name::Loop(backend)) => {
                other.subject == Name::Loop(backend) && other.shards == self.shards
            }
            _ => other.subject.atomic(),
        };
        yardstick && self.comparable(other)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, threads {}", self.section, self.subject, self.threads)?;
        if self.readers > 0 {
            write!(f, ", readers {}", self.readers)?;
        }
        if let Some(shards) = self.shards {
            write!(f, ", shards {shards}")?;
        }
        if self.read_lock {
            f.write_str(", read_lock")?;
        }
        if self.kind == Kind::CounterSet {
            write!(f, ", counters {}, {}", self.counters, self.index)?;
        }
        Ok(())
    }
}

/// Returns all points, in the order of the tables.
pub(crate) fn points(settings: &Settings) -> Vec<Point> {
    match settings.kind {
        Kind::Counter | Kind::UpDownCounter => single(settings),
        Kind::CounterSet => set::points(settings),
        Kind::Histogram => histogram::points(settings),
    }
}

fn single(settings: &Settings) -> Vec<Point> {
    let mut points = threads(settings);
    if settings.backends.contains(&Backend::Striped) {
        points.extend(shards(settings));
        points.extend(sum(settings));
    }
    points.extend(mixed(settings));
    points
}

fn threads(settings: &Settings) -> Vec<Point> {
    let mut points = Vec::new();
    for &threads in &settings.threads {
        let subjects = subjects(settings).filter(|name| threads == 1 || !name.single_thread());
        points.extend(
            subjects.map(|name| Point::new(settings.kind, Section::Threads, name, threads)),
        );
    }
    points
}

fn shards(settings: &Settings) -> Vec<Point> {
    let point = |name| Point::new(settings.kind, Section::Shards, name, settings.most_threads());
    let striped = |&shards: &usize| point(Name::Backend(Backend::Striped)).shards(shards);
    let yardstick = point(baselines(settings.kind)[0]);
    settings.shards.iter().map(striped).chain([yardstick]).collect()
}

fn sum(settings: &Settings) -> Vec<Point> {
    let point = |name| Point::new(settings.kind, Section::Sum, name, 0).readers(1);
    let striped = |&shards: &usize| point(Name::Backend(Backend::Striped)).shards(shards);
    let yardstick = point(baselines(settings.kind)[0]);
    let points = settings.shards.iter().map(striped);
    points.flat_map(Point::both_reads).chain([yardstick]).collect()
}

fn mixed(settings: &Settings) -> Vec<Point> {
    let mut points = Vec::new();
    for &readers in &settings.readers {
        for name in subjects(settings).filter(|name| !name.single_thread()) {
            let point = Point::new(settings.kind, Section::Mixed, name, settings.most_threads());
            let point = point.readers(readers);
            match name {
                Name::Backend(_) => points.extend(point.both_reads()),
                _ => points.push(point),
            }
        }
    }
    points
}

fn subjects(settings: &Settings) -> impl Iterator<Item = Name> {
    let baselines = baselines(settings.kind).iter().copied();
    let own = settings.own.iter().copied().map(Name::Own);
    settings.backends.iter().copied().map(Name::Backend).chain(own).chain(baselines)
}

/// Returns the alternatives, the yardstick first.
fn baselines(kind: Kind) -> &'static [Name] {
    match kind {
        Kind::UpDownCounter => &[Name::AtomicI64],
        _ => &Name::BASELINES,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn planned(arguments: &[&str]) -> Vec<Point> {
        points(&Settings::parse(arguments).unwrap())
    }

    pub(crate) fn count(points: &[Point], section: Section) -> usize {
        points.iter().filter(|point| point.section == section).count()
    }

    #[test]
    fn every_section_has_its_points() {
        let points = planned(&["--threads=1,8", "--shards=1,2,4", "--backends=PerThread,Striped"]);
        assert_eq!(count(&points, Section::Threads), 9 + 7);
        assert_eq!(count(&points, Section::Shards), 3 + 1);
        assert_eq!(count(&points, Section::Sum), 2 * 3 + 1);
        assert_eq!(count(&points, Section::Mixed), 2 * 2 + 5);
    }

    #[test]
    fn every_point_has_a_yardstick() {
        for kind in ["--type=Counter", "--type=UpDownCounter"] {
            let points = planned(&[kind, "--threads=1,2", "--readers=1,3"]);
            for point in &points {
                let yardsticks = points.iter().filter(|other| point.is_measured_by(other));
                assert_eq!(yardsticks.count(), 1, "{point}");
            }
        }
    }

    #[test]
    fn without_striped_no_shards_are_swept() {
        let points = planned(&["--backends=PerThread"]);
        assert_eq!(count(&points, Section::Shards) + count(&points, Section::Sum), 0);
    }

    #[test]
    fn counters_at_rest_are_filled() {
        let points = planned(&["--shards=4"]);
        let filled = |point: &&Point| point.load(Duration::ZERO).fill == 4;
        assert_eq!(points.iter().filter(filled).count(), 2);
        assert_eq!(count(&points, Section::Sum), 3);
    }
}
