//! The points of a [`CounterSet`](crate::CounterSet).

use super::{Point, Section};
use crate::bench::{args::Settings, kind::Kind, lab::index::Index, subjects::Name};

/// The number of counters in the sections on batches and on sums.
const THOUSAND: usize = 1_000;

/// Returns all points, in the order of the tables.
pub(super) fn points(settings: &Settings) -> Vec<Point> {
    let mut points = counters(settings);
    points.extend(batch(settings));
    points.extend(sums(settings));
    points
}

fn point(section: Section, subject: Name, threads: usize, counters: usize) -> Point {
    Point { counters, ..Point::new(Kind::CounterSet, section, subject, threads) }
}

/// Returns the points for adds against the number of counters, for each number of threads.
fn counters(settings: &Settings) -> Vec<Point> {
    let mut points = Vec::new();
    for &counters in &settings.counters {
        // With one counter there is only one way to draw.
        for index in Index::ALL.into_iter().take(counters.min(2)) {
            for &threads in &settings.threads {
                let names = names(settings).filter(|name| threads == 1 || !name.single_thread());
                let point = |name| point(Section::Counters, name, threads, counters);
                points.extend(names.map(|name| Point { index, ..point(name) }));
            }
        }
    }
    points
}

fn names(settings: &Settings) -> impl Iterator<Item = Name> {
    let backends = || settings.backends.iter().copied();
    let ours = backends().map(Name::Backend).chain(backends().map(Name::Counters));
    // The cost of a handle or of padding does not depend on the backend, so it is measured for the
    // first one.
    let first = backends().take(1).flat_map(|first| [Name::Arcs(first), Name::Padded(first)]);
    let atomics = [Name::AtomicU64, Name::PaddedAtomics, Name::ArcAtomics, Name::IndexAlone];
    ours.chain(first).chain(atomics)
}

/// Returns the points for three adds one by one, and in a batch.
fn batch(settings: &Settings) -> Vec<Point> {
    let mut points = Vec::new();
    for &backend in &settings.backends {
        let point = |name| point(Section::Batch, name, settings.threads[0], THOUSAND);
        for read_lock in [false, true] {
            let names = [Name::Backend(backend), Name::Batch(backend)];
            points.extend(names.map(|name| Point { read_lock, ..point(name) }));
        }
    }
    points
}

/// Returns the points for all sums of a set at rest.
fn sums(settings: &Settings) -> Vec<Point> {
    let point = |name| point(Section::Sums, name, 0, THOUSAND).readers(1);
    let of = |&backend| {
        let set = point(Name::Backend(backend)).both_reads();
        set.into_iter().chain([point(Name::Loop(backend))])
    };
    settings.backends.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::{points, tests::count};

    fn planned(arguments: &[&str]) -> Vec<Point> {
        points(&Settings::parse(&[&["--type=CounterSet"], arguments].concat()).unwrap())
    }

    #[test]
    fn every_section_has_its_points() {
        let points = planned(&["--threads=1,8", "--counters=1,10", "--backends=PerThread,Striped"]);
        // Two sets, single counters of both backends and of the first in two more ways, three kinds
        // of atomics; with one thread, the index alone as well.
        assert_eq!(count(&points, Section::Counters), 3 * (10 + 9));
        assert_eq!(count(&points, Section::Batch), 2 * 2 * 2);
        assert_eq!(count(&points, Section::Sums), 2 * 3);
        assert_eq!(points.len(), 57 + 8 + 6);
    }

    #[test]
    fn every_point_has_a_yardstick() {
        let points = planned(&["--threads=1,2", "--counters=1,100"]);
        for point in &points {
            let yardsticks = points.iter().filter(|other| point.is_measured_by(other));
            assert_eq!(yardsticks.count(), 1, "{point}");
        }
    }
}
