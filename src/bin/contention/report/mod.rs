//! What was measured, for people and for programs.

mod figure;
pub(crate) mod files;
mod marks;
mod plot;
mod quiet;
mod records;
mod table;

use crate::{args::Format, kind::Kind, machine::Machine, recommend::Advice, rounds::Row};
use files::File;
use std::{error::Error, time::Duration};

pub(crate) struct Report {
    pub(crate) kind: Kind,
    pub(crate) machine: Machine,
    pub(crate) repeats: u16,
    pub(crate) window: Duration,
    pub(crate) rows: Vec<Row>,
    pub(crate) advice: Advice,
}

impl Report {
    /// What is written to the directory of results.
    pub(crate) fn files(&self, plot: bool) -> Result<Vec<File>, Box<dyn Error>> {
        let mut files = vec![File { name: files::csv(self.kind), text: records::csv(self) }];
        if plot {
            files.push(File { name: files::plot(self.kind), text: plot::svg(self)? });
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
        format!("{}\n{warning}{}\n", table::tables(self), self.advice)
    }

    /// How it was measured, for captions.
    fn method(&self) -> String {
        let plural = if self.repeats == 1 { "" } else { "s" };
        format!("median of {} repeat{plural} of {} ms", self.repeats, self.window.as_millis())
    }
}
