//! Aligned tables, one for each section.

use super::Report;
use crate::bench::{
    kind::Kind,
    lab::{clock, index::Index, memory, stats::Spread, text::align},
    plan::{Point, Section},
    rows::Row,
};

/// A measured column: its title, and where it is in a row.
type Measure = (&'static str, fn(&Row) -> Option<Spread>);

const ADDS: Measure = ("million adds/s", |row| Some(row.measured.adds?.rate));
const ADD: Measure = ("CPU ns/add", |row| Some(row.measured.adds?.cpu));
const SUM: Measure = ("CPU ns/sum", |row| Some(row.measured.sums?.cpu));

/// What one section's table shows.
struct Layout {
    title: &'static str,
    keys: &'static [Key],
    measures: &'static [Measure],
}

/// A column that tells rows apart.
#[derive(Clone, Copy)]
enum Key {
    Threads,
    Subject,
    Shards,
    Readers,
    ReadLock,
    Counters,
    Index,
    Asked,
    Resident,
}

fn layout(section: Section) -> Layout {
    match section {
        Section::Threads => Layout {
            title: "Adds against threads",
            keys: &[Key::Threads, Key::Subject, Key::Shards],
            measures: &[ADDS, ADD],
        },
        Section::Shards => Layout {
            title: "Adds against shards",
            keys: &[Key::Threads, Key::Subject, Key::Shards],
            measures: &[ADDS, ADD],
        },
        Section::Sum => Layout {
            title: "Sums against shards, nobody adding",
            keys: &[Key::Subject, Key::ReadLock, Key::Shards],
            measures: &[SUM],
        },
        Section::Mixed => Layout {
            title: "Adds and sums at the same time, readers never pausing",
            keys: &[Key::Threads, Key::Readers, Key::Subject, Key::ReadLock],
            measures: &[ADD, SUM],
        },
        Section::Counters => Layout {
            title: "Adds to one of many counters: in a CounterSet (by backend), single, or atomics",
            keys: &[
                Key::Counters,
                Key::Index,
                Key::Threads,
                Key::Subject,
                Key::Shards,
                Key::Asked,
                Key::Resident,
            ],
            measures: &[ADDS, ADD],
        },
        Section::Batch => Layout {
            title: "Three adds to a CounterSet: one by one, or in a batch",
            keys: &[Key::Counters, Key::Threads, Key::Subject, Key::ReadLock],
            measures: &[ADD],
        },
        Section::Sums => Layout {
            title: "All sums of a CounterSet, nobody adding; with read_lock, its snapshot",
            keys: &[
                Key::Counters,
                Key::Subject,
                Key::ReadLock,
                Key::Shards,
                Key::Asked,
                Key::Resident,
            ],
            measures: &[SUM],
        },
    }
}

/// All tables, each with an empty line after it.
pub(super) fn tables(report: &Report) -> String {
    let mut text = heading(report);
    for section in Section::ALL {
        let rows: Vec<_> = report.rows.iter().filter(|row| row.point.section == section).collect();
        if !rows.is_empty() {
            text += "\n";
            text += &table(&layout(section), &rows);
        }
    }
    text
}

fn heading(report: &Report) -> String {
    let memory = memory::note().filter(|_| report.kind == Kind::CounterSet);
    let notes = clock::NOTE.into_iter().chain(memory);
    let note = notes.map(|note| format!("Note: {note}.\n")).collect::<Vec<_>>().concat();
    let (to, index) = match report.kind {
        Kind::Counter => ("ratio: to AtomicU64 at the same load.", ""),
        Kind::UpDownCounter => ("ratio: to AtomicI64 at the same load.", ""),
        Kind::CounterSet => (
            "ratio: to AtomicU64 at the same load,\n\
             of a batch to single adds, of sums to a bare loop over as much memory.\n\
             bytes per counter, measured in a process of its own: asked of the allocator or in place; \
             and resident,\nin whole pages of 4 KiB, which has what the library maps by itself as well.",
            Index::NOTE,
        ),
    };
    format!(
        "{}; {} a point, and its spread\n\
         CPU ns: what one add, or sum, takes its thread. {to}\n{index}{note}",
        report.machine,
        report.method(),
    )
}

fn table(layout: &Layout, rows: &[&Row]) -> String {
    let mut lines = vec![header(layout)];
    let mut group = None;
    for row in rows {
        let Point { threads, counters, index, .. } = row.point;
        let own = (threads, counters, index);
        if group.replace(own).is_some_and(|others| others != own) {
            lines.push(Vec::new());
        }
        lines.push(line(layout, row, rows));
    }
    let left = layout.keys.iter().position(|key| matches!(key, Key::Subject));
    format!("{}\n{}", layout.title, align(&lines, left))
}

fn header(layout: &Layout) -> Vec<String> {
    let keys = layout.keys.iter().map(|key| key.title());
    let measures = layout.measures.iter().flat_map(|measure| [measure.0, "min", "max", "ratio"]);
    keys.chain(measures).map(str::to_owned).collect()
}

fn line(layout: &Layout, row: &Row, rows: &[&Row]) -> Vec<String> {
    let yardstick = rows.iter().find(|other| row.point.is_measured_by(&other.point));
    let mut cells: Vec<_> = layout.keys.iter().map(|key| key.cell(row)).collect();
    for (_, measure) in layout.measures {
        let spread = measure(row);
        let figures = spread.map(|s| [s.median, s.min, s.max].map(figure));
        cells.extend(figures.unwrap_or_else(|| std::array::from_fn(|_| NOTHING.to_owned())));
        let ratio = spread.zip(yardstick.and_then(|other| measure(other)));
        cells.push(ratio.map_or(NOTHING.to_owned(), |(a, b)| figure(a.median / b.median)));
    }
    cells
}

fn bytes(bytes: Option<f64>) -> String {
    bytes.map_or(NOTHING.to_owned(), |bytes| format!("{bytes:.1}"))
}

/// Where there is nothing to show.
const NOTHING: &str = "-";

fn figure(figure: f64) -> String {
    format!("{figure:.2}")
}

impl Key {
    fn title(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Subject => "subject",
            Self::Shards => "shards",
            Self::Readers => "readers",
            Self::ReadLock => "read_lock",
            Self::Counters => "counters",
            Self::Index => "index",
            Self::Asked => "asked/counter",
            Self::Resident => "resident",
        }
    }

    fn cell(self, row: &Row) -> String {
        let Point { subject, threads, readers, read_lock, counters, index, .. } = row.point;
        match self {
            Self::Threads => threads.to_string(),
            Self::Subject => subject.to_string(),
            Self::Shards => row.measured.shards.map_or(NOTHING.to_owned(), |n| n.to_string()),
            Self::Readers => readers.to_string(),
            Self::ReadLock if subject.lockable() => read_lock.to_string(),
            Self::ReadLock => NOTHING.to_owned(),
            Self::Counters => counters.to_string(),
            Self::Index => index.to_string(),
            Self::Asked => bytes(row.bytes_per_counter()[0]),
            Self::Resident => bytes(row.bytes_per_counter()[1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Backend;
    use crate::bench::{
        rows::tests::{row, row_of_many},
        subjects::Name,
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
        assert_eq!(cells[2..5], ["AtomicU64", "-", "2.00"]);
    }

    #[test]
    fn many_counters_have_their_columns() {
        let row = row_of_many(Name::Counters(Backend::Striped), 100, 3.0);
        let cells = line(&layout(Section::Counters), &row, &[&row]);
        let keys = ["100", "random", "1", "Striped Counters", "-", "16.5", "40.0"];
        assert_eq!(cells[..7], keys);
        assert_eq!(cells.len(), header(&layout(Section::Counters)).len());
    }
}
