//! Tidy rows for programs, as CSV and JSON: one row per point and statistic.

use super::{Report, predictions};
use crate::bench::{
    lab::{rounds::Costs, stats::Spread, text::csv_cell},
    plan::Section,
    rows::Row,
};
use std::fmt::Write as _;

/// A value in a row, which CSV and JSON write differently.
#[derive(Clone, Debug)]
enum Cell {
    Text(String),
    Count(u64),
    Figure(f64),
    Truth(bool),
    Nothing,
}

/// A row: the names of the columns, and their values.
type Record = Vec<(&'static str, Cell)>;

/// The name of a statistic, and how to get it.
type Statistic = (&'static str, fn(&Spread) -> f64);

/// The statistics over the repeats, computed for each column separately.
const STATISTICS: [Statistic; 3] = [
    ("median", |spread| spread.median),
    ("min", |spread| spread.min),
    ("max", |spread| spread.max),
];

pub(super) fn csv(report: &Report) -> String {
    let records = records(report);
    let mut text = String::new();
    if let Some(record) = records.first() {
        let names: Vec<_> = record.iter().map(|(name, _)| *name).collect();
        text += &(names.join(",") + "\n");
    }
    for record in records {
        let cells: Vec<_> = record.iter().map(|(_, cell)| cell.csv()).collect();
        text += &(cells.join(",") + "\n");
    }
    text
}

pub(super) fn json(report: &Report) -> String {
    let mut text = String::from("{\n");
    let line = report.advice.line.as_deref().map_or("null".to_owned(), quote);
    let why = quote(&report.advice.why);
    let _ = writeln!(text, "  \"recommendation\": {{\"line\": {line}, \"why\": {why}}},");
    let notes: Vec<_> = report.notes.iter().map(|note| quote(note)).collect();
    let _ = writeln!(text, "  \"notes\": [{}],", notes.join(", "));
    let objects: Vec<_> = records(report).iter().map(object).collect();
    if let Some(forecast) = &report.forecast {
        let _ = writeln!(text, "  \"forecast\": {},", predictions::json(forecast));
    }
    let _ = writeln!(text, "  \"rows\": [\n    {}\n  ]\n}}", objects.join(",\n    "));
    text
}

fn object(record: &Record) -> String {
    let fields: Vec<_> =
        record.iter().map(|(name, cell)| format!("{}: {}", quote(name), cell.json())).collect();
    format!("{{{}}}", fields.join(", "))
}

fn records(report: &Report) -> Vec<Record> {
    let statistics = |row| STATISTICS.map(|statistic| record(report, row, statistic));
    report.rows.iter().flat_map(statistics).collect()
}

fn record(report: &Report, row: &Row, (name, statistic): Statistic) -> Record {
    let point = &row.point;
    let figure = |costs: Option<Costs>, spread: fn(Costs) -> Spread| {
        costs.map_or(Cell::Nothing, |costs| Cell::Figure(statistic(&spread(costs))))
    };
    let read_lock =
        if point.subject.lockable() { Cell::Truth(point.read_lock) } else { Cell::Nothing };
    let index = match point.section {
        Section::Counters | Section::Batch => Cell::Text(point.index.to_string()),
        _ => Cell::Nothing,
    };
    let bytes = |which: usize| row.bytes_per_counter()[which].map_or(Cell::Nothing, Cell::Figure);
    vec![
        ("section", Cell::Text(point.section.to_string())),
        ("subject", Cell::Text(point.subject.to_string())),
        ("threads", Cell::Count(point.threads as u64)),
        ("shards", row.measured.shards.map_or(Cell::Nothing, |shards| Cell::Count(shards as u64))),
        ("readers", Cell::Count(point.readers as u64)),
        ("read_lock", read_lock),
        ("statistic", Cell::Text(name.to_owned())),
        ("million_adds_per_s", figure(row.measured.adds, |costs| costs.rate)),
        ("wall_ns_per_add", figure(row.measured.adds, |costs| costs.wall)),
        ("cpu_ns_per_add", figure(row.measured.adds, |costs| costs.cpu)),
        ("million_sums_per_s", figure(row.measured.sums, |costs| costs.rate)),
        ("wall_ns_per_sum", figure(row.measured.sums, |costs| costs.wall)),
        ("cpu_ns_per_sum", figure(row.measured.sums, |costs| costs.cpu)),
        ("repeats", Cell::Count(row.measured.repeats as u64)),
        ("ms", Cell::Count(report.window.as_millis().try_into().unwrap_or(u64::MAX))),
        // This allows combining the files of several machines.
        ("cpus", Cell::Count(report.machine.cpus as u64)),
        ("machine", Cell::Text(report.machine.model.clone())),
        ("type", Cell::Text(point.kind.to_string())),
        ("counters", Cell::Count(point.counters as u64)),
        ("index", index),
        ("asked_bytes_per_counter", bytes(0)),
        ("resident_bytes_per_counter", bytes(1)),
        ("notes", Cell::Text(report.notes.join(" "))),
    ]
}

impl Cell {
    fn csv(&self) -> String {
        match self {
            Self::Text(text) => csv_cell(text),
            Self::Count(count) => count.to_string(),
            Self::Figure(figure) if figure.is_finite() => format!("{figure:.4}"),
            Self::Truth(truth) => truth.to_string(),
            Self::Figure(_) | Self::Nothing => String::new(),
        }
    }

    fn json(&self) -> String {
        match self {
            Self::Text(text) => quote(text),
            Self::Figure(figure) if !figure.is_finite() => "null".to_owned(),
            Self::Nothing => "null".to_owned(),
            // Numbers and truth values are written in the same way.
            Self::Count(_) | Self::Figure(_) | Self::Truth(_) => self.csv(),
        }
    }
}

/// Returns a JSON string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\0'..' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            _ => quoted.push(letter),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{kind::Kind, report::tests::report};

    #[test]
    fn csv_has_a_row_a_statistic_and_quotes_what_needs_it() {
        let text = csv(&report(Kind::Counter));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 2 * STATISTICS.len());
        assert!(
            lines[0].starts_with("section,subject,threads,shards,readers,read_lock,statistic,")
        );
        assert_eq!(
            lines[1],
            "threads,Striped,2,,0,false,median,3.0000,3.0000,3.0000,,,,1,100,2,\
             \"A \"\"fast\"\" one, 3 GHz\",Counter,1,,,,\"a moon was <full>, \"\"so\"\" to say.\""
        );
        assert!(lines[5].starts_with("threads,AtomicU64,2,,0,,min,8.0000,"));
    }

    #[test]
    fn json_escapes() {
        assert_eq!(quote("a\"b\\c\nd\u{1f}é"), r#""a\"b\\c\u000ad\u001fé""#);
        assert_eq!(Cell::Nothing.json(), "null");
        assert_eq!(Cell::Figure(f64::NAN).json(), "null");
        assert_eq!(Cell::Figure(1.5).json(), "1.5000");
        assert_eq!(Cell::Truth(true).json(), "true");
        assert_eq!(Cell::Text("1".to_owned()).json(), "\"1\"");
    }

    #[test]
    fn json_has_the_rows_of_csv() {
        let text = json(&report(Kind::Counter));
        assert_eq!(text.matches("\"statistic\": ").count(), 6);
        assert!(text.contains("\"line\": \"Counter::new()\""));
        assert!(text.contains("\"notes\": [\"a moon was <full>, \\\"so\\\" to say.\"],"), "{text}");
        assert!(text.contains("\"shards\": null"));
    }
}
