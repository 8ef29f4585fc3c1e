//! The command line, checked before anything is measured.

use crate::report;
use clap::Parser;
use std::{path::PathBuf, time::Duration};
use striped_counter::bench::lab::{options, text::number};

/// Compares the counters of striped_counter with the alternatives.
///
/// Prints tables, and writes rivals.csv, rivals.svg and machine.txt. A default run takes about two
/// minutes; leave the machine idle until it is done. Exit code: 0, or 1 if one of ours had a wrong
/// sum or a result could not be written, or 2 for a wrong option.
#[derive(Debug, Parser)]
#[command(name = "rivals", allow_negative_numbers = true)]
pub(crate) struct Args {
    /// The numbers of threads that add: a list of numbers from 1 to 4096.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,2,4,8,32")]
    #[arg(value_parser = number(1..=4_096_usize))]
    pub(crate) threads: Vec<usize>,

    /// The length of one repeat of a point: 1 to 60000 milliseconds.
    #[arg(long, value_name = "MS", default_value = "50", value_parser = number(1..=60_000_u64))]
    ms: u64,

    /// How often each point is measured: 1 to 1000.
    #[arg(long, value_name = "N", default_value = "5", value_parser = number(1..=1_000_u16))]
    pub(crate) repeats: u16,

    /// The directory for the files, which replace older ones.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
}

impl Args {
    pub(crate) fn from_command_line() -> Result<Self, clap::Error> {
        let mut args: Self = options::parse()?;
        args.threads.sort_unstable();
        args.threads.dedup();
        options::check_out::<Self>(&args.out, &report::NAMES.map(str::to_owned))?;
        Ok(args)
    }

    pub(crate) fn window(&self) -> Duration {
        Duration::from_millis(self.ms)
    }

    /// Returns how it was measured, for captions.
    pub(crate) fn method(&self) -> String {
        format!("median of {} repeats of {} ms", self.repeats, self.ms)
    }
}
