//! What the plots of each type show: CPU time, which is what is compared, and in the main plot only
//! the subjects to choose from. A forecast has its own plot.
//!
//! Backends are thick and bright, alternatives thinner. Single counters have the colour and the
//! shape of their backend, but hollow; a forecast is dashed.

use super::{Report, predictions};
use crate::{
    Backend,
    bench::{
        kind::Kind,
        lab::{
            chart::{
                Chart, Curve,
                style::{
                    BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY_BLUE, Shape, Style, VERMILION,
                },
            },
            index::Index,
            stats::float,
        },
        plan::{Point, Section},
        rows::Row,
        subjects::Name,
    },
};

/// Returns the plot of the subjects to choose from.
pub(super) fn main(report: &Report) -> Chart {
    let figure = Figure::of(report.kind);
    let chosen = |name: Name| {
        let ours =
            matches!(name, Name::Backend(_) | Name::Own(_) | Name::Counters(_) | Name::NoSum(_));
        ours || name.atomic()
    };
    figure.chart(report, chosen)
}

/// Returns the plot of all subjects, if the main plot leaves some out.
pub(super) fn all(report: &Report) -> Option<Chart> {
    let chart = Figure::of(report.kind).chart(report, |_| true);
    let title = format!("{}: all subjects", chart.title);
    (chart.curves.len() > main(report).curves.len()).then_some(Chart { title, ..chart })
}

/// Returns the plot of the forecast.
pub(super) fn forecast(report: &Report) -> Option<Chart> {
    let forecast = report.forecast.as_ref()?;
    let subjects = forecast.rows.chunk_by(|a, b| a.subject == b.subject);
    let curves = subjects.map(|rows| Curve {
        label: rows[0].subject.to_string(),
        style: style(rows[0].subject).dashed(),
        points: rows.iter().map(|row| (float(row.threads as u64), row.cost)).collect(),
    });
    let title = predictions::title(forecast);
    Some(Chart {
        title: format!("Forecast for {} CPUs", forecast.cpus),
        captions: [format!("From {}", report.machine), title]
            .into_iter()
            .chain(notes(report))
            .collect(),
        x_title: "threads that add, a CPU each".to_owned(),
        y_title: "CPU ns per add, by a model".to_owned(),
        curves: curves.collect(),
    })
}

fn notes(report: &Report) -> impl Iterator<Item = String> {
    report.notes.iter().map(|note| format!("Note: {note}"))
}

struct Figure {
    title: &'static str,
    x_title: &'static str,
    y_title: &'static str,
    /// Appended to the name of a backend.
    backends: &'static str,
    section: Section,
    x: fn(&Point) -> usize,
}

impl Figure {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::THREADS,
            Kind::UpDownCounter => Self {
                title: "CPU time of an up or down against threads",
                x_title: "threads that count",
                y_title: "CPU ns per up or down",
                ..Self::THREADS
            },
            Kind::CounterSet => Self::COUNTERS,
            Kind::Histogram => Self {
                title: "CPU time of a record against threads",
                x_title: "threads that record",
                y_title: "CPU ns per record",
                section: Section::Records,
                ..Self::THREADS
            },
        }
    }

    const THREADS: Self = Self {
        title: "CPU time of an add against threads",
        x_title: "threads that add",
        y_title: "CPU ns per add",
        backends: "",
        section: Section::Threads,
        x: |point| point.threads,
    };

    const COUNTERS: Self = Self {
        title: "CPU time of an add against the number of counters",
        x_title: "counters",
        y_title: "CPU ns per add",
        backends: " set",
        section: Section::Counters,
        x: |point| point.counters,
    };

    fn chart(&self, report: &Report, chosen: impl Fn(Name) -> bool) -> Chart {
        let how = format!(
            "{}; {}{}; lower is better",
            report.machine,
            report.method(),
            self.remark(&report.rows)
        );
        Chart {
            title: self.title.to_owned(),
            captions: [how].into_iter().chain(notes(report)).collect(),
            x_title: self.x_title.to_owned(),
            y_title: self.y_title.to_owned(),
            curves: self.curves(&report.rows, chosen),
        }
    }

    fn label(&self, name: Name) -> String {
        let behind = if matches!(name, Name::Backend(_)) { self.backends } else { "" };
        format!("{name}{behind}")
    }

    fn curves(&self, rows: &[Row], chosen: impl Fn(Name) -> bool) -> Vec<Curve> {
        let mut curves: Vec<(Name, Curve)> = Vec::new();
        let mut own = 0;
        for row in rows.iter().filter(|row| self.shows(&row.point, rows)) {
            let (name, cost) = (row.point.subject, row.measured.adds.map(|costs| costs.cpu.median));
            // A time of 0 was not measured.
            let cost = cost.filter(|cost| chosen(name) && cost.is_finite() && *cost > 0.0);
            let Some(cost) = cost else { continue };
            let point = (float((self.x)(&row.point) as u64), cost);
            let known = curves.iter_mut().find(|(of, _)| *of == name);
            if let Some((_, curve)) = known {
                curve.points.push(point);
            } else {
                let style = if let Name::Own(_) = name { own_style(own) } else { style(name) };
                own += usize::from(matches!(name, Name::Own(_)));
                curves.push((name, Curve { label: self.label(name), style, points: vec![point] }));
            }
        }
        curves.into_iter().map(|(_, curve)| curve).collect()
    }

    /// Returns a remark that follows the machine and the method.
    fn remark(&self, rows: &[Row]) -> String {
        if self.section != Section::Counters {
            return String::new();
        }
        let threads = most_threads(rows);
        let plural = if threads == 1 { "" } else { "s" };
        format!("; {threads} thread{plural}, random index")
    }

    /// Returns whether the curves include the point: those against the number of counters are for
    /// the most threads and for one kind of index.
    fn shows(&self, point: &Point, rows: &[Row]) -> bool {
        let one = point.section != Section::Counters
            || (point.threads, point.index) == (most_threads(rows), Index::Random);
        point.section == self.section && one
    }
}

