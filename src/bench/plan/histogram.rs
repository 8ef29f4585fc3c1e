//! The points of a [`Histogram`](crate::Histogram).

use super::{Point, Section};
use crate::{
    Backend,
    bench::{args::Settings, kind::Kind, subjects::Name},
};

/// Returns all points, in the order of the tables.
pub(super) fn points(settings: &Settings) -> Vec<Point> {
    let mut points = records(settings);
    points.extend(snapshots(settings));
    points
}

/// Returns the points for records against the number of threads.
fn records(settings: &Settings) -> Vec<Point> {
    let mut points = Vec::new();
    for &threads in &settings.threads {
        let names = names(settings).filter(|name| threads == 1 || !name.single_thread());
        let point = |name| Point::new(Kind::Histogram, Section::Records, name, threads);
        points.extend(names.map(point));
    }
    points
}

fn names(settings: &Settings) -> impl Iterator<Item = Name> {
    let ours = [Name::Backend, Name::NoSum, Name::Sum];
    let backends = settings.backends.iter();
    let ours = backends.flat_map(move |&backend| ours.map(|name| name(backend)));
    ours.chain([Name::AtomicU64, Name::ValueAlone])
}

/// Returns the points for snapshots of a histogram at rest against the number of rows, which
/// `Striped` lets us choose.
fn snapshots(settings: &Settings) -> Vec<Point> {
    const STRIPED: Backend = Backend::Striped;
    let point = |name| Point::new(Kind::Histogram, Section::Snapshots, name, 0).readers(1);
    let of = |&shards: &usize| {
        let histogram = point(Name::Backend(STRIPED)).shards(shards).both_reads();
        histogram.into_iter().chain([point(Name::Loop(STRIPED)).shards(shards)])
    };
    let shards = settings.shards.iter().filter(|_| settings.backends.contains(&STRIPED));
    shards.flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::{points, tests::count};

    fn planned(arguments: &[&str]) -> Vec<Point> {
        points(&Settings::parse(&[&["--type=Histogram"], arguments].concat()).unwrap())
    }

    #[test]
    fn every_section_has_its_points() {
        let points = planned(&["--threads=1,8", "--shards=1,64", "--backends=PerThread,Striped"]);
        // For both: with a sum, without one, and a counter of the values; then atomics, and the
        // value alone for one thread.
        assert_eq!(count(&points, Section::Records), 2 * (2 * 3 + 1) + 1);
        assert_eq!(count(&points, Section::Snapshots), 2 * 3);
        assert_eq!(points.len(), 15 + 6);
        assert_eq!(count(&planned(&["--backends=PerThread"]), Section::Snapshots), 0);
    }

    #[test]
    fn every_point_has_a_yardstick() {
        let points = planned(&["--threads=1,2", "--shards=1,2"]);
        for point in &points {
            let yardsticks = points.iter().filter(|other| point.is_measured_by(other));
            assert_eq!(yardsticks.count(), 1, "{point}");
        }
    }
}
