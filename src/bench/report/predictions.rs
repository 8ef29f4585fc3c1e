//! A forecast, in its own table and file: predictions and measurements never share a row.

use super::{
    Report,
    records::quote,
    table::{Group, Table, figure},
};
use crate::bench::{
    forecast::{Forecast, Predicted},
    lab::text::csv_cell,
};
use std::fmt::Write as _;

pub(super) fn table(forecast: &Forecast) -> Table {
    let mut rows: Vec<_> = forecast.rows.clone();
    rows.sort_by_key(|row| row.threads);
    let groups = rows.chunk_by(|a, b| a.threads == b.threads);
    let groups = groups.map(|rows| Group { title: None, lines: rows.iter().map(line).collect() });
    Table {
        title: title(forecast),
        header: ["threads", "subject", "Madds/s", "ns/add"].map(str::to_owned).to_vec(),
        left: 1,
        groups: groups.collect(),
    }
}

/// Returns what is forecast, from what, and a warning if it should not be trusted.
pub(super) fn title(forecast: &Forecast) -> String {
    let title = format!(
        "Forecast, not measured: adds on a machine with {} CPUs, one thread on each, where the \
         transfer of a line takes {:.2} ns",
        forecast.cpus, forecast.transfer,
    );
    [title].into_iter().chain(forecast.warning.clone()).collect::<Vec<_>>().join(". ")
}

fn line(row: &Predicted) -> Vec<String> {
    let figures = [row.rate(), row.cost].map(figure);
    [row.threads.to_string(), row.subject.to_string()].into_iter().chain(figures).collect()
}

pub(super) fn csv(report: &Report, forecast: &Forecast) -> String {
    let machine = csv_cell(&report.machine.model);
    let notes: Vec<_> = forecast.warning.iter().chain(&report.notes).cloned().collect();
    let notes = csv_cell(&notes.join(" "));
    let mut text = String::from(
        "subject,threads,forecast_cpus,transfer_ns,forecast_million_adds_per_s,\
         forecast_cpu_ns_per_add,type,from_cpus,from_machine,notes\n",
    );
    for row in &forecast.rows {
        let Predicted { subject, threads, cost } = row;
        let _ = writeln!(
            text,
            "{},{threads},{},{:.4},{:.4},{cost:.4},{},{},{machine},{notes}",
            csv_cell(&subject.to_string()),
            forecast.cpus,
            forecast.transfer,
            row.rate(),
            report.kind,
            report.machine.cpus,
        );
    }
    text
}

pub(super) fn json(forecast: &Forecast) -> String {
    let row = |row: &Predicted| {
        format!(
            "{{\"subject\": {}, \"threads\": {}, \"forecast_million_adds_per_s\": {:.4}, \
             \"forecast_cpu_ns_per_add\": {:.4}}}",
            quote(&row.subject.to_string()),
            row.threads,
            row.rate(),
            row.cost
        )
    };
    let rows: Vec<_> = forecast.rows.iter().map(row).collect();
    let warning = forecast.warning.as_deref().map_or("null".to_owned(), quote);
    format!(
        "{{\"cpus\": {}, \"transfer_ns\": {:.4}, \"warning\": {warning}, \"rows\": [\n    {}\n  ]}}",
        forecast.cpus,
        forecast.transfer,
        rows.join(",\n    ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::forecast::tests::forecast;

    #[test]
    fn a_forecast_says_that_it_is_one() {
        let text = table(&forecast()).to_string();
        assert!(
            text.starts_with("Forecast, not measured: adds on a machine with 8 CPUs"),
            "{text}"
        );
        assert!(text.contains("\n      8  AtomicU64      100    80.0\n"), "{text}");
        assert!(json(&forecast()).contains("\"forecast_cpu_ns_per_add\": 80.0000"));
    }

    #[test]
    fn a_warning_stands_in_place() {
        let warning = Some("Not to be trusted.".to_owned());
        let forecast = Forecast { warning, ..forecast() };
        assert!(title(&forecast).ends_with("10.00 ns. Not to be trusted."), "{}", title(&forecast));
        assert!(json(&forecast).contains("\"warning\": \"Not to be trusted.\""));
    }
}
