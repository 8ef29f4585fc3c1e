//! All runs, round after round, and what they come to.
//!
//! A round runs every point once. So the repeats of a point are spread over the whole time, and
//! a machine that drifts, or has a bad moment, does it to all subjects alike.

use crate::{
    lab::{
        memory::Bytes,
        stats::{Spread, float},
    },
    measure::{Cost, Failure, Sample},
    plan::Point,
    subjects,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{error::Error, fmt, time::Duration};

/// What the repeats of a point come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) point: Point,
    pub(crate) shards: Option<usize>,
    /// Of many counters together.
    pub(crate) bytes: Option<Bytes>,
    pub(crate) adds: Option<Costs>,
    pub(crate) sums: Option<Costs>,
}

impl Row {
    /// Bytes per counter: asked of the allocator or in place, and resident.
    pub(crate) fn bytes_per_counter(&self) -> [Option<f64>; 2] {
        let each = |bytes: usize| float(bytes as u64) / float(self.point.counters as u64);
        let bytes = self.bytes;
        [bytes.map(|bytes| bytes.asked), bytes.and_then(|bytes| bytes.resident)]
            .map(|bytes| bytes.map(each))
    }
}

/// The spread of a [`Cost`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    pub(crate) rate: Spread,
    pub(crate) wall: Spread,
    pub(crate) cpu: Spread,
}

impl Costs {
    fn of(costs: &[Cost]) -> Option<Self> {
        let spread = |figure: fn(&Cost) -> f64| Spread::of(costs.iter().map(figure).collect());
        (!costs.is_empty()).then(|| Self {
            rate: spread(|cost| cost.rate),
            wall: spread(|cost| cost.wall),
            cpu: spread(|cost| cost.cpu),
        })
    }
}

/// A run without a result, and which one.
#[derive(Debug)]
pub(crate) struct RunError {
    point: Point,
    round: u16,
    failure: Failure,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, repeat {}: {}", self.point, self.round, self.failure)
    }
}

impl Error for RunError {}

/// Runs every point `rounds` times.
pub(crate) fn measure(
    points: &[Point],
    window: Duration,
    rounds: u16,
) -> Result<Vec<Row>, RunError> {
    let bar = progress_bar(points.len() * usize::from(rounds));
    let mut samples = vec![Vec::new(); points.len()];
    for round in 1..=rounds {
        for (point, samples) in points.iter().zip(&mut samples) {
            bar.set_message(point.to_string());
            let sample = subjects::run(point, window);
            samples.push(sample.map_err(|failure| RunError { point: *point, round, failure })?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(points.iter().zip(&samples).map(|(point, samples)| row(*point, samples)).collect())
}

fn row(point: Point, samples: &[Sample]) -> Row {
    let costs = |cost: fn(&Sample) -> Option<Cost>| {
        Costs::of(&samples.iter().filter_map(cost).collect::<Vec<_>>())
    };
    Row {
        point,
        shards: samples.iter().find_map(|sample| sample.shards),
        bytes: None,
        adds: costs(|sample| sample.adds),
        sums: costs(|sample| sample.sums),
    }
}

/// On the error output if that is a terminal, else nowhere. It is drawn between runs only.
fn progress_bar(runs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:20} {pos}/{len}, {eta} left  {wide_msg}");
    ProgressBar::new(runs as u64).with_style(style.expect("the template is well formed"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{kind::Kind, lab::index::Index, plan::Section, subjects::Name};

    /// A row of the section on threads, with the same figure for every cost.
    pub(crate) fn row(subject: Name, threads: usize, figure: f64) -> Row {
        measured(Point::new(Kind::Counter, Section::Threads, subject, threads), figure)
    }

    /// A row of the section on counters, of random adds from one thread.
    pub(crate) fn row_of_many(subject: Name, counters: usize, figure: f64) -> Row {
        let point = Point::new(Kind::CounterSet, Section::Counters, subject, 1);
        let point = Point { counters, index: Index::Random, ..point };
        let bytes = Bytes { asked: 33 * counters / 2, resident: Some(40 * counters) };
        Row { bytes: Some(bytes), ..measured(point, figure) }
    }

    fn measured(point: Point, figure: f64) -> Row {
        let spread = Spread { median: figure, min: figure / 2.0, max: figure * 2.0 };
        let costs = Costs { rate: spread, wall: spread, cpu: spread };
        Row { point, shards: None, bytes: None, adds: Some(costs), sums: None }
    }

    #[test]
    fn every_point_becomes_a_row() {
        let row = |name| row(name, 1, 0.0).point;
        let points = [row(Name::AtomicU64), row(Name::Plain)];
        let rows = measure(&points, Duration::from_millis(1), 3).unwrap();
        assert_eq!(rows.iter().map(|row| row.point).collect::<Vec<_>>(), points);
        for row in rows {
            let rate = row.adds.unwrap().rate;
            assert!(rate.min <= rate.median && rate.median <= rate.max);
            assert!(row.sums.is_none());
        }
    }
}
