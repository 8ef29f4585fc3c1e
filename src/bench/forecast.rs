//! A forecast for machines with more CPUs than this one. It comes from a model, and never shares a
//! row with a measurement.
//!
//! The model has two costs and one count:
//!
//! - *local*: the cost of an add to a line that the CPU already holds, which is that of an add with
//!   one thread;
//! - *transfer*: the cost of getting a line from the CPU that holds it;
//! - *adders per line*: the number of threads, each on its own CPU, that add to the same line.
//!
//! If several threads add to a line, it goes round among them, and each waits until all others have
//! had it: an add costs adders times transfer. Otherwise it costs local. So the cost of a plain
//! atomic is in proportion to the threads, and that of a counter with a shard for each thread is
//! constant.
//!
//! What the model leaves out makes large machines look better than they are: transfers take longer
//! between distant CPUs, and sibling threads share a core. `docs/guide/benchmarks.md` compares it
//! with published figures for 128 CPUs.

use crate::bench::{lab::stats::float, rows::Row, subjects::Name};
use std::iter;

/// The options of the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) cpus: usize,
    /// In ns, for the plain atomic; the local costs of the others are scaled with it.
    pub(crate) local: Option<f64>,
    /// In ns.
    pub(crate) transfer: Option<f64>,
}

/// One point of a forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Predicted {
    pub(crate) subject: Name,
    /// The number of threads, each with its own CPU.
    pub(crate) threads: usize,
    /// In ns.
    pub(crate) cost: f64,
}

impl Predicted {
    /// Millions of adds per second, of all threads together.
    pub(crate) fn rate(&self) -> f64 {
        float(self.threads as u64) / self.cost * 1e3
    }
}

/// A forecast for a machine of `cpus` CPUs.
#[derive(Clone, Debug)]
pub(crate) struct Forecast {
    pub(crate) cpus: usize,
    pub(crate) transfer: f64,
    /// Why not to trust it.
    pub(crate) warning: Option<String>,
    /// By subject, and for each by ascending number of threads.
    pub(crate) rows: Vec<Predicted>,
}

impl Forecast {
    /// Makes a forecast from measurements on `cpus` CPUs. If other processes were running, the
    /// threads got the share `busy` of the CPUs. Returns `None` if neither the measurements nor the
    /// request give the costs.
    pub(crate) fn new(
        request: Request,
        measured: &[Row],
        cpus: usize,
        busy: Option<f64>,
    ) -> Option<Self> {
        let measured = Measured(measured);
        let transfer = request.transfer.or_else(|| measured.transfer(cpus))?;
        let scale = match request.local {
            Some(local) => local / measured.local(measured.atomic()?)?,
            None => 1.0,
        };
        let threads: Vec<_> = doubling(request.cpus).collect();
        let mut rows = Vec::new();
        for subject in measured.subjects() {
            let Some(local) = measured.local(subject) else { continue };
            rows.extend(threads.iter().map(|&threads| {
                let cost = cost(local * scale, transfer, adders_a_line(subject, threads));
                Predicted { subject, threads, cost }
            }));
        }
        let warning = busy.filter(|_| request.transfer.is_none()).map(|share| {
            format!(
                "Too low, and not to be trusted: threads that got {:.0} % of the CPUs seldom met, so a line \
                 seldom moved",
                share * 100.0
            )
        });
        Some(Self { cpus: request.cpus, transfer, warning, rows })
    }
}

/// Returns the cost of an add in ns.
fn cost(local: f64, transfer: f64, adders_a_line: usize) -> f64 {
    if adders_a_line <= 1 { local } else { local.max(float(adders_a_line as u64) * transfer) }
}

/// Returns how many threads add to the same line. By default, every backend has a shard for each
/// thread that has a CPU.
fn adders_a_line(subject: Name, threads: usize) -> usize {
    if subject.atomic() { threads } else { 1 }
}

/// Returns whether the cost of a transfer can be derived from `threads` threads on `cpus` CPUs.
/// Each has to have a CPU; otherwise they take turns, and use the line without a transfer.
pub(crate) fn shows_transfer(threads: usize, cpus: usize) -> bool {
    (2..=cpus).contains(&threads)
}

/// Returns 1, 2, 4 and so on below `last`, and `last`.
fn doubling(last: usize) -> impl Iterator<Item = usize> {
    iter::successors(Some(1), |n| Some(n * 2)).take_while(move |&n| n < last).chain([last])
}

/// The rows of the section on threads.
struct Measured<'a>(&'a [Row]);

