//! What the plot of each type shows.

use crate::{
    index::Index,
    kind::Kind,
    plan::{Point, Section},
    rounds::{Costs, Row},
    stats::float,
    subjects::Name,
};

pub(super) struct Figure {
    pub(super) title: &'static str,
    better: &'static str,
    pub(super) x_title: &'static str,
    pub(super) y_title: &'static str,
    /// Behind the name of a backend in the legend.
    pub(super) backends: &'static str,
    /// From one mark on the x axis to the next.
    pub(super) x_step: f64,
    section: Section,
    x: fn(&Point) -> usize,
    y: fn(&Costs) -> f64,
}

/// A subject's points, from left to right.
pub(super) struct Curve {
    pub(super) name: Name,
    pub(super) points: Vec<(f64, f64)>,
}

impl Curve {
    /// The rightmost point.
    fn end(&self) -> (f64, f64) {
        self.points.last().copied().unwrap_or_default()
    }
}

impl Figure {
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::THREADS,
            Kind::UpDownCounter => Self {
                title: "Ups and downs per second against threads that count",
                x_title: "threads that count",
                y_title: "million ups and downs per second",
                ..Self::THREADS
            },
            Kind::CounterSet => Self::COUNTERS,
        }
    }

    const THREADS: Self = Self {
        title: "Adds per second against threads that add",
        better: "higher is better",
        x_title: "threads that add",
        y_title: "million adds per second",
        backends: "",
        x_step: 2.0,
        section: Section::Threads,
        x: |point| point.threads,
        y: |costs| costs.rate.median,
    };

    const COUNTERS: Self = Self {
        title: "CPU time of an add against the number of counters",
        better: "lower is better",
        x_title: "counters",
        y_title: "CPU ns per add",
        backends: " set",
        x_step: 10.0,
        section: Section::Counters,
        x: |point| point.counters,
        y: |costs| costs.cpu.median,
    };

    pub(super) fn label(&self, name: Name) -> String {
        let behind = if matches!(name, Name::Backend(_)) { self.backends } else { "" };
        format!("{name}{behind}")
    }

    /// The curves, the highest at its end first: the order in which the eye meets them.
    pub(super) fn curves(&self, rows: &[Row]) -> Vec<Curve> {
        let mut curves: Vec<Curve> = Vec::new();
        for row in rows.iter().filter(|row| self.shows(&row.point, rows)) {
            let Some(costs) = row.adds else { continue };
            let x = float((self.x)(&row.point) as u64);
            let (name, point) = (row.point.subject, (x, (self.y)(&costs)));
            match curves.iter_mut().find(|curve| curve.name == name) {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve { name, points: vec![point] }),
            }
        }
        curves
            .sort_by(|a, b| b.end().0.total_cmp(&a.end().0).then(b.end().1.total_cmp(&a.end().1)));
        curves
    }

    /// What to say behind the machine and the method.
    pub(super) fn remark(&self, rows: &[Row]) -> String {
        if self.section != Section::Counters {
            return self.better.to_owned();
        }
        let threads = least_threads(rows);
        let plural = if threads == 1 { "" } else { "s" };
        format!("{threads} thread{plural}, random index; {}", self.better)
    }

    /// Curves against the number of counters are of one number of threads, and of one index.
    fn shows(&self, point: &Point, rows: &[Row]) -> bool {
        let one = point.section != Section::Counters
            || (point.threads, point.index) == (least_threads(rows), Index::Random);
        point.section == self.section && one
    }
}

fn least_threads(rows: &[Row]) -> usize {
    let rows = rows.iter().filter(|row| row.point.section == Section::Counters);
    rows.map(|row| row.point.threads).min().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::tests::{row, row_of_many};
    use striped_counter::Backend;

    const STRIPED: Name = Name::Backend(Backend::Striped);

    fn names(kind: Kind, rows: &[Row]) -> Vec<Name> {
        Figure::of(kind).curves(rows).iter().map(|curve| curve.name).collect()
    }

    #[test]
    fn the_highest_curve_stands_first_and_single_threads_last() {
        let rows = [
            row(STRIPED, 1, 300.0),
            row(Name::AtomicU64, 1, 500.0),
            row(Name::Plain, 1, 900.0),
            row(STRIPED, 2, 600.0),
            row(Name::AtomicU64, 2, 60.0),
        ];
        assert_eq!(names(Kind::Counter, &rows), [STRIPED, Name::AtomicU64, Name::Plain]);
    }

    #[test]
    fn of_many_counters_one_thread_and_the_random_index_are_shown() {
        let counters = Name::Counters(Backend::Striped);
        let mut rows = vec![
            row_of_many(STRIPED, 1, 2.0),
            row_of_many(counters, 1, 2.0),
            row_of_many(STRIPED, 100, 3.0),
            row_of_many(counters, 100, 9.0),
            row_of_many(Name::AtomicU64, 100, 5.0),
            row_of_many(Name::Batch(Backend::Striped), 100, 5.0),
        ];
        rows[4].point.threads = 2;
        rows[5].point.index = Index::Skewed;
        assert_eq!(names(Kind::CounterSet, &rows), [counters, STRIPED]);
        let curves = Figure::of(Kind::CounterSet).curves(&rows);
        assert_eq!(curves[0].points, [(1.0, 2.0), (100.0, 9.0)]);
        assert_eq!(
            Figure::of(Kind::CounterSet).remark(&rows[4..5]),
            "2 threads, random index; lower is better"
        );
        let labels = [counters, STRIPED].map(|name| Figure::of(Kind::CounterSet).label(name));
        assert_eq!(labels, ["Striped Counters", "Striped set"]);
    }
}
