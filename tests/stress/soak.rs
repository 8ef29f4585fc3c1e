//! All faults at once, for any length of time.

use crate::{
    faults::{FAULTS, Fault},
    memory,
    run::{Outcome, PATIENCE, Progress, Run},
    target::Config,
};
use std::time::{Duration, Instant};

/// Adders at a time.
const SLOTS: usize = 8;
/// How much the process may grow after its first minute.
const GROWTH_KIB: u64 = 1_024;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seconds: u64,
}

/// Reports once a minute, and remembers the memory of the first report.
struct Watch {
    faults: Vec<&'static dyn Fault>,
    start: Instant,
    minutes: u64,
    first_kib: u64,
}

impl Watch {
    fn report(&mut self, progress: &Progress<'_>) {
        if self.start.elapsed() < Duration::from_secs(60 * self.minutes) {
            return;
        }
        let kib = memory::resident_kib();
        if self.minutes <= 1 {
            self.first_kib = kib;
        }
        self.minutes += 1;
        self.print(progress.operations(), progress.reads(), &progress.happened(), kib);
    }

    fn print(&self, operations: u64, reads: u64, happened: &[u64], kib: u64) {
        let happened: Vec<_> = self
            .faults
            .iter()
            .zip(happened)
            .map(|(fault, happened)| format!("{happened} {}", fault.name()))
            .collect();
        println!(
            "{:5.0} s: {operations} operations, {reads} checked reads, {}, resident {kib} KiB",
            self.start.elapsed().as_secs_f64(),
            happened.join(", "),
        );
    }
}

impl Options {
    /// Runs it, and returns whether nothing was wrong.
    pub(crate) fn run(&self) -> bool {
        // Without the faults that set the number of adders or shards.
        let faults: Vec<_> = FAULTS
            .into_iter()
            .filter(|fault| fault.shards().is_none() && fault.slots() < SLOTS)
            .filter(|fault| Config::all().any(|config| fault.applies(config)))
            .collect();
        let start = Instant::now();
        let mut watch = Watch { faults: faults.clone(), start, minutes: 1, first_kib: 0 };
        let seconds = Duration::from_secs(self.seconds);
        let outcome = Run::new(twice_each(), faults, SLOTS).go(|progress| {
            watch.report(progress);
            let elapsed = start.elapsed();
            elapsed >= seconds && progress.is_enough(0) || elapsed >= seconds + PATIENCE
        });
        watch.verdict(outcome)
    }
}

/// One counter to take from, and one to sum.
fn twice_each() -> impl Iterator<Item = Config> {
    Config::all().flat_map(|config| [config; 2])
}

impl Watch {
    fn verdict(&self, mut outcome: Outcome) -> bool {
        let kib = memory::resident_kib();
        self.print(outcome.operations, outcome.reads, &outcome.happened, kib);
        if self.first_kib > 0 && kib > self.first_kib + GROWTH_KIB {
            outcome.wrong.push(format!("{kib} KiB resident, {} after a minute", self.first_kib));
        }
        outcome.wrong.iter().for_each(|wrong| println!("WRONG: {wrong}"));
        if outcome.wrong.is_empty() {
            println!("exact: all {} targets", twice_each().count());
        }
        outcome.wrong.is_empty()
    }
}
