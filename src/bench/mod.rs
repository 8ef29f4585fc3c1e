//! The contention tool: measures the contention curve of this machine, also for counters of your
//! own.
//!
//! `cargo run --release --features cli` measures every backend of this crate and the usual
//! alternatives, prints tables, writes plots, and ends with the builder line that it recommends for
//! this machine; `--help` lists the options. A program that uses [`Contention`] does the same with
//! its own counters among them.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the command line, checked before anything is measured |
//! | `kind` | the types of counter that can be measured |
//! | `subjects` | what is measured: the backends and the baselines, one file per type |
//! | `plan` | which points are measured, in which section |
//! | `rows` | the results |
//! | `lab` | measuring, independent of what is measured |
//! | `forecast` | a model of a machine with more CPUs |
//! | `recommend` | the recommendation at the end |
//! | `notes` | warnings about the figures |
//! | `report` | tables, CSV, JSON, plots and the page |

mod args;
mod forecast;
mod kind;
#[doc(hidden)]
pub mod lab;
mod notes;
mod plan;
mod recommend;
mod report;
mod rows;
mod subjects;

use args::Settings;
use forecast::Forecast;
use lab::{
    clock,
    files::{self, File},
    index::Index,
    interrupt,
    machine::{self, Machine},
    memory::{self, Bytes},
    output::{exit, print},
    rounds,
};
use notes::Circumstances;
use plan::Point;
use recommend::Advice;
use report::Report;
use rows::Row;
use std::{
    error::Error,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};
use subjects::{Name, Own};

/// The contention tool as a library: measures your own counters next to this crate's.
///
/// Each subject is measured in the same windows as the backends and the alternatives, with the same
/// numbers of threads and the same check of its sums, and appears in the same tables, files and
/// plots. Reading the output is explained in [Tuning](crate::guide::tuning).
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
/// Make it an example, or a benchmark with `harness = false`, of a package that depends on this
/// crate with the feature `cli`, and run it with `--release`. It accepts the options of the tool.
#[derive(Debug, Default)]
pub struct Contention {
    own: Vec<Own>,
}

impl Contention {
    /// Creates the tool without subjects of your own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a counter of your own, under a name for tables and plots.
    ///
    /// `new` makes a counter, once per run; `add`, called by many threads at once, adds one to it,
    /// and is what is measured; `sum` reads it. Once all adds have returned, `sum` must return
    /// their number, or the tool ends with an error.
    ///
    /// A run makes at least 512 adds per thread. So an add that takes milliseconds makes runs
    /// longer than the windows that were set, and delays the reaction to an interrupt.
    ///
    /// # Panics
    ///
    /// Panics if another subject has that name already, or if the name is empty or has control
    /// characters.
    #[must_use]
    pub fn subject<C: Sync>(
        mut self,
        name: &'static str,
        new: impl Fn() -> C + 'static,
        add: impl Fn(&C) + Sync + 'static,
        sum: impl Fn(&C) -> u64 + Sync + 'static,
    ) -> Self {
        let fit = !name.is_empty() && !name.contains(char::is_control);
        assert!(
            fit,
            "a subject cannot be named {name:?}: a name has a letter at least, and is one line"
        );
        let taken = self.own.iter().any(|own| own.name == name) || Name::is_known(name);
        assert!(!taken, "there is a subject named {name:?} already");
        self.own.push(Own::new(name, new, add, sum));
        self
    }

    /// Reads the command line, measures, prints and writes the results, and returns the exit code.
    ///
    /// Call this first in `main`. It ends the process if the options are wrong, or only ask for
    /// help. Without subjects of your own `--type CounterSet` works, too, but only the tool itself
    /// can measure the bytes per counter.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let names = self.own.iter().map(|own| own.name).collect();
        let settings = Settings::from_command_line(names).unwrap_or_else(|error| error.exit());
        let code = exit(run(&settings, &self.own));
        // The exit code that shells use for an interrupt: 128 plus the number of the signal.
        if code == ExitCode::SUCCESS && interrupt::asked() { ExitCode::from(130) } else { code }
    }
}

fn run(settings: &Settings, own: &[Own]) -> Result<(), Box<dyn Error>> {
    let points = plan::points(settings);
    if let Some(job) = memory::job() {
        return bytes(&points, &job);
    }
    let tick = clock::tick()
        .ok_or("the CPU clock of this system does not move: nothing can be measured")?;
    let window = settings.window(points.len(), tick);
    let runs = points.len() * usize::from(settings.repeats);
    let rows = measure(settings, points, window, own)?;
    let here = Circumstances {
        kind: settings.kind,
        cpus: machine::cpus(),
        coarse: (tick >= COARSE).then_some(tick),
        window,
        runs,
        interrupted: interrupt::asked(),
    };
    publish(settings, &report(settings, rows, here))
}

