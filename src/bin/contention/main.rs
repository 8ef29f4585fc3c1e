//! The contention tool: the contention curve of the machine that it runs on.
//!
//! `cargo run --release --features cli` measures every backend of `striped_counter` and the
//! usual alternatives, prints tables, writes `contention.csv` and `contention.svg`, and ends
//! with the builder line that it recommends here. `--help` has the options.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the command line, checked before anything is measured |
//! | `kind` | the types of counter that it can be about |
//! | `subjects` | what is measured: the backends and the baselines, a file a type |
//! | `plan` | which points are measured, in which section |
//! | `measure` | one run: who adds, who reads, and the check of the sums |
//! | `rounds` | all runs, round after round, and what they come to |
//! | `lab` | what measuring takes, whatever is measured |
//! | `forecast` | what a machine with more CPUs might show: a model |
//! | `recommend` | the line at the end |
//! | `report` | table, CSV, JSON and plot |

mod args;
mod forecast;
mod kind;
mod lab;
mod measure;
mod plan;
mod recommend;
mod report;
mod rounds;
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
};
use plan::Point;
use recommend::Advice;
use report::Report;
use std::{error::Error, process::ExitCode};
use subjects::Name;

fn main() -> ExitCode {
    let settings = Settings::from_command_line().unwrap_or_else(|error| error.exit());
    exit(run(&settings))
}

fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let points = plan::points(settings);
    let window = settings.window(points.len());
    if let Some(job) = memory::job() {
        return bytes(&points, &job);
    }
    let sizes = sizes(&points);
    let mut rows = rounds::measure(&points, window, settings.repeats)?;
    rows.iter_mut().zip(sizes).for_each(|(row, bytes)| row.bytes = bytes);
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
