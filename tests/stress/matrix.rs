//! The fault matrix: every fault on every target that it can happen to.

use crate::{
    faults::{FAULTS, Fault},
    memory,
    run::{Outcome, PATIENCE, Progress, READS, Run},
    target::{Config, Kind, Target},
};
use clap::{CommandFactory as _, error::ErrorKind};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    env, iter,
    process::Command,
    sync::Barrier,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};
use striped_counter::{Backend, Counter, bench::lab::text::align};

/// The fault that needs a process of its own, in which glibc registers no restartable sequences.
const RSEQ_ABSENT: &str = "rseq absent";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Operations in each cell, at the least
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    operations: u64,
    /// Only these faults
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = known_fault)]
    faults: Vec<String>,
    /// Only this type
    #[arg(long, value_name = "TYPE", value_enum)]
    kind: Option<Kind>,
    /// Only this backend
    #[arg(long, value_name = "BACKEND", value_parser = known_backend)]
    backend: Option<Backend>,
    /// Only with the read lock, or only without
    #[arg(long, value_name = "BOOL")]
    read_lock: Option<bool>,
    /// Print the table for docs/assurance.md
    #[arg(long, conflicts_with = "read_lock")]
    markdown: bool,
}

fn known_fault(name: &str) -> Result<String, String> {
    let mut names: Vec<_> = FAULTS.iter().map(|fault| fault.name()).collect();
    names.push(RSEQ_ABSENT);
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("none of {}", names.join(", ")))
}

fn known_backend(name: &str) -> Result<Backend, String> {
    let known = name.parse().ok().filter(|&backend| backend != Backend::Auto);
    known.ok_or_else(|| "none of PerCpu, PerThread, Striped".to_owned())
}

/// One row of the table: a cell for each configuration that the fault applies to.
struct Row {
    name: &'static str,
    what: &'static str,
    cells: Vec<Option<Outcome>>,
}

impl Options {
    fn configs(&self) -> Vec<Config> {
        let is_asked = |config: &Config| {
            self.kind.is_none_or(|kind| kind == config.kind)
                && self.backend.is_none_or(|backend| backend == config.backend)
                && self.read_lock.is_none_or(|read_lock| read_lock == config.read_lock)
        };
        Config::all().filter(is_asked).collect()
    }

    fn has(&self, fault: &str) -> bool {
        self.faults.is_empty() || self.faults.iter().any(|asked| asked == fault)
    }

    /// Runs all cells, prints the table, and returns whether nothing was wrong.
    pub(crate) fn run(&self) -> bool {
        let start = Instant::now();
        let configs = self.configs();
        let faults: Vec<_> = FAULTS.iter().filter(|fault| self.has(fault.name())).collect();
        self.refuse_if_nothing_applies(&configs, &faults);
        let bar = progress((faults.len() + 1) * configs.len());
        warm_up(&configs, &faults);
        let before = memory::resident_kib();
        let mut rows: Vec<_> =
            faults.iter().map(|&&fault| self.row(fault, &configs, &bar)).collect();
        rows.extend(self.has_rseq_absent().then(|| self.row_without_rseq(&configs, &bar)));
        bar.finish_and_clear();
        let print = if self.markdown { print_markdown } else { print_text };
        print(&configs, &rows);
        let after = memory::resident_kib();
        summary(&rows, start.elapsed(), [before, after])
    }

    /// Only glibc can be kept from registering restartable sequences.
    fn has_rseq_absent(&self) -> bool {
        self.has(RSEQ_ABSENT) && cfg!(not(target_env = "musl"))
    }

    /// Ends the process if there is not one cell.
    fn refuse_if_nothing_applies(&self, configs: &[Config], faults: &[&&'static dyn Fault]) {
        let applies = |config: &Config| {
            faults.iter().any(|fault| fault.applies(*config))
                || self.has_rseq_absent() && config.has_rseq()
        };
        if !configs.iter().any(applies) {
            let told = format!(
                "'--faults {}': none of these can happen here to what the other options leave",
                self.faults.join(",")
            );
            crate::Command::command().error(ErrorKind::ValueValidation, told).exit();
        }
    }

    fn row(&self, fault: &'static dyn Fault, configs: &[Config], bar: &ProgressBar) -> Row {
        let cell = |config: &Config| {
            bar.inc(1);
            fault.applies(*config).then(|| self.cell(fault, *config))
        };
        Row { name: fault.name(), what: fault.what(), cells: configs.iter().map(cell).collect() }
    }

    fn cell(&self, fault: &'static dyn Fault, config: Config) -> Outcome {
        let before = memory::live();
        let start = Instant::now();
        let enough = |progress: &Progress<'_>| {
            progress.is_enough(self.operations) || start.elapsed() > PATIENCE
        };
        let run = Run::new([config], vec![fault], fault.slots());
        let mut outcome = run.go(enough);
        let kept = memory::live().wrapping_sub(before).cast_signed();
        // The outcome has room for one number and for the errors.
        if outcome.wrong.is_empty() && kept != size_of::<u64>().cast_signed() {
            outcome.wrong.push(format!("{kept} bytes more are out than before"));
        }
        outcome.wrong.extend(numbers_are_back().err());
        if outcome.operations < self.operations || outcome.reads < READS {
            let Outcome { operations, reads, .. } = outcome;
            outcome.wrong.push(format!("{operations} operations, {reads} reads in {PATIENCE:?}"));
        }
        outcome
    }

    /// The `churn` of this matrix in a process without restartable sequences.
    fn row_without_rseq(&self, configs: &[Config], bar: &ProgressBar) -> Row {
        let cell = |config: &Config| {
            bar.inc(1);
            config.has_rseq().then(|| self.cell_without_rseq(*config))
        };
        Row {
            name: RSEQ_ABSENT,
            what: "a process with GLIBC_TUNABLES=glibc.pthread.rseq=0, where PerCpu falls back: threads that ended there",
            cells: configs.iter().map(cell).collect(),
        }
    }

