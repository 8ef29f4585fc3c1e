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
//! | `notes` | what a reader has to bear in mind |
//! | `report` | tables, CSV, JSON, pictures and the page |

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
    /// A run makes at least 512 adds per thread, so one that takes milliseconds makes runs longer than the windows
    /// asked for, and interrupts slow to be noticed.
    ///
    /// # Panics
    ///
    /// If another subject has that name already, or if the name is empty or has control characters.
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

    /// Reads the command line, measures, prints and writes what came of it, and returns the exit code.
    ///
    /// To be called first in `main`. Ends the process where the options are wrong, or only ask for help. Without
    /// subjects of your own, `--type CounterSet` works too, but only the tool itself knows the bytes per counter.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let names = self.own.iter().map(|own| own.name).collect();
        let settings = Settings::from_command_line(names).unwrap_or_else(|error| error.exit());
        let code = exit(run(&settings, &self.own));
        // As shells say of an interrupt: 128, and the number of the signal.
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

/// Puts together what `rows` come to.
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

/// Writes the files, and prints what is asked for: even if files cannot be written.
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

/// What moves so far at a time is told of.
const COARSE: Duration = Duration::from_millis(1);

/// Runs all points, and puts together what is known of each; of none that an interrupt has left out.
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

/// Says on the error output which files were written: the standard output may be for a program.
fn tell(out: &Path, files: &[File]) {
    let paths = files.iter().map(|file| out.join(&file.name).display().to_string());
    let paths = paths.collect::<Vec<_>>().join(", ");
    if !paths.is_empty() {
        let _ = writeln!(io::stderr(), "wrote {paths}");
    }
}

/// What the counters of each point take, as far as it has many: each in a process of its own, which is
/// told the number of the point.
fn sizes(points: &[Point]) -> Vec<Option<Bytes>> {
    let mut sizes: Vec<Option<Bytes>> = Vec::new();
    for (number, point) in points.iter().enumerate() {
        // How an index is drawn does not matter.
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
