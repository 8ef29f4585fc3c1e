//! The command line, checked before anything is measured.

#[cfg(test)]
mod tests;
mod values;

use crate::Backend;
use crate::bench::{
    forecast::{Request, shows_transfer},
    kind::Kind,
    lab::{
        backends::{BACKENDS, backends},
        interrupt, machine, options,
        text::number,
    },
    report::endings,
};
use clap::{ArgAction, Parser, ValueEnum};
use std::{ops::RangeInclusive, path::PathBuf, time::Duration};
use values::{COUNTERS, COUNTS, NANOSECONDS, ascending, backend, doubling};

/// Shorter than this, a window is a lottery; longer, it adds nothing.
const DEFAULT_WINDOW: RangeInclusive<u64> = 20..=250;

/// The least ticks of the CPU clock in a window: one more or less is some percent.
const TICKS: u32 = 25;

// The lines below are the text of `--help`, which indents them by ten: they have to fit a terminal of
// 80 columns.

/// Measures the contention curve of this machine: the cost of an add against
/// the number of threads, for every backend of striped_counter, AtomicU64 and
/// other alternatives.
///
/// Prints tables, and ends with the builder line that it recommends for this
/// machine. Writes contention.html, a page with all results; contention.svg, the
/// curve; and contention.csv, the figures. With --type UpDownCounter,
/// CounterSet or Histogram these are called contention-CounterSet.html and so
/// on. Checks the exact sum after every run. A default run takes about a minute;
/// leave the machine idle until it is done.
///
/// Exit code: 0; 1 if a sum was wrong, nothing could be measured, or a result
/// could not be written; 2 for a wrong option; 130 after an interrupt whose
/// results were kept.
#[derive(Debug, Parser)]
#[command(name = "contention", version, verbatim_doc_comment, allow_negative_numbers = true)]
#[command(disable_help_flag = true)]
#[expect(clippy::doc_markdown, reason = "these comments are the text of --help")]
struct Args {
    /// The type of counter to measure.
    #[arg(long = "type", value_name = "TYPE", value_enum, ignore_case = true)]
    #[arg(verbatim_doc_comment, default_value = "Counter")]
    kind: Kind,

    /// The numbers of threads that add: a list of numbers from 1 to 4096.
    /// The sweep over shards and the mixed load use the largest, batches the
    /// smallest.
    /// [default: 1,2,4 and so on to twice the number of CPUs; 1,2 for a
    /// CounterSet]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = number(COUNTS))]
    #[arg(verbatim_doc_comment)]
    threads: Vec<usize>,

    /// The numbers of shards of Striped: a list of numbers from 1 to 4096,
    /// rounded up to powers of two. Not for a CounterSet.
    /// [default: 1,2,4 and so on to four times the number of CPUs, or to 16;
    /// 1,8,64 for a Histogram]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = number(COUNTS))]
    #[arg(verbatim_doc_comment)]
    shards: Vec<usize>,

    /// The numbers of counters, only for a CounterSet: a list of numbers from
    /// 1 to 100000.
    /// [default: 1,1000,10000,100000]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = number(COUNTERS))]
    #[arg(verbatim_doc_comment)]
    counters: Vec<usize>,

    /// The backends to measure: a list of PerCpu, PerThread, Striped.
    /// The sweeps over shards measure Striped, and are left out without it.
    /// [default: all that work on this machine]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = backend)]
    #[arg(verbatim_doc_comment)]
    backends: Vec<Backend>,

    /// The numbers of threads that sum in the mixed load: a list of numbers
    /// from 1 to 4096. They never pause, which is the worst case. Not for a
    /// CounterSet or a Histogram.
    /// [default: 1]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = number(COUNTS))]
    #[arg(verbatim_doc_comment)]
    readers: Vec<usize>,

    /// The length of one repeat of a point: 1 to 60000 milliseconds. It is
    /// raised if the CPU clock is too coarse for it.
    /// [default: 20 to 250 milliseconds, so that all repeats together take 48
    /// seconds, or 24 for a CounterSet or a Histogram, which takes as long
    /// again to set up and to check]
    #[arg(long, value_name = "MS", value_parser = number(1..=60_000_u64), verbatim_doc_comment)]
    ms: Option<u64>,

