//! Tables, one per section, narrow enough for a terminal.

use super::{COLUMNS, Report, predictions};
use crate::bench::{
    kind::Kind,
    lab::{
        index::{Index, Latencies},
        stats::Spread,
        text::{align, wrap},
    },
    plan::{Point, Section},
    rows::Row,
};
use std::fmt;

/// A table, for a terminal and for a page.
pub(super) struct Table {
    pub(super) title: String,
    pub(super) header: Vec<String>,
    /// The column whose cells are text.
    pub(super) left: usize,
    pub(super) groups: Vec<Group>,
}

/// Lines that belong together, such as those for one number of threads.
pub(super) struct Group {
    pub(super) title: Option<String>,
    pub(super) lines: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in wrap(&self.title, COLUMNS) {
            writeln!(f, "{line}")?;
        }
        let mut lines = vec![self.header.clone()];
        lines.extend(self.groups.iter().flat_map(|group| group.lines.iter().cloned()));
        let text = align(&lines, Some(self.left));
        let mut text = text.lines();
        writeln!(f, "{}", text.next().unwrap_or_default())?;
        for (number, group) in self.groups.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            if let Some(title) = &group.title {
                writeln!(f, "{title}")?;
            }
            for line in text.by_ref().take(group.lines.len()) {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}

/// A measured column: its titles, and where it is in a row.
struct Measure {
    title: &'static str,
    spread: fn(&Row) -> Option<Spread>,
}

const ADD: Measure =
    Measure { title: "ns/add", spread: |row| row.measured.adds.map(|costs| costs.cpu) };
const SUM: Measure =
    Measure { title: "ns/sum", spread: |row| row.measured.sums.map(|costs| costs.cpu) };

/// What one section's table shows.
struct Layout {
    title: &'static str,
    keys: &'static [Key],
    measures: &'static [Measure],
    /// What the lines of a group have in common, if that is not a column.
    group: fn(&Point) -> Option<String>,
}

/// A column before the measured ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Threads,
    Subject,
    Shards,
    Asked,
    Resident,
    Rate,
}

fn layout(section: Section) -> Layout {
    let layout = Layout {
        title: "Adds against threads",
        keys: &[Key::Threads, Key::Subject, Key::Shards, Key::Rate],
        measures: &[ADD],
        group: |_| None,
    };
    match section {
        Section::Threads => layout,
        Section::Shards => Layout { title: "Adds against shards", ..layout },
        Section::Sum => Layout {
            title: "Sums against shards, while no thread adds",
            keys: &[Key::Subject, Key::Shards],
            measures: &[SUM],
            ..layout
        },
        Section::Mixed => Layout {
            title: "Adds and sums at the same time; readers never pause",
            keys: &[Key::Subject],
            measures: &[ADD, SUM],
            group: |point| {
                Some(format!("{} that add, {} that sum", threads(point.threads), point.readers))
            },
        },
        Section::Counters => Layout {
            title: "Adds to one of many counters: in a CounterSet (by backend), single, or atomics",
            keys: &[Key::Subject, Key::Shards, Key::Asked, Key::Resident],
            group: |point| {
                let Point { counters, index, .. } = point;
                Some(format!("{counters} counters, {index} index, {}", threads(point.threads)))
            },
            ..layout
        },
        Section::Batch => Layout {
            title: "Three adds to a CounterSet: one by one, or in a batch",
            keys: &[Key::Subject],
            group: |point| Some(format!("{} counters, {}", point.counters, threads(point.threads))),
            ..layout
        },
        Section::Sums => Layout {
            title: "All sums of a CounterSet while no thread adds; locked: its snapshot",
            keys: &[Key::Subject, Key::Shards, Key::Asked, Key::Resident],
            measures: &[SUM],
            group: |point| Some(format!("{} counters", point.counters)),
        },
        Section::Records => Layout {
            title: "Records of latencies against threads: in a histogram (by backend), one without a sum, or \
                    the parts of it",
            keys: &[Key::Threads, Key::Subject, Key::Shards, Key::Asked, Key::Resident],
            ..layout
        },
        Section::Snapshots => Layout {
            title: "Snapshots of a histogram against shards, while no thread records",
            keys: &[Key::Subject, Key::Shards, Key::Asked, Key::Resident],
            measures: &[SUM],
            ..layout
        },
    }
}

fn threads(threads: usize) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}

/// Returns all tables that are not empty.
pub(super) fn tables(report: &Report) -> Vec<Table> {
    let sections = Section::ALL.into_iter().filter_map(|section| {
        let rows: Vec<_> = report.rows.iter().filter(|row| row.point.section == section).collect();
        (!rows.is_empty()).then(|| table(&layout(section), &rows))
    });
    sections.chain(report.forecast.as_ref().map(predictions::table)).collect()
}

/// Returns what the columns mean.
pub(super) fn legend(kind: Kind) -> Vec<String> {
    let mut legend = vec![
        "ns/add, ns/sum: CPU time of one operation in ns: median, minimum and maximum of the repeats. \
         Madds/s: millions of adds per second, of all threads together. locked: with read_lock(true)."
            .to_owned(),
    ];
    let to = match kind {
        Kind::Counter => "ratio: to AtomicU64 at the same load.",
        Kind::UpDownCounter => "ratio: to AtomicI64 at the same load.",
        Kind::CounterSet => {
            "ratio: to AtomicU64 at the same load, of a batch to single adds, of sums to a bare loop over \
             as much memory. asked, resident: bytes per counter, measured in a separate process. asked: \
             requested from the allocator or in place. resident: in whole pages, including what the \
             library maps directly."
        }
        Kind::Histogram => {
            "ratio: of records to an AtomicU64 per bucket, which has no sum; of snapshots to a bare loop over \
             as much memory. Counter: the values added to a counter. asked, resident: bytes, measured in a \
             separate process. asked: requested from the allocator or in place. resident: in whole pages, \
             including what the library maps directly."
        }
    };
    legend.push(to.to_owned());
    legend.extend(kind.many().then(|| Index::NOTE.to_owned()));
    legend.extend((kind == Kind::Histogram).then(|| Latencies::NOTE.to_owned()));
    legend
}