/// Makes the report on `rows`.
fn report(settings: &Settings, rows: Vec<Row>, here: Circumstances) -> Report {
    let busy = notes::busy(&rows, here.cpus);
    let forecast = settings.forecast.and_then(|r| Forecast::new(r, &rows, here.cpus, busy));
    Report {
        kind: settings.kind,
        machine: Machine::here(),
        repeats: settings.repeats,
        window: here.window,
        notes: notes::notes(&rows, here),
        advice: Advice::new(settings.kind, &rows, recommend::auto()),
        forecast,
        rows,
    }
}

/// Writes the files and prints the report, even if files cannot be written.
fn publish(settings: &Settings, report: &Report) -> Result<(), Box<dyn Error>> {
    let files = report.files(&settings.endings);
    let saved = files::save(&settings.out, &files);
    print(&report.render(settings.format))?;
    saved?;
    tell(&settings.out, &files);
    if report.advice.line.is_none() {
        return Err("nothing could be measured well enough to recommend anything".into());
    }
    if settings.forecast.is_some() && report.forecast.is_none() {
        return Err("there is no forecast: what it is made from could not be measured".into());
    }
    Ok(())
}

/// A clock that ticks this slowly is mentioned in a note.
const COARSE: Duration = Duration::from_millis(1);

/// Runs all points, and returns the results of each, except those that an interrupt left out.
fn measure(
    settings: &Settings,
    points: Vec<Point>,
    window: Duration,
    own: &[Own],
) -> Result<Vec<Row>, Box<dyn Error>> {
    let sizes = sizes(&points);
    let measured = rounds::measure(&points, settings.repeats, |point| {
        let sample = subjects::run(point, window, own)?;
        sample.wrong.map_or(Ok(sample), |wrong| Err(wrong.into()))
    })?;
    let parts = points.into_iter().zip(measured).zip(sizes);
    let row = |((point, measured), bytes)| Row { point, measured, bytes };
    Ok(parts.map(row).filter(|row| row.measured.repeats > 0).collect())
}

/// Names the files that were written, on the error output, since the standard output may be for a
/// program.
fn tell(out: &Path, files: &[File]) {
    let paths = files.iter().map(|file| out.join(&file.name).display().to_string());
    let paths = paths.collect::<Vec<_>>().join(", ");
    if !paths.is_empty() {
        let _ = writeln!(io::stderr(), "wrote {paths}");
    }
}

/// Returns the size of the counters of each point that has many. Each is measured in its own
/// process, which gets the number of the point.
fn sizes(points: &[Point]) -> Vec<Option<Bytes>> {
    let mut sizes: Vec<Option<Bytes>> = Vec::new();
    for (number, point) in points.iter().enumerate() {
        // The size does not depend on how an index is drawn.
        let same = |other: &Point| Point { index: Index::Random, ..*point } == *other;
        let known = points[..number].iter().position(same);
        let fresh = || subjects::sized(point).then(|| memory::fresh(&number.to_string())).flatten();
        sizes.push(known.map_or_else(fresh, |known| sizes[known]));
    }
    sizes
}

/// Does the job of such a process.
fn bytes(points: &[Point], job: &str) -> Result<(), Box<dyn Error>> {
    if !memory::counts() {
        return Err("this program's allocator does not count".into());
    }
    let point = points.get(job.parse::<usize>()?).ok_or("no such point")?;
    Ok(memory::done(subjects::bytes(point).ok_or("not of many counters")?)?)
}

#[cfg(test)]
mod tests {
    use super::Contention;
    use std::panic::catch_unwind;

    #[test]
    fn names_of_subjects_are_one_line_and_nobody_elses() {
        let named = |names: &'static [&'static str]| {
            catch_unwind(|| {
                names
                    .iter()
                    .fold(Contention::new(), |all, name| all.subject(name, || (), |()| (), |()| 0))
            })
        };
        assert!(named(&["mine", "mine padded", "locked"]).is_ok());
        let refused: [&[_]; 6] =
            [&["PerCpu"], &["Striped locked"], &["AtomicU64"], &[""], &["two\nlines"], &["a", "a"]];
        for names in refused {
            assert!(named(names).is_err(), "{names:?}");
        }
    }
}