    /// How often each point is measured: 1 to 1000. Median, minimum and
    /// maximum are shown.
    #[arg(long, value_name = "N", value_parser = number(1..=1_000_u16), verbatim_doc_comment)]
    #[arg(default_value = "5")]
    repeats: u16,

    /// Forecast the curves for a machine with this many CPUs, 2 to 4096, by a
    /// model with two costs: an uncontended add, and the transfer of a cache
    /// line between CPUs. Both are measured here, if --threads has 1 and a
    /// number from 2 to the number of CPUs. Not for a CounterSet or a
    /// Histogram.
    #[arg(long, value_name = "CPUS", value_parser = number(2..=4_096_usize), verbatim_doc_comment)]
    forecast: Option<usize>,

    /// For the forecast: the cost of an uncontended AtomicU64 add, 0.01 to
    /// 10000 ns. The costs of the backends are scaled with it.
    #[arg(long, value_name = "NS", value_parser = number(NANOSECONDS), verbatim_doc_comment)]
    #[arg(requires = "forecast")]
    local_ns: Option<f64>,

    /// For the forecast: the cost of the transfer of a cache line between
    /// CPUs, 0.01 to 10000 ns.
    #[arg(long, value_name = "NS", value_parser = number(NANOSECONDS), verbatim_doc_comment)]
    #[arg(requires = "forecast")]
    transfer_ns: Option<f64>,

    /// What is written to the standard output.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table", verbatim_doc_comment)]
    format: Format,

    /// The directory for the files, which replace older ones. It is created
    /// if it does not exist.
    #[arg(long, value_name = "DIR", default_value = ".", verbatim_doc_comment)]
    out: PathBuf,

    /// Write no plots and no page; with --format csv or json, write no file.
    #[arg(long, verbatim_doc_comment)]
    no_plot: bool,

    /// When interrupted, as by Ctrl-C, report what has been measured so far.
    /// Otherwise, and at a second interrupt, nothing is kept. Linux only.
    #[arg(long, verbatim_doc_comment)]
    keep: bool,

    /// Print this help.
    #[arg(short, long, action = ArgAction::HelpLong)]
    help: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned tables, and the recommendation
    Table,
    /// One row per point and statistic, without the recommendation
    Csv,
    /// The same rows as objects, and the recommendation
    Json,
}

/// The options, with all defaults filled in.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) forecast: Option<Request>,
    /// Ascending, at least one; so are `shards`, `counters` and `readers`.
    pub(crate) threads: Vec<usize>,
    pub(crate) shards: Vec<usize>,
    pub(crate) counters: Vec<usize>,
    pub(crate) backends: Vec<Backend>,
    pub(crate) readers: Vec<usize>,
    ms: Option<u64>,
    pub(crate) repeats: u16,
    pub(crate) format: Format,
    pub(crate) out: PathBuf,
    /// The endings of the files to write.
    pub(crate) endings: Vec<&'static str>,
    /// Whether an interrupt is caught.
    pub(crate) keep: bool,
    /// The names of the program's own subjects.
    pub(crate) own: Vec<&'static str>,
}

impl Args {
    /// Refuses options that do not apply to the type.
    fn check_type(&self) -> Result<(), clap::Error> {
        let single = matches!(self.kind, Kind::Counter | Kind::UpDownCounter);
        let inapplicable = [
            ("--shards", self.kind.many() && !self.shards.is_empty()),
            ("--readers", !single && !self.readers.is_empty()),
            ("--counters", !self.kind.many() && !self.counters.is_empty()),
            ("--forecast", !single && self.forecast.is_some()),
        ];
        inapplicable.into_iter().find(|(_, given)| *given).map_or(Ok(()), |(option, _)| {
            Err(refuse(&format!("'{option}' does not apply to '--type {}'", self.kind)))
        })
    }
}

