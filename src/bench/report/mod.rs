//! The results, for people and for programs.

mod figure;
mod page;
mod predictions;
mod records;
mod table;

use crate::bench::{
    args::Format,
    forecast::Forecast,
    kind::Kind,
    lab::{
        chart::{Size, svg},
        files::File,
        machine::Machine,
        text::wrap,
    },
    recommend::Advice,
    rows::Row,
};
use std::time::Duration;

/// The width of a terminal.
const COLUMNS: usize = 80;

pub(crate) struct Report {
    pub(crate) kind: Kind,
    pub(crate) machine: Machine,
    pub(crate) repeats: u16,
    pub(crate) window: Duration,
    pub(crate) rows: Vec<Row>,
    pub(crate) forecast: Option<Forecast>,
    pub(crate) advice: Advice,
    /// Warnings about the figures, a sentence or two each.
    pub(crate) notes: Vec<String>,
}

/// Returns the endings of the names of the files that a run writes.
pub(crate) fn endings(csv: bool, plot: bool, forecast: bool) -> Vec<&'static str> {
    let all = [
        (".csv", csv),
        ("-forecast.csv", csv && forecast),
        (".svg", plot),
        ("-forecast.svg", plot && forecast),
        (".html", plot),
    ];
    all.into_iter().filter(|(_, written)| *written).map(|(ending, _)| ending).collect()
}

impl Report {
    /// Returns the files with these `endings`, except those that would be empty.
    pub(crate) fn files(&self, endings: &[&str]) -> Vec<File> {
        let file = |ending: &&str| {
            let text = match *ending {
                ".csv" => records::csv(self),
                "-forecast.csv" => predictions::csv(self, self.forecast.as_ref()?),
                "-forecast.svg" => svg(&figure::forecast(self)?, Size::Wide),
                ".svg" => svg(&figure::main(self), Size::Wide),
                _ => page::html(self),
            };
            Some(File { name: self.kind.file(ending), text })
        };
        endings.iter().filter_map(file).collect()
    }

    /// Returns what is written to the standard output.
    pub(crate) fn render(&self, format: Format) -> String {
        match format {
            Format::Table => self.text(),
            Format::Csv => records::csv(self),
            Format::Json => records::json(self),
        }
    }

    fn text(&self) -> String {
        let notes =
            self.notes.iter().map(|note| wrapped(&format!("Note: {note}"))).collect::<String>();
        let mut parts = vec![wrapped(&self.heading().join("\n"))];
        parts.extend(table::tables(self).iter().map(table::Table::to_string));
        parts.extend([notes, wrapped(&self.advice.to_string())]);
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }

    /// Returns what was measured and what the figures mean, one paragraph each.
    fn heading(&self) -> Vec<String> {
        let mut heading =
            vec![format!("{}; {} per point, and its spread", self.machine, self.method())];
        heading.extend(table::legend(self.kind));
        heading
    }

    /// Returns how it was measured, for captions.
    fn method(&self) -> String {
        let plural = if self.repeats == 1 { "" } else { "s" };
        format!("median of {} repeat{plural} of {} ms", self.repeats, self.window.as_millis())
    }
}

fn wrapped(text: &str) -> String {
    wrap(text, COLUMNS).iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::Backend;
    use crate::bench::{
        forecast,
        rows::tests::{row, row_of_many},
        subjects::Name,
    };

    pub(crate) fn report(kind: Kind) -> Report {
        let striped = Name::Backend(Backend::Striped);
        let rows = if kind.many() {
            vec![row_of_many(striped, 100, 3.0), row_of_many(Name::AtomicU64, 100, 16.0)]
        } else {
            vec![row(striped, 2, 3.0), row(Name::AtomicU64, 2, 16.0)]
        };
        let advice = Advice::new(kind, &rows, Backend::Striped);
        let machine = Machine { model: "A \"fast\" one, 3 GHz".to_owned(), cpus: 2 };
        let notes = vec!["a moon was <full>, \"so\" to say.".to_owned()];
        let window = Duration::from_millis(100);
        Report { kind, machine, repeats: 5, window, rows, forecast: None, advice, notes }
    }

    pub(crate) fn report_with_forecast() -> Report {
        let forecast = Some(forecast::tests::forecast());
        Report { forecast, ..report(Kind::Counter) }
    }

    #[test]
    fn notes_are_in_every_format_and_file() {
        let report = report_with_forecast();
        let files = report.files(&endings(true, true, true));
        assert_eq!(files.len(), 5);
        let texts = files.iter().map(|file| (&file.name[..], &file.text));
        let outputs =
            [Format::Table, Format::Csv, Format::Json].map(|format| report.render(format));
        for (name, text) in texts.chain(outputs.iter().map(|output| ("output", output))) {
            assert!(text.contains("a moon was"), "{name}: {text}");
        }
    }

    #[test]
    fn nothing_is_wider_than_a_terminal() {
        for report in [report(Kind::Counter), report(Kind::CounterSet), report_with_forecast()] {
            let text = report.render(Format::Table);
            let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > COLUMNS).collect();
            assert!(wide.is_empty(), "{wide:#?}");
        }
    }
}