fn style(name: Name) -> Style {
    match name {
        Name::Counters(backend) | Name::NoSum(backend) => style(Name::Backend(backend)).hollow(),
        Name::PaddedAtomics => Style::thin(BLACK, Shape::Square),
        Name::ArcAtomics => Style::thin(BLACK, Shape::Diamond),
        Name::Backend(Backend::PerCpu) => Style::thick(VERMILION, Shape::Disc),
        Name::Backend(Backend::PerThread) => Style::thick(BLUE, Shape::Square),
        Name::Backend(_) | Name::Batch(_) | Name::Loop(_) => Style::thick(GREEN, Shape::Up),
        Name::AtomicU64 | Name::AtomicI64 => Style::thin(BLACK, Shape::Disc),
        Name::Mutex => Style::thin(GREY, Shape::Square),
        Name::ThreadLocal | Name::Arcs(_) => Style::thin(PURPLE, Shape::Diamond),
        Name::FastRead | Name::Padded(_) => Style::thin(ORANGE, Shape::Down),
        Name::FastWrite => Style::thin(SKY_BLUE, Shape::Up),
        Name::SingleThread | Name::IndexAlone | Name::ValueAlone => {
            Style::thin(GREY, Shape::Diamond)
        }
        Name::Plain => Style::thin(BLACK, Shape::Disc).hollow(),
        Name::Sum(backend) => style(Name::Backend(backend)).dashed(),
        Name::Own(_) => own_style(0),
    }
}

/// Returns the style of the program's own subject with this number.
fn own_style(number: usize) -> Style {
    let colors = [PURPLE, SKY_BLUE, ORANGE];
    let shapes = [Shape::Diamond, Shape::Down, Shape::Square];
    Style::thick(colors[number % 3], shapes[number / 3 % 3])
}

fn most_threads(rows: &[Row]) -> usize {
    let rows = rows.iter().filter(|row| row.point.section == Section::Counters);
    rows.map(|row| row.point.threads).max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        report::tests::report_with_forecast,
        rows::tests::{row, row_of_many},
    };

    const STRIPED: Name = Name::Backend(Backend::Striped);

    fn labels(curves: &[Curve]) -> Vec<&str> {
        curves.iter().map(|curve| &curve.label[..]).collect()
    }

    #[test]
    fn every_subject_has_a_curve_of_what_was_measured() {
        let rows = [
            row(STRIPED, 1, 300.0),
            row(Name::Plain, 1, 900.0),
            row(STRIPED, 2, 600.0),
            row(STRIPED, 4, f64::NAN),
            row(Name::AtomicU64, 1, 0.0),
        ];
        let curves = Figure::of(Kind::Counter).curves(&rows, |_| true);
        assert_eq!(labels(&curves), ["Striped", "plain"]);
        assert_eq!(curves[0].points, [(1.0, 300.0), (2.0, 600.0)]);
    }

    #[test]
    fn the_main_picture_is_of_what_is_to_be_chosen_from() {
        let mut report = report_with_forecast();
        report.rows.push(row(Name::Mutex, 2, 5.0));
        report.rows.push(row(Name::Own("mine"), 2, 5.0));
        report.rows.push(row(Name::Own("yours"), 2, 5.0));
        let main = main(&report);
        assert_eq!(labels(&main.curves), ["Striped", "AtomicU64", "mine", "yours"]);
        assert_ne!(main.curves[2].style, main.curves[3].style);
        assert_eq!(all(&report).unwrap().curves.len(), 5);
    }

    #[test]
    fn of_many_counters_the_most_threads_and_the_random_index_are_shown() {
        let counters = Name::Counters(Backend::Striped);
        let mut rows = vec![
            row_of_many(STRIPED, 1, 2.0),
            row_of_many(counters, 1, 2.0),
            row_of_many(STRIPED, 100, 3.0),
            row_of_many(counters, 100, 9.0),
            row_of_many(Name::AtomicU64, 100, 5.0),
            row_of_many(Name::Batch(Backend::Striped), 100, 5.0),
        ];
        for row in &mut rows[..4] {
            row.point.threads = 2;
        }
        rows[5].point.index = Index::Skewed;
        let figure = Figure::of(Kind::CounterSet);
        let curves = figure.curves(&rows, |_| true);
        assert_eq!(labels(&curves), ["Striped set", "Striped Counters"]);
        assert_eq!(curves[1].points, [(1.0, 2.0), (100.0, 9.0)]);
        assert_eq!(figure.remark(&rows), "; 2 threads, random index");
    }

    #[test]
    fn a_forecast_is_a_picture_of_its_own() {
        let report = report_with_forecast();
        let chart = forecast(&report).unwrap();
        assert_eq!(labels(&chart.curves), ["Striped", "AtomicU64"]);
        assert_eq!(chart.curves[0].points.len(), 4, "1, 2, 4 and 8 threads");
        assert_eq!(labels(&main(&report).curves), ["Striped", "AtomicU64"]);
    }
}