fn table(layout: &Layout, rows: &[&Row]) -> Table {
    let own = |row: &Row| (row.point.threads, row.point.counters, row.point.index);
    let groups = rows.chunk_by(|a, b| own(a) == own(b)).map(|together| Group {
        title: (layout.group)(&together[0].point),
        lines: together.iter().map(|row| line(layout, row, rows)).collect(),
    });
    let left = layout.keys.iter().position(|key| *key == Key::Subject).unwrap_or(0);
    Table { title: layout.title.to_owned(), header: header(layout), left, groups: groups.collect() }
}

fn header(layout: &Layout) -> Vec<String> {
    let keys = layout.keys.iter().map(|key| key.title());
    let measures = layout.measures.iter().flat_map(|m| [m.title, "min", "max", "ratio"]);
    keys.chain(measures).map(str::to_owned).collect()
}

fn line(layout: &Layout, row: &Row, rows: &[&Row]) -> Vec<String> {
    let yardstick = rows.iter().find(|other| row.point.is_measured_by(&other.point));
    let mut cells: Vec<_> = layout.keys.iter().map(|key| key.cell(row)).collect();
    for Measure { spread, .. } in layout.measures {
        let own = spread(row);
        let figures = own.map(|s| [s.median, s.min, s.max].map(figure));
        cells.extend(figures.unwrap_or_else(|| std::array::from_fn(|_| NOTHING.to_owned())));
        let ratio = own.zip(yardstick.and_then(|other| spread(other)));
        cells.push(ratio.map_or(NOTHING.to_owned(), |(a, b)| figure(a.median / b.median)));
    }
    cells
}

/// Shown for a missing figure.
const NOTHING: &str = "-";

/// Formats three digits, or all before the decimal point.
pub(super) fn figure(figure: f64) -> String {
    match figure.abs() {
        size if !size.is_finite() => NOTHING.to_owned(),
        size if size < 9.995 => format!("{figure:.2}"),
        size if size < 99.95 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

impl Key {
    fn title(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Subject => "subject",
            Self::Shards => "shards",
            Self::Asked => "asked",
            Self::Resident => "resident",
            Self::Rate => "Madds/s",
        }
    }

    fn cell(self, row: &Row) -> String {
        let Point { subject, threads, read_lock, .. } = row.point;
        let or_nothing = |cell: Option<String>| cell.unwrap_or_else(|| NOTHING.to_owned());
        match self {
            Self::Threads => threads.to_string(),
            Self::Subject if read_lock => format!("{subject} locked"),
            Self::Subject => subject.to_string(),
            Self::Shards => or_nothing(row.measured.shards.map(|shards| shards.to_string())),
            Self::Asked => or_nothing(row.bytes_per_counter()[0].map(figure)),
            Self::Resident => or_nothing(row.bytes_per_counter()[1].map(figure)),
            Self::Rate => or_nothing(row.measured.adds.map(|costs| figure(costs.rate.median))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Backend,
        bench::{
            rows::tests::{row, row_of_many},
            subjects::Name,
        },
    };

    #[test]
    fn ratios_are_to_the_atomic_with_as_many_threads() {
        let striped = Name::Backend(Backend::Striped);
        let rows = [
            row(striped, 1, 3.0),
            row(Name::AtomicU64, 1, 2.0),
            row(striped, 2, 4.0),
            row(Name::AtomicU64, 2, 16.0),
        ];
        let rows: Vec<_> = rows.iter().collect();
        let layout = layout(Section::Threads);
        let ratio = |row| line(&layout, row, &rows).pop();
        assert_eq!(ratio(rows[0]).as_deref(), Some("1.50"));
        assert_eq!(ratio(rows[2]).as_deref(), Some("0.25"));
        assert_eq!(ratio(rows[3]).as_deref(), Some("1.00"));
        let alone = line(&layout, rows[0], &rows[..1]);
        assert_eq!(alone.last().map(String::as_str), Some("-"));
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let row = row(Name::AtomicU64, 1, 2.0);
        let cells = line(&layout(Section::Mixed), &row, &[&row]);
        assert_eq!(cells.len(), header(&layout(Section::Mixed)).len());
        assert_eq!(cells[cells.len() - 4..], ["-"; 4]);
        assert_eq!(cells[..2], ["AtomicU64", "2.00"]);
        assert_eq!(figure(f64::NAN), "-");
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(
            [0.5, 9.999, 27.84, 99.96, 1_604.9].map(figure),
            ["0.50", "10.0", "27.8", "100", "1605"]
        );
    }

    #[test]
    fn many_counters_have_their_columns_and_their_groups() {
        let rows = [
            row_of_many(Name::Counters(Backend::Striped), 100, 3.0),
            row_of_many(Name::Counters(Backend::Striped), 200, 3.0),
        ];
        let table = table(&layout(Section::Counters), &rows.iter().collect::<Vec<_>>());
        assert_eq!(table.groups.len(), 2);
        assert_eq!(table.groups[0].lines[0][..4], ["Striped Counters", "-", "16.5", "40.0"]);
        let text = table.to_string();
        assert!(
            text.contains("\n\n200 counters, random index, 1 thread\nStriped Counters "),
            "{text}"
        );
    }
}
