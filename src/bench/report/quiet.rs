//! Whether the machine was quiet enough for its figures to mean something.

use crate::bench::{lab::stats::float, rows::Row, subjects::Name};

/// The share of the CPUs below which something else must have been running.
const QUIET: f64 = 0.9;

/// What to say if the threads that add had to share the CPUs with other processes: they then meet
/// less often than there are threads, and contention looks cheaper than it is.
pub(super) fn warning(rows: &[Row], cpus: usize) -> Option<String> {
    let shares: Vec<_> = rows.iter().filter_map(|row| share(row, cpus)).collect();
    let count = float(shares.len() as u64);
    let mean = shares.iter().sum::<f64>() / count;
    (count > 0.0 && mean < QUIET).then(|| {
        format!(
            "Note: the threads got {:.0} % of the CPUs; something else was running.\n\
             Contention then looks cheaper than it is: repeat this on a quiet machine.",
            mean * 100.0
        )
    })
}

/// The share that the threads got of the CPUs that they could have used. Only of subjects that
/// never sleep, as adders do that wait for a lock.
fn share(row: &Row, cpus: usize) -> Option<f64> {
    let sleepless = matches!(row.point.subject, Name::Backend(_)) || row.point.subject.atomic();
    let costs = row.measured.adds.filter(|_| sleepless && row.point.section.is_main())?;
    // Adds a microsecond, times the microseconds that one takes.
    let busy = costs.rate.median * costs.cpu.median / 1e3;
    Some(busy / float(row.point.threads.min(cpus) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows::tests::row;

    /// The rate being as high as the cost, 50 each are 2,500 ns a microsecond.
    const BUSY: f64 = 50.0;

    #[test]
    fn a_busy_machine_is_told_of() {
        let rows = [row(Name::AtomicU64, 4, BUSY), row(Name::Mutex, 4, 0.1)];
        assert_eq!(warning(&rows, 2), None);
        let note = warning(&rows, 4).unwrap();
        assert!(note.contains("63 % of the CPUs") || note.contains("62 % of the CPUs"), "{note}");
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(warning(&[], 2), None);
        assert_eq!(warning(&[row(Name::Mutex, 4, 0.1)], 2), None);
    }
}
