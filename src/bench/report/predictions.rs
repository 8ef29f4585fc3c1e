//! A forecast, in a table and a file of its own: predicted and measured never stand in one row.

use super::{Report, records::quote};
use crate::bench::{
    forecast::{Forecast, Predicted},
    lab::text::{align, csv_cell},
};
use std::fmt::Write as _;

const COLUMNS: [&str; 4] = ["threads", "subject", "million adds/s", "CPU ns/add"];

pub(super) fn table(forecast: &Forecast) -> String {
    let header = COLUMNS.map(str::to_owned).to_vec();
    let mut rows: Vec<_> = forecast.rows.clone();
    rows.sort_by_key(|row| row.threads);
    let lines: Vec<_> = [header].into_iter().chain(rows.iter().map(line)).collect();
    format!(
        "Forecast, not measured: adds on a machine with {} CPUs, a thread on each, where moving a \
         line takes {:.2} ns\n{}",
        forecast.cpus,
        forecast.transfer,
        align(&lines, Some(1))
    )
}

fn line(row: &Predicted) -> Vec<String> {
    let figures = [row.rate(), row.cost].map(|figure| format!("{figure:.2}"));
    [row.threads.to_string(), row.subject.to_string()].into_iter().chain(figures).collect()
}

pub(super) fn csv(report: &Report, forecast: &Forecast) -> String {
    let machine = csv_cell(&report.machine.model);
    let mut text = String::from(
        "subject,threads,forecast_cpus,transfer_ns,forecast_million_adds_per_s,\
         forecast_cpu_ns_per_add,type,from_cpus,from_machine\n",
    );
    for row in &forecast.rows {
        let Predicted { subject, threads, cost } = row;
        let _ = writeln!(
            text,
            "{subject},{threads},{},{:.4},{:.4},{cost:.4},{},{},{machine}",
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
    format!(
        "{{\"cpus\": {}, \"transfer_ns\": {:.4}, \"rows\": [\n    {}\n  ]}}",
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
        let text = table(&forecast());
        assert!(
            text.starts_with("Forecast, not measured: adds on a machine with 8 CPUs"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 2 + 8);
        assert!(text.contains("\n      8  AtomicU64          100.00       80.00\n"), "{text}");
        assert!(json(&forecast()).contains("\"forecast_cpu_ns_per_add\": 80.0000"));
    }
}
