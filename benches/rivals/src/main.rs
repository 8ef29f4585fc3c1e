//! Compares the counters and histograms of this crate with all alternatives, in one run on one
//! machine.
//!
//! `cargo run --release --manifest-path benches/rivals/Cargo.toml` measures an add on 1, 2, 4, 8
//! and 32 threads, a sum, both at once, adds to one of a thousand counters, records and snapshots
//! of histograms, and bytes. It checks every sum, and lists the subjects that lose counts. It
//! prints tables, and writes `rivals.csv`, `rivals.svg` and `machine.txt`. `--help` lists the
//! options.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the command line |
//! | `subject` | the interface of a counter, and a run of one |
//! | `roster` | the subjects: ours, the rivals, and those of the standard library |
//! | `rounds` | all runs, round after round, and the results |
//! | `report` | tables, CSV, plot, the machine |
//! | `verdict` | which is the fastest, and by how much |

mod args;
mod report;
mod roster;
mod rounds;
mod subject;
mod verdict;

use args::Args;
use std::{error::Error, process::ExitCode};
use striped_counter::bench::lab::{
    files,
    memory::{Counting, job},
    output::{exit, print},
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let args = Args::from_command_line().unwrap_or_else(|error| error.exit());
    exit(job().map_or_else(|| run(&args), |job| rounds::measure_bytes(&job)))
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let rows = rounds::measure(args)?;
    // The results are printed even if they cannot be written to files.
    let saved = files::save(&args.out, &report::files(args, &rows));
    print(&report::tables(args, &rows))?;
    saved?;
    let ours = rows.iter().find(|row| row.entry.family.is_ours() && row.measured.lost > 0);
    ours.map_or(Ok(()), |row| {
        Err(format!("{} lost {} counts", row.entry.name, row.measured.lost).into())
    })
}