    fn cell_without_rseq(&self, config: Config) -> Outcome {
        let run = || -> Result<Outcome, String> {
            let this = env::current_exe().map_err(|error| error.to_string())?;
            let child = Command::new(this)
                .args(["matrix", "--faults", "churn", "--kind", &format!("{:?}", config.kind)])
                .args(["--backend", &config.backend.to_string()])
                .args(["--read-lock", &config.read_lock.to_string()])
                .args(["--operations", &self.operations.to_string()])
                .env("GLIBC_TUNABLES", "glibc.pthread.rseq=0")
                .output()
                .map_err(|error| error.to_string())?;
            let text = String::from_utf8_lossy(&child.stdout);
            let cell = text.lines().next().unwrap_or_default();
            let numbers: Vec<_> =
                cell.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            match numbers[..] {
                [operations, reads, happened]
                    if child.status.success() && cell.contains("Striped here") =>
                {
                    Ok(Outcome { operations, reads, happened: vec![happened], wrong: Vec::new() })
                }
                _ => Err(format!("{}: {text}", child.status)),
            }
        };
        run().unwrap_or_else(|error| Outcome { wrong: vec![error], ..Outcome::default() })
    }
}

/// Only on a terminal.
fn progress(cells: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} cells, {eta} left");
    ProgressBar::new(cells as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Makes all allocations that happen once per process, before memory is compared.
fn warm_up(configs: &[Config], faults: &[&&'static dyn Fault]) {
    let slots = faults.iter().map(|fault| fault.slots()).max().unwrap_or(1);
    let _ = Run::new(configs.to_vec(), Vec::new(), slots).go(|progress| progress.is_enough(10_000));
}

/// Returns whether threads that have ended have released their numbers. Otherwise a counter with one shard
/// per number would grow when as many threads add to it as it has shards.
fn numbers_are_back() -> Result<(), String> {
    let counter = Counter::builder().backend(Backend::PerThread).build();
    let planned = counter.shards();
    let together = Barrier::new(planned);
    let add = || {
        counter.inc();
        together.wait();
    };
    thread::scope(|scope| {
        // This thread has a number already.
        let others: Vec<_> = (1..planned).map(|_| scope.spawn(add)).collect();
        add();
        // To the very end of each: memory is compared.
        others.into_iter().try_for_each(ScopedJoinHandle::join)
    })
    .map_err(|_| "a thread has panicked")?;
    match counter.shards() {
        shards if shards <= planned => Ok(()),
        shards => Err(format!("numbers up to {shards} are taken with {planned} threads alive")),
    }
}

fn print_text(configs: &[Config], rows: &[Row]) {
    let lines: Vec<_> = rows
        .iter()
        .flat_map(|row| iter::repeat(row.name).zip(configs).zip(&row.cells))
        .filter_map(|((name, config), cell)| Some((name, config, cell.as_ref()?)))
        .map(|(name, config, cell)| {
            let here = Target::new(*config, None, 1).backend();
            let fallen_back = format!("{config} ({here} here)");
            let target = if here == config.backend { config.to_string() } else { fallen_back };
            let verdict = if cell.wrong.is_empty() { "exact" } else { "WRONG" };
            let numbers = [cell.operations, cell.reads, cell.happened.iter().sum()];
            let mut line = vec![name.to_owned(), target];
            line.extend(numbers.map(|number| number.to_string()));
            line.push(verdict.to_owned());
            line
        })
        .collect();
    print!("{}", align(&lines, Some(1)));
}

/// A line for each fault, a column for each type and backend, and the counts without and with the
/// read lock.
fn print_markdown(configs: &[Config], rows: &[Row]) {
    let heads = configs.iter().filter(|config| !config.read_lock);
    let heads: Vec<_> =
        heads.map(|config| format!("{:?} {}", config.kind, config.backend)).collect();
    println!("| fault | {} |", heads.join(" | "));
    println!("|---|{}", "---|".repeat(heads.len()));
    for row in rows {
        let cells: Vec<_> = row
            .cells
            .chunks(2)
            .map(|pair| {
                let counts: Vec<_> = pair.iter().flatten().map(count).collect();
                if counts.is_empty() { "–".to_owned() } else { counts.join(" / ") }
            })
            .collect();
        println!("| {} | {} |", row.name, cells.join(" | "));
    }
    println!();
    for row in rows {
        println!("- **{}**: {}", row.name, row.what);
    }
    println!();
}

fn count(cell: &Outcome) -> String {
    let happened: u64 = cell.happened.iter().sum();
    if cell.wrong.is_empty() { happened.to_string() } else { format!("{happened} **WRONG**") }
}

/// Prints the errors and the totals; returns whether nothing was wrong.
fn summary(rows: &[Row], took: Duration, [before, after]: [u64; 2]) -> bool {
    let cells = || rows.iter().flat_map(|row| row.cells.iter().flatten());
    for row in rows {
        for wrong in row.cells.iter().flatten().flat_map(|cell| &cell.wrong) {
            println!("WRONG: {}: {wrong}", row.name);
        }
    }
    let total = |of: fn(&Outcome) -> u64| cells().map(of).sum::<u64>();
    let exact = cells().filter(|cell| cell.wrong.is_empty()).count();
    println!(
        "{exact} of {} cells exact, in {:.0} s: {} operations, {} checked reads; resident {before} KiB before, {after} KiB after",
        cells().count(),
        took.as_secs_f64(),
        total(|cell| cell.operations),
        total(|cell| cell.reads),
    );
    exact > 0 && exact == cells().count()
}