impl Measured<'_> {
    /// Returns the usable ones: a time of 0 was not measured.
    fn rows(&self) -> impl Iterator<Item = (Name, usize, f64)> {
        let main = self.0.iter().filter(|row| row.point.section.is_main());
        let rows = main.filter_map(|row| Some((row.point, row.measured.adds?.cpu.median)));
        let rows = rows.filter(|(_, cost)| cost.is_finite() && *cost > 0.0);
        rows.map(|(point, cost)| (point.subject, point.threads, cost))
    }

    /// Returns the subjects that the model covers: the backends, and the plain atomic.
    fn subjects(&self) -> impl Iterator<Item = Name> {
        let known = |name: &Name| matches!(name, Name::Backend(_)) || name.atomic();
        self.rows().filter(|row| row.1 == 1).map(|row| row.0).filter(known)
    }

    fn atomic(&self) -> Option<Name> {
        self.subjects().find(|name| name.atomic())
    }

    fn local(&self, subject: Name) -> Option<f64> {
        self.rows().find(|row| (row.0, row.1) == (subject, 1)).map(|row| row.2)
    }

    /// Derives the cost of a transfer from the largest number of threads that had a CPU each.
    fn transfer(&self, cpus: usize) -> Option<f64> {
        let contended = self.rows().filter(|row| row.0.atomic() && shows_transfer(row.1, cpus));
        let (_, threads, cost) = contended.max_by_key(|row| row.1)?;
        Some(cost / float(threads as u64))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Backend;
    use crate::bench::rows::tests::row;

    const STRIPED: Name = Name::Backend(Backend::Striped);
    const REQUEST: Request = Request { cpus: 8, local: None, transfer: None };

    fn measured() -> [Row; 5] {
        [
            row(STRIPED, 1, 2.0),
            row(Name::AtomicU64, 1, 2.5),
            row(Name::Mutex, 1, 5.0),
            row(STRIPED, 2, 2.0),
            row(Name::AtomicU64, 2, 20.0),
        ]
    }

    pub(crate) fn forecast() -> Forecast {
        Forecast::new(REQUEST, &measured(), 2, None).unwrap()
    }

    fn costs(forecast: &Forecast, subject: Name) -> Vec<f64> {
        let rows = forecast.rows.iter().filter(|row| row.subject == subject);
        rows.map(|row| row.cost).collect()
    }

    #[test]
    fn an_atomic_costs_in_proportion_and_a_shard_an_adder_costs_the_same() {
        let forecast = forecast();
        assert_eq!(costs(&forecast, Name::AtomicU64), [2.5, 20.0, 40.0, 80.0]);
        assert_eq!(costs(&forecast, STRIPED), [2.0; 4]);
        assert!(costs(&forecast, Name::Mutex).is_empty(), "the model does not cover sleeping");
    }

    #[test]
    fn costs_may_be_given() {
        let request = Request { local: Some(5.0), transfer: Some(30.0), ..REQUEST };
        let forecast = Forecast::new(request, &measured(), 2, None).unwrap();
        assert_eq!(costs(&forecast, Name::AtomicU64), [5.0, 60.0, 120.0, 240.0]);
        assert_eq!(costs(&forecast, STRIPED), [4.0; 4]);
    }

    #[test]
    fn a_busy_machine_makes_it_a_warning_unless_the_cost_is_given() {
        let warning = |request| Forecast::new(request, &measured(), 2, Some(0.42)).unwrap().warning;
        assert!(warning(REQUEST).is_some_and(|warning| warning.contains("42 %")));
        assert_eq!(warning(Request { transfer: Some(30.0), ..REQUEST }), None);
    }

    #[test]
    fn what_was_not_measured_is_not_forecast_from() {
        for nothing in [0.0, f64::NAN, f64::INFINITY] {
            let mut rows = measured();
            rows[1] = row(Name::AtomicU64, 1, nothing);
            let given = Request { transfer: Some(30.0), ..REQUEST };
            let forecast = Forecast::new(given, &rows, 2, None).unwrap();
            assert!(forecast.rows.iter().all(|row| row.cost.is_finite() && row.rate().is_finite()));
            let scaled = Request { local: Some(5.0), ..given };
            assert!(
                Forecast::new(scaled, &rows, 2, None).is_none(),
                "there is nothing to scale with"
            );
            rows[4] = row(Name::AtomicU64, 2, nothing);
            assert!(Forecast::new(REQUEST, &rows, 2, None).is_none());
        }
    }

    #[test]
    fn threads_that_take_turns_do_not_tell_what_a_transfer_costs() {
        assert!(Forecast::new(REQUEST, &measured(), 1, None).is_none());
        assert!(Forecast::new(REQUEST, &measured()[..3], 2, None).is_none());
    }

    /// The cost in ns of an add to a plain atomic on an AMD Milan by 1, 2, 8, 64 and 128 CPUs: the
    /// medians in perfbook's `CodeSamples/count/data/amd-milan.2024.09.22a`, `count_atomic:u`.
    const MILAN: [(usize, f64); 5] =
        [(1, 2.53), (2, 11.21), (8, 51.69), (64, 584.27), (128, 1604.99)];

    /// As docs/guide/benchmarks.md says, the forecast is too low, by less than a seventh up to
    /// eight CPUs, and by somewhat more than half with 128.
    #[test]
    fn published_figures_are_higher_the_farther_the_forecast_reaches() {
        let [(_, local), (_, two), ..] = MILAN;
        let shares = MILAN.map(|(cpus, measured)| cost(local, two / 2.0, cpus) / measured);
        assert!(shares.is_sorted_by(|a, b| a + 1e-9 >= *b), "{shares:?}");
        assert!((0.86..1.0).contains(&shares[2]), "{shares:?}");
        assert!((0.44..0.5).contains(&shares[4]), "{shares:?}");
    }
}