impl Args {
    /// Returns what to forecast from measurements with these numbers of threads.
    fn forecast(&self, threads: &[usize], cpus: usize) -> Result<Option<Request>, clap::Error> {
        let Some(forecast) = self.forecast else { return Ok(None) };
        if !threads.contains(&1) {
            return Err(refuse("'--forecast <CPUS>' needs 1 among '--threads <N,...>'"));
        }
        let is_measured = threads.iter().any(|&threads| shows_transfer(threads, cpus));
        if cpus == 1 && self.transfer_ns.is_none() {
            return Err(refuse(
                "'--forecast <CPUS>' needs '--transfer-ns <NS>' here: with one CPU no line is ever transferred",
            ));
        }
        if !is_measured && self.transfer_ns.is_none() {
            return Err(refuse(&format!(
                "'--forecast <CPUS>' needs a number from 2 to {cpus}, the number of CPUs, among \
                 '--threads <N,...>', or '--transfer-ns <NS>'"
            )));
        }
        Ok(Some(Request { cpus: forecast, local: self.local_ns, transfer: self.transfer_ns }))
    }
}

impl Settings {
    pub(crate) fn from_command_line(own: Vec<&'static str>) -> Result<Self, clap::Error> {
        let settings = Self::new(options::parse()?, own)?;
        options::check_out::<Args>(&settings.out, &settings.names())?;
        if settings.keep {
            let refuse = |why| refuse(&format!("'--keep' is not possible: {why}"));
            interrupt::catch().map_err(refuse)?;
        }
        Ok(settings)
    }

    fn new(args: Args, own: Vec<&'static str>) -> Result<Self, clap::Error> {
        let cpus = machine::cpus();
        let backends = if args.backends.is_empty() {
            backends().collect::<Vec<_>>()
        } else {
            BACKENDS.into_iter().filter(|backend| args.backends.contains(backend)).collect()
        };
        args.check_type()?;
        if !own.is_empty() && args.kind != Kind::Counter {
            return Err(refuse(&format!(
                "'--type {}' does not apply to subjects of your own",
                args.kind
            )));
        }
        if !args.shards.is_empty() && !backends.contains(&Backend::Striped) {
            return Err(refuse("'--shards <N,...>' needs Striped among '--backends <NAME,...>'"));
        }
        let most = if args.kind == Kind::CounterSet { 2 } else { 2 * cpus };
        let threads = ascending(args.threads.iter().copied()).unwrap_or_else(|| doubling(most));
        Ok(Self {
            kind: args.kind,
            forecast: args.forecast(&threads, cpus)?,
            threads,
            shards: ascending(args.shards.into_iter().map(usize::next_power_of_two))
                .unwrap_or_else(|| default_shards(args.kind, cpus)),
            backends,
            counters: ascending(args.counters).unwrap_or_else(|| vec![1, 1_000, 10_000, 100_000]),
            readers: ascending(args.readers).unwrap_or_else(|| vec![1]),
            ms: args.ms,
            repeats: args.repeats,
            format: args.format,
            out: args.out,
            // The output is then for a program, which reads it from the standard output.
            endings: endings(
                !args.no_plot || args.format == Format::Table,
                !args.no_plot,
                args.forecast.is_some(),
            ),
            keep: args.keep,
            own,
        })
    }

    #[cfg(test)]
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, clap::Error> {
        Self::new(Args::try_parse_from([&["contention"], arguments].concat())?, Vec::new())
    }

    /// Returns the names of the files to write.
    pub(crate) fn names(&self) -> Vec<String> {
        self.endings.iter().map(|ending| self.kind.file(ending)).collect()
    }

    pub(crate) fn most_threads(&self) -> usize {
        self.threads.last().copied().unwrap_or(1)
    }

    /// Returns how long each of `points` points is measured in each repeat, by a CPU clock that
    /// ticks every `tick`.
    pub(crate) fn window(&self, points: usize, tick: Duration) -> Duration {
        let runs = points as u64 * u64::from(self.repeats);
        let fitting =
            (self.kind.budget() / runs).clamp(*DEFAULT_WINDOW.start(), *DEFAULT_WINDOW.end());
        Duration::from_millis(self.ms.unwrap_or(fitting)).max(TICKS * tick)
    }
}

fn default_shards(kind: Kind, cpus: usize) -> Vec<usize> {
    match kind {
        Kind::Histogram => vec![1, 8, 64],
        _ => doubling((4 * cpus).next_power_of_two().max(16)),
    }
}

fn refuse(message: &str) -> clap::Error {
    options::refuse::<Args>(message)
}
