//! The contention tool: the contention curve of the machine that it runs on, and of counters of your own.
//!
//! `cargo run --release --features cli` measures every backend of this crate and the usual alternatives,
//! prints tables, writes pictures, and ends with the builder line that it recommends here; `--help` has
//! the options. A program that is made of [`Contention`] does the same, with counters of yours among them.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the command line, checked before anything is measured |
//! | `kind` | the types of counter that it can be about |
//! | `subjects` | what is measured: the backends and the baselines, a file a type |
//! | `plan` | which points are measured, in which section |
//! | `rows` | what comes of them |
//! | `lab` | what measuring takes, whatever is measured |
//! | `forecast` | what a machine with more CPUs might show: a model |
//! | `recommend` | the line at the end |
//! | `report` | table, CSV, JSON and plot |

mod args;
mod forecast;
mod kind;
#[doc(hidden)]
pub mod lab;
mod plan;
mod recommend;
mod report;
mod rows;
mod subjects;

use args::Settings;
use forecast::Forecast;
use kind::Kind;
use lab::{
    files,
    index::Index,
    machine::Machine,
    memory::{self, Bytes},
    output::{exit, print},
    rounds,
};
use plan::Point;
use recommend::Advice;
use report::Report;
use rows::Row;
use std::{error::Error, process::ExitCode};
use subjects::{Name, Own};

/// The contention tool as a library: measures your own counters beside this crate's.
///
/// Each subject is measured in the same windows as the backends and the alternatives, at the same numbers of
/// threads and with the same check of its sums, and stands in the same tables, files and plots.
///
/// ```no_run
/// use std::{process::ExitCode, sync::RwLock};
/// use striped_counter::bench::Contention;
///
/// fn main() -> ExitCode {
///     Contention::new()
///         .subject("RwLock", || RwLock::new(0), |n| *n.write().unwrap() += 1, |n| *n.read().unwrap())
///         .run()
/// }
/// ```
///
/// As an example or a benchmark without harness of a package that has this crate with the feature `cli`, run
/// it with `--release`; it takes the options of the tool.
#[derive(Debug, Default)]
pub struct Contention {
    own: Vec<Own>,
}

impl Contention {
    /// Creates the tool as it is, without subjects of your own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a counter of your own, under a name for tables and plots.
    ///
    /// `new` makes a counter, once per run; `add`, called by many threads at once, adds one to it, and is
    /// what is measured; `sum` reads it. Once all adds have returned, `sum` must be their number, or the tool
    /// ends with an error.
    ///
    /// # Panics
    ///
    /// If another subject has that name already.
    #[must_use]
    pub fn subject<C: Sync>(
        mut self,
        name: &'static str,
        new: impl Fn() -> C + 'static,
        add: impl Fn(&C) + Sync + 'static,
        sum: impl Fn(&C) -> u64 + Sync + 'static,
    ) -> Self {
        let taken = self.own.iter().any(|own| own.name == name) || Name::is_known(name);
        assert!(!taken, "there is a subject named {name:?} already");
        self.own.push(Own::new(name, new, add, sum));
        self
    }

    /// Reads the command line, measures, prints and writes what came of it, and returns the exit code.
    ///
    /// To be called first in `main`. Ends the process where the options are wrong, or only ask for help.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let names = self.own.iter().map(|own| own.name).collect();
        let settings = Settings::from_command_line(names).unwrap_or_else(|error| error.exit());
        exit(run(&settings, &self.own))
    }
}

fn run(settings: &Settings, own: &[Own]) -> Result<(), Box<dyn Error>> {
    let points = plan::points(settings);
    let window = settings.window(points.len());
    if let Some(job) = memory::job() {
        return bytes(&points, &job);
    }
    let sizes = sizes(&points);
    let measured = rounds::measure(&points, settings.repeats, |point| {
        let sample = subjects::run(point, window, own)?;
        sample.wrong.map_or(Ok(sample), |wrong| Err(wrong.into()))
    })?;
    let parts = points.into_iter().zip(measured).zip(sizes);
    let row = |((point, measured), bytes)| Row { point, measured, bytes };
    let rows: Vec<_> = parts.map(row).collect();
    let machine = Machine::here();
    let forecast = settings.forecast.and_then(|r| Forecast::new(r, &rows, machine.cpus));
    let advice = Advice::new(settings.kind, &rows, recommend::auto());
    let (kind, repeats) = (settings.kind, settings.repeats);
    let report = Report { kind, machine, repeats, window, rows, forecast, advice };

    // What was measured is shown even if it cannot be kept.
    let saved = files::save(&settings.out, &report.files(settings.plot)?);
    print(&report.render(settings.format))?;
    Ok(saved?)
}

/// What the counters of each point take, as far as it has many: each in a process of its own, which is
/// told the number of the point.
fn sizes(points: &[Point]) -> Vec<Option<Bytes>> {
    let mut sizes: Vec<Option<Bytes>> = Vec::new();
    for (number, point) in points.iter().enumerate() {
        // How an index is drawn does not matter.
        let same = |other: &Point| Point { index: Index::Random, ..*point } == *other;
        let known = points[..number].iter().position(same);
        let many = point.kind == Kind::CounterSet && point.subject != Name::IndexAlone;
        let fresh = || many.then(|| memory::fresh(&number.to_string())).flatten();
        sizes.push(known.map_or_else(fresh, |known| sizes[known]));
    }
    sizes
}

/// Does the job of such a process.
fn bytes(points: &[Point], job: &str) -> Result<(), Box<dyn Error>> {
    let point = points.get(job.parse::<usize>()?).ok_or("no such point")?;
    Ok(memory::done(subjects::bytes(point).ok_or("not of many counters")?)?)
}
