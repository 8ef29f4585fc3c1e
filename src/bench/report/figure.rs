//! What the picture of each type shows.
//!
//! Backends are thick and bright, alternatives thinner; as many counters of a backend have its
//! colour, and its shape hollow; a forecast is dashed.

use super::Report;
use crate::Backend;
use crate::bench::{
    forecast::{Forecast, Predicted},
    kind::Kind,
    lab::{
        chart::{
            Chart, Curve, sort,
            style::{
                BLACK, BLUE, DIAMOND, DOWN, GREEN, GREY, ORANGE, PURPLE, SKY_BLUE, SQUARE, Shape,
                Style, UP, VERMILION,
            },
        },
        index::Index,
        rounds::Costs,
        stats::float,
    },
    plan::{Point, Section},
    rows::Row,
    subjects::Name,
};

struct Figure {
    title: &'static str,
    better: &'static str,
    x_title: &'static str,
    y_title: &'static str,
    /// Behind the name of a backend in the legend.
    backends: &'static str,
    /// From one mark on the x axis to the next.
    x_step: f64,
    section: Section,
    x: fn(&Point) -> usize,
    y: fn(&Costs) -> f64,
}

pub(super) fn chart(report: &Report) -> Chart {
    let figure = Figure::of(report.kind);
    let remark = figure.remark(&report.rows);
    let mut curves = figure.curves(&report.rows);
    sort(&mut curves);
    curves.extend(report.forecast.iter().flat_map(forecast_curves));
    Chart {
        title: figure.title.to_owned(),
        caption: format!("{}; {}; {remark}", report.machine, report.method()),
        x_title: figure.x_title.to_owned(),
        y_title: figure.y_title.to_owned(),
        x_step: figure.x_step,
        curves,
    }
}

/// Dashed, in the colours of what they are about; one line of the legend stands for all.
fn forecast_curves(forecast: &Forecast) -> Vec<Curve> {
    let label = format!("forecast, {} CPUs", forecast.cpus);
    let key = Style::thin(GREY, Shape::Nothing).dashed();
    let key = Curve { label: Some(label), style: key, points: Vec::new() };
    let curve = |rows: &[Predicted]| {
        let points = rows.iter().map(|row| (float(row.threads as u64), row.rate())).collect();
        Curve { label: None, style: style(rows[0].subject).dashed(), points }
    };
    let subjects = forecast.rows.chunk_by(|a, b| a.subject == b.subject);
    [key].into_iter().chain(subjects.map(curve)).collect()
}

impl Figure {
    fn of(kind: Kind) -> Self {
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

    fn label(&self, name: Name) -> String {
        let behind = if matches!(name, Name::Backend(_)) { self.backends } else { "" };
        format!("{name}{behind}")
    }

    fn curves(&self, rows: &[Row]) -> Vec<Curve> {
        let mut curves: Vec<(Name, Curve)> = Vec::new();
        for row in rows.iter().filter(|row| self.shows(&row.point, rows)) {
            let Some(costs) = row.measured.adds else { continue };
            let x = float((self.x)(&row.point) as u64);
            let (name, point) = (row.point.subject, (x, (self.y)(&costs)));
            let known = curves.iter_mut().find(|(of, _)| *of == name);
            if let Some((_, curve)) = known {
                curve.points.push(point);
            } else {
                let label = Some(self.label(name));
                curves.push((name, Curve { label, style: style(name), points: vec![point] }));
            }
        }
        curves.into_iter().map(|(_, curve)| curve).collect()
    }

    /// What to say behind the machine and the method.
    fn remark(&self, rows: &[Row]) -> String {
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

fn style(name: Name) -> Style {
    match name {
        Name::Counters(backend) => style(Name::Backend(backend)).hollow(),
        Name::PaddedAtomics => Style::thin(BLACK, SQUARE),
        Name::ArcAtomics => Style::thin(BLACK, DIAMOND),
        Name::Backend(Backend::PerCpu) => Style::thick(VERMILION, Shape::Disc),
        Name::Backend(Backend::PerThread) => Style::thick(BLUE, SQUARE),
        Name::Backend(_) | Name::Batch(_) | Name::Loop(_) => Style::thick(GREEN, UP),
        Name::AtomicU64 | Name::AtomicI64 => Style::thin(BLACK, Shape::Disc),
        Name::Mutex => Style::thin(GREY, SQUARE),
        Name::ThreadLocal | Name::Arcs(_) => Style::thin(PURPLE, DIAMOND),
        Name::FastRead | Name::Padded(_) => Style::thin(ORANGE, DOWN),
        Name::FastWrite => Style::thin(SKY_BLUE, UP),
        Name::SingleThread | Name::IndexAlone => Style::thin(GREY, DIAMOND),
        Name::Plain => Style::thin(BLACK, Shape::Ring),
        Name::Own(_) => Style::thick(PURPLE, DIAMOND),
    }
}

fn least_threads(rows: &[Row]) -> usize {
    let rows = rows.iter().filter(|row| row.point.section == Section::Counters);
    rows.map(|row| row.point.threads).min().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        forecast,
        rows::tests::{row, row_of_many},
    };

    const STRIPED: Name = Name::Backend(Backend::Striped);

    fn labels(curves: &[Curve]) -> Vec<&str> {
        curves.iter().map(|curve| curve.label.as_deref().unwrap_or("none")).collect()
    }

    #[test]
    fn every_subject_has_a_curve() {
        let rows = [row(STRIPED, 1, 300.0), row(Name::Plain, 1, 900.0), row(STRIPED, 2, 600.0)];
        let curves = Figure::of(Kind::Counter).curves(&rows);
        assert_eq!(labels(&curves), ["Striped", "plain"]);
        assert_eq!(curves[0].points, [(1.0, 300.0), (2.0, 600.0)]);
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
        let figure = Figure::of(Kind::CounterSet);
        let curves = figure.curves(&rows);
        assert_eq!(labels(&curves), ["Striped set", "Striped Counters"]);
        assert_eq!(curves[1].points, [(1.0, 2.0), (100.0, 9.0)]);
        assert_eq!(figure.remark(&rows[4..5]), "2 threads, random index; lower is better");
    }

    #[test]
    fn a_forecast_has_one_line_in_the_legend() {
        let curves = forecast_curves(&forecast::tests::forecast());
        assert_eq!(labels(&curves), ["forecast, 8 CPUs", "none", "none"]);
        assert!(curves[0].points.is_empty());
        assert_eq!(curves[1].points.len(), 4, "1, 2, 4 and 8 threads");
    }
}
