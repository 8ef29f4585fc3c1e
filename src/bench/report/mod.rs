//! What was measured, for people and for programs.

mod figure;
mod predictions;
mod quiet;
mod records;
mod table;

use crate::bench::{
    args::Format,
    forecast::Forecast,
    kind::Kind,
    lab::{chart, files::File, machine::Machine},
    recommend::Advice,
    rows::Row,
};
use std::{error::Error, time::Duration};

pub(crate) struct Report {
    pub(crate) kind: Kind,
    pub(crate) machine: Machine,
    pub(crate) repeats: u16,
    pub(crate) window: Duration,
    pub(crate) rows: Vec<Row>,
    pub(crate) forecast: Option<Forecast>,
    pub(crate) advice: Advice,
}

impl Report {
    /// What is written to the directory of results.
    pub(crate) fn files(&self, plot: bool) -> Result<Vec<File>, Box<dyn Error>> {
        let mut files = vec![File { name: self.kind.csv(), text: records::csv(self) }];
        if let Some(forecast) = &self.forecast {
            let text = predictions::csv(self, forecast);
            files.push(File { name: self.kind.forecast_csv(), text });
        }
        if plot {
            let text = chart::svg(&figure::chart(self))?;
            files.push(File { name: self.kind.svg(), text });
        }
        Ok(files)
    }

    /// What is written to the standard output.
    pub(crate) fn render(&self, format: Format) -> String {
        match format {
            Format::Table => self.table(),
            Format::Csv => records::csv(self),
            Format::Json => records::json(self),
        }
    }

    fn table(&self) -> String {
        let warning = quiet::warning(&self.rows, self.machine.cpus);
        let warning = warning.map_or_else(String::new, |warning| warning + "\n\n");
        let forecast = self.forecast.as_ref();
        let forecast = forecast.map_or_else(String::new, |f| predictions::table(f) + "\n");
        format!("{}\n{forecast}{warning}{}\n", table::tables(self), self.advice)
    }

    /// How it was measured, for captions.
    fn method(&self) -> String {
        let plural = if self.repeats == 1 { "" } else { "s" };
        format!("median of {} repeat{plural} of {} ms", self.repeats, self.window.as_millis())
    }
}
