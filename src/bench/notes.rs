//! Warnings about the figures, which appear in every format.

use crate::bench::{
    kind::Kind,
    lab::{clock, memory, stats::float},
    rows::Row,
    subjects::Name,
};
use std::time::Duration;

/// The share of the CPUs below which something else must have been running.
const QUIET: f64 = 0.9;

/// What is known of a run beyond its rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) kind: Kind,
    pub(crate) cpus: usize,
    /// The tick of the CPU clock, if it is coarse.
    pub(crate) coarse: Option<Duration>,
    pub(crate) window: Duration,
    /// The number of planned runs, and whether they were interrupted.
    pub(crate) runs: usize,
    pub(crate) interrupted: bool,
}

pub(crate) fn notes(rows: &[Row], here: Circumstances) -> Vec<String> {
    let coarse = here.coarse.map(|tick| {
        format!(
            "the CPU clock here ticks every {:.1} ms only; windows of {} ms keep the error to some \
             percent, on a quiet machine.",
            tick.as_secs_f64() * 1e3,
            here.window.as_millis()
        )
    });
    let interrupted = here.interrupted.then(|| {
        let done: usize = rows.iter().map(|row| row.measured.repeats).sum();
        format!(
            "interrupted after {done} of {} runs: points have fewer repeats, or are missing.",
            here.runs
        )
    });
    let alone = (here.cpus == 1).then(|| {
        "with one CPU threads take turns and never contend: this says nothing about machines with more."
            .to_owned()
    });
    let limits = clock::NOTE.into_iter().chain(memory::note().filter(|_| here.kind.many()));
    let limits = limits.map(|note| format!("{note}."));
    let busy = busy(rows, here.cpus).map(|share| {
        format!(
            "the threads got {:.0} % of the CPUs; something else was running. Contention then looks \
             cheaper than it is: repeat this on a quiet machine.",
            share * 100.0
        )
    });
    interrupted.into_iter().chain(busy).chain(alone).chain(coarse).chain(limits).collect()
}

/// Returns the share of the CPUs that the adding threads got, if they had to share them with other
/// processes. They then met less often than their number suggests.
pub(crate) fn busy(rows: &[Row], cpus: usize) -> Option<f64> {
    let shares: Vec<_> = rows.iter().filter_map(|row| share(row, cpus)).collect();
    let mean = shares.iter().sum::<f64>() / float(shares.len() as u64);
    (mean < QUIET).then_some(mean)
}

/// Returns the share that the threads got of the CPUs that they could have used. Only for subjects
/// that never sleep, unlike those that wait for a lock.
fn share(row: &Row, cpus: usize) -> Option<f64> {
    let sleepless = matches!(row.point.subject, Name::Backend(_)) || row.point.subject.atomic();
    let costs = row.measured.adds.filter(|_| sleepless && row.point.section.is_main())?;
    // Adds per microsecond, times the microseconds that one takes.
    let busy = costs.rate.median * costs.cpu.median / 1e3;
    busy.is_finite().then(|| busy / float(row.point.threads.min(cpus) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows::tests::row;

    /// The rate equals the cost here: 50 each make 2,500 ns per microsecond.
    const BUSY: f64 = 50.0;

    const HERE: Circumstances = Circumstances {
        kind: Kind::Counter,
        cpus: 4,
        coarse: None,
        window: Duration::from_millis(250),
        runs: 50,
        interrupted: false,
    };

    #[test]
    fn a_busy_machine_is_told_of() {
        let rows = [row(Name::AtomicU64, 4, BUSY), row(Name::Mutex, 4, 0.1)];
        assert_eq!(busy(&rows, 2), None);
        assert!(busy(&rows, 4).is_some_and(|share| (0.62..0.63).contains(&share)));
        let notes = notes(&rows, HERE);
        assert!(notes.iter().any(|note| note.contains("62 % of the CPUs")), "{notes:?}");
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(busy(&[], 2), None);
        assert_eq!(busy(&[row(Name::Mutex, 4, 0.1)], 2), None);
    }

    #[test]
    fn whatever_made_figures_worse_is_told_of() {
        let coarse = Some(Duration::from_millis(10));
        let here = Circumstances { cpus: 1, coarse, interrupted: true, ..HERE };
        let notes = notes(&[row(Name::AtomicU64, 1, BUSY)], here);
        for what in
            ["ticks every 10.0 ms", "windows of 250 ms", "interrupted after 1 of 50", "one CPU"]
        {
            assert!(notes.iter().any(|note| note.contains(what)), "{what} is not in {notes:?}");
        }
    }
}
