//! The builder line for this machine, with the reason and how certain it is.
//!
//! It is `new()`, unless another backend is clearly cheaper: by a fifth in the median, and in each
//! repeat by more than two runs of the same subject differ. All points of a repeat are measured
//! shortly after one another, so costs are compared within each repeat, and the machine's changing
//! speed cancels out.

use crate::{
    Backend, Counter,
    bench::{
        kind::Kind,
        lab::{
            index::Index,
            stats::{Spread, float},
        },
        rows::Row,
        subjects::Name,
    },
};
use std::fmt;

/// How many times cheaper a backend has to be in the median to be worth a change.
const CLEAR: f64 = 1.25;
/// How many times cheaper it has to be in each repeat: two runs of the same subject may differ by
/// as much.
const TIE: f64 = 1.1;
/// With fewer repeats no other backend is recommended.
const REPEATS: usize = 3;

#[derive(Debug)]
pub(crate) struct Advice {
    /// The expression to write, or `None` if the figures do not allow one.
    pub(crate) line: Option<String>,
    pub(crate) why: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.as_deref().unwrap_or("nothing");
        write!(f, "Recommended on this machine: {line}\n{}", self.why)
    }
}

/// Returns the backend of `Counter::new()` on this machine.
pub(crate) fn auto() -> Backend {
    Counter::new().backend()
}

impl Advice {
    /// Returns the advice that follows from `rows`, where `auto` is the backend of `new()`.
    pub(crate) fn new(kind: Kind, rows: &[Row], auto: Backend) -> Self {
        let curves = Curves::new(kind, rows);
        let Some(best) = curves.cheapest_backend() else {
            let why = "No backend's cost could be measured: see the notes.".to_owned();
            return Self { line: None, why };
        };
        let has_auto = curves.cost(Name::Backend(auto)).is_some();
        // The yardstick is the default, or if it was not measured, the cheapest.
        let base = if has_auto { auto } else { best };
        let over_atomic = curves.gain(Name::Backend(best), curves.atomic);
        let over_base = curves.gain(Name::Backend(best), Name::Backend(base));
        let (line, why) = match (over_atomic, over_base) {
            (Some(gain), _) if gain.median < CLEAR => (
                curves.atomics(),
                format!("No backend gains enough. {best} {gain}; {}.", curves.prices(best)),
            ),
            (_, Some(gain)) if best != base && gain.is_clear() => (
                curves.by_name(kind, best),
                format!("{best} {gain}; {}. The price: {}.", curves.prices(best), drawback(best)),
            ),
            (_, gain) if has_auto => (
                format!("{kind}::new({})", curves.len()),
                format!(
                    "Auto picks {auto}: {}.{}",
                    curves.prices(auto),
                    curves.runner_up(auto, best, gain)
                ),
            ),
            _ => (
                curves.by_name(kind, best),
                format!("{best} is the cheapest of those measured: {}.", curves.prices(best)),
            ),
        };
        Self { line: Some(line), why: why + &curves.one_thread() }
    }
}

/// Returns what a backend by name gives up.
fn drawback(backend: Backend) -> &'static str {
    match backend {
        Backend::PerThread => {
            "memory and sums grow with the largest number of threads that were alive at once, and \
             an add from a signal handler may be lost"
        }
        Backend::PerCpu => "it does not work without restartable sequences",
        _ => "each add is atomic, and threads that share a shard slow each other down",
    }
}

/// How many times cheaper one subject is than another, over the repeats.
struct Gain {
    over: Name,
    median: f64,
    min: f64,
    max: f64,
    repeats: usize,
}

impl Gain {
    fn is_clear(&self) -> bool {
        self.median >= CLEAR && self.min >= TIE && self.repeats >= REPEATS
    }
}

impl fmt::Display for Gain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { over, median, min, max, repeats } = self;
        let plural = if *repeats == 1 { "" } else { "s" };
        write!(
            f,
            "costs {:.2} times what {over} does, {:.2} to {:.2} in {repeats} repeat{plural}",
            1.0 / median,
            1.0 / max,
            1.0 / min
        )
    }
}

/// CPU time in ns per add of each repeat, by subject and number of threads.
struct Curves {
    costs: Vec<(Name, usize, Vec<f64>)>,
    most_threads: usize,
    /// The yardstick.
    atomic: Name,
    /// The number of counters of a set, or the largest number if there were several.
    counters: Option<usize>,
}

impl Curves {
    fn new(kind: Kind, rows: &[Row]) -> Self {
        let rows = || rows.iter().filter(|row| row.point.section.is_main());
        let most = rows().map(|row| row.point.counters).max().unwrap_or(1);
        let rows = rows().filter(|r| (r.point.counters, r.point.index) == (most, Index::Random));
        // One atomic per bucket has no sum, and is not yet a histogram.
        let histogram = |row: &&Row| matches!(row.point.subject, Name::Backend(_));
        let rows = rows.filter(move |row| kind != Kind::Histogram || histogram(row));
        // A time of 0 was not measured.
        let is_cost = |cost: &f64| cost.is_finite() && *cost > 0.0;
        let rows = rows.filter(|row| row.measured.add_cpus.iter().all(is_cost));
        let rows = rows.filter(|row| !row.measured.add_cpus.is_empty());
        let costs: Vec<_> = rows
            .map(|row| (row.point.subject, row.point.threads, row.measured.add_cpus.clone()))
            .collect();
        let most_threads = costs.iter().map(|&(_, threads, _)| threads).max().unwrap_or(1);
        let atomic = if kind == Kind::UpDownCounter { Name::AtomicI64 } else { Name::AtomicU64 };
        Self { costs, most_threads, atomic, counters: kind.many().then_some(most) }
    }

    /// Returns the argument for the length of a set.
    fn len(&self) -> String {
        self.counters.map_or_else(String::new, |counters| counters.to_string())
    }

    fn by_name(&self, kind: Kind, backend: Backend) -> String {
        format!("{kind}::builder({}).backend(Backend::{backend}).build()", self.len())
    }

    /// Returns the expression for plain atomics.
    fn atomics(&self) -> String {
        let one = format!("{}::new(0)", self.atomic);
        self.counters
            .map_or_else(|| one.clone(), |counters| format!("[const {{ {one} }}; {counters}]"))
    }

    fn at(&self, name: Name, threads: usize) -> Option<f64> {
        let found = self.costs.iter().find(|cost| (cost.0, cost.1) == (name, threads));
        found.map(|(_, _, costs)| Spread::of(costs.clone()).median)
    }

    /// Returns the cost of each repeat: the geometric mean over all numbers of threads above one,
    /// if there are any, since a program with one thread needs no sharded counter.
    fn cost(&self, name: Name) -> Option<Vec<f64>> {
        let least = self.most_threads.min(2);
        let counted = |cost: &&(Name, usize, Vec<f64>)| cost.0 == name && cost.1 >= least;
        let curves: Vec<_> = self.costs.iter().filter(counted).map(|cost| &cost.2).collect();
        let repeats = curves.iter().map(|costs| costs.len()).min()?;
        let mean = |repeat: usize| {
            let logs = curves.iter().map(|costs| costs[repeat].ln()).sum::<f64>();
            (logs / float(curves.len() as u64)).exp()
        };
        Some((0..repeats).map(mean).collect())
    }

    /// Returns how many times cheaper `name` is than `over`.
    fn gain(&self, name: Name, over: Name) -> Option<Gain> {
        let (ours, theirs) = (self.cost(name)?, self.cost(over)?);
        let ratios: Vec<_> = theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect();
        let repeats = ratios.len();
        let Spread { median, min, max } = Spread::of(ratios);
        Some(Gain { over, median, min, max, repeats })
    }

    fn cheapest_backend(&self) -> Option<Backend> {
        let backends = self.costs.iter().filter_map(|cost| match cost.0 {
            Name::Backend(backend) => Some((backend, Spread::of(self.cost(cost.0)?).median)),
            _ => None,
        });
        backends.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(backend, _)| backend)
    }

    /// Says what the cheapest other backend would gain over Auto, and why that is not enough.
    fn runner_up(&self, auto: Backend, best: Backend, gain: Option<Gain>) -> String {
        let is_other = |cost: &(Name, usize, Vec<f64>)| matches!(cost.0, Name::Backend(backend) if backend != auto);
        match gain.filter(|_| best != auto) {
            Some(gain) => format!(
                " {best} {gain}: too little, or too uncertain, for its price: {}.",
                drawback(best)
            ),
            None if self.costs.iter().any(is_other) => " No other backend is cheaper.".to_owned(),
            None => " No other backend was measured.".to_owned(),
        }
    }

    /// Says what an add costs with the most threads, for `backend`, the other ones and the atomic.
    fn prices(&self, backend: Backend) -> String {
        let most = self.most_threads;
        let first = Name::Backend(backend);
        let others = self.costs.iter().filter(|&&(name, threads, _)| {
            let single = Name::Counters(backend);
            let other =
                matches!(name, Name::Backend(_) | Name::Own(_)) || name == single || name.atomic();
            threads == most && name != first && other
        });
        let others = others.filter_map(|cost| Some((cost.0, self.at(cost.0, most)?)));
        let others = others.map(|(name, cost)| format!("{cost:.1} on {name}"));
        let plural = if most == 1 { "" } else { "s" };
        let many = self.counters.map_or_else(String::new, |n| format!(" to one of {n} counters"));
        let cost = self.at(first, most).map_or_else(|| "-".to_owned(), |cost| format!("{cost:.1}"));
        let own = format!("with {most} thread{plural} an add{many} takes {cost} ns of CPU time");
        [own].into_iter().chain(others).collect::<Vec<_>>().join(", ")
    }

    fn one_thread(&self) -> String {
        self.at(self.atomic, 1).map_or_else(String::new, |cost| {
            let plain = match self.counters {
                Some(_) => format!("plain {}s are", self.atomic),
                None => format!("a plain {} is", self.atomic),
            };
            format!("\nIf only one thread adds, {plain} enough, at {cost:.1} ns.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        plan::{Point, Section},
        rows::tests::{row, row_of_many},
    };

    fn repeated(costs: &[(Name, usize, &[f64])], auto: Backend) -> Advice {
        let rows = costs.iter().map(|&(name, n, costs)| {
            let mut row = row(name, n, costs[0]);
            row.measured.add_cpus = costs.to_vec();
            row
        });
        Advice::new(Kind::Counter, &rows.collect::<Vec<_>>(), auto)
    }

    /// Makes the advice from three equal repeats.
    fn advice(costs: &[(Name, usize, f64)], auto: Backend) -> Advice {
        let costs: Vec<_> = costs.iter().map(|&(name, n, cost)| (name, n, [cost; 3])).collect();
        let costs: Vec<_> = costs.iter().map(|(name, n, costs)| (*name, *n, &costs[..])).collect();
        repeated(&costs, auto)
    }

    fn line(advice: &Advice) -> &str {
        advice.line.as_deref().unwrap()
    }

    const PER_CPU: Name = Name::Backend(Backend::PerCpu);
    const PER_THREAD: Name = Name::Backend(Backend::PerThread);
    const STRIPED: Name = Name::Backend(Backend::Striped);
    const BY_NAME: &str = "Counter::builder().backend(Backend::PerThread).build()";

    #[test]
    fn the_default_if_auto_is_the_cheapest() {
        let costs =
            [(PER_CPU, 1, 1.5), (PER_CPU, 2, 1.0), (STRIPED, 2, 3.0), (Name::AtomicU64, 2, 16.0)];
        let advice = advice(&costs, Backend::PerCpu);
        assert_eq!(line(&advice), "Counter::new()");
        assert_eq!(
            advice.why,
            "Auto picks PerCpu: with 2 threads an add takes 1.0 ns of CPU time, 3.0 on Striped, 16.0 on \
             AtomicU64. No other backend is cheaper."
        );
    }

    #[test]
    fn the_default_unless_another_gains_clearly_in_every_repeat() {
        let auto: (Name, usize, &[f64]) = (PER_CPU, 2, &[2.0, 2.0, 2.0, 2.0]);
        let atomic: (Name, usize, &[f64]) = (Name::AtomicU64, 2, &[16.0; 4]);
        let cases: [(&[f64], &str); 4] = [
            (&[1.7, 1.7, 1.7, 1.7], "Counter::new()"),
            (&[1.0, 1.0, 1.0, 1.9], "Counter::new()"),
            (&[1.0, 1.0], "Counter::new()"),
            (&[1.0, 1.1, 1.0, 1.2], BY_NAME),
        ];
        for (costs, expected) in cases {
            let advice = repeated(&[auto, (PER_THREAD, 2, costs), atomic], Backend::PerCpu);
            assert_eq!(line(&advice), expected, "{costs:?}: {}", advice.why);
            // In either case it has the difference, the spread, and the price of the other backend.
            assert!(advice.why.contains("PerThread costs "), "{}", advice.why);
            assert!(advice.why.contains(" repeats"), "{}", advice.why);
            assert!(advice.why.contains("signal handler"), "{}", advice.why);
        }
    }

    #[test]
    fn the_backend_by_name_if_it_beats_the_default() {
        let costs = [(STRIPED, 2, 3.0), (PER_THREAD, 2, 1.5), (Name::AtomicU64, 2, 16.0)];
        let advice = advice(&costs, Backend::Striped);
        assert_eq!(line(&advice), BY_NAME);
        let gain = "PerThread costs 0.50 times what Striped does, 0.50 to 0.50 in 3 repeats;";
        assert!(advice.why.starts_with(gain), "{}", advice.why);
    }

    #[test]
    fn the_backend_by_name_if_the_default_was_not_measured() {
        let costs = [(STRIPED, 2, 3.0), (Name::AtomicU64, 2, 16.0)];
        let advice = advice(&costs, Backend::PerCpu);
        assert_eq!(line(&advice), "Counter::builder().backend(Backend::Striped).build()");
    }

    #[test]
    fn an_atomic_if_sharding_gains_nothing() {
        let costs = [(STRIPED, 1, 3.0), (Name::AtomicU64, 1, 2.0)];
        let advice = advice(&costs, Backend::Striped);
        assert_eq!(line(&advice), "AtomicU64::new(0)");
        assert!(advice.why.contains("enough, at 2.0 ns"), "{}", advice.why);
    }

    #[test]
    fn nothing_if_nothing_was_measured() {
        for cost in [0.0, f64::NAN, f64::INFINITY] {
            let advice = advice(&[(STRIPED, 2, cost), (Name::AtomicU64, 2, 0.0)], Backend::Striped);
            assert_eq!(advice.line, None);
        }
        let advice = advice(&[(STRIPED, 2, 3.0), (Name::AtomicU64, 2, 0.0)], Backend::Striped);
        assert_eq!(line(&advice), "Counter::new()", "an atomic that took no time does not compete");
    }

    #[test]
    fn one_thread_counts_only_if_alone() {
        let costs = [(PER_CPU, 1, 9.0), (PER_CPU, 2, 1.0), (STRIPED, 1, 1.0), (STRIPED, 2, 3.0)];
        assert_eq!(line(&advice(&costs, Backend::PerCpu)), "Counter::new()");
    }

    #[test]
    fn what_is_no_histogram_is_not_compared() {
        let rows = [(PER_CPU, 9.0), (STRIPED, 12.0), (Name::AtomicU64, 1.0)].map(|(name, cost)| {
            let mut row = row(name, 1, cost);
            row.point = Point::new(Kind::Histogram, Section::Records, name, 1);
            row
        });
        let advice = Advice::new(Kind::Histogram, &rows, Backend::PerCpu);
        assert_eq!(line(&advice), "Histogram::new()");
        assert!(!advice.why.contains("AtomicU64"), "{}", advice.why);
    }

    #[test]
    fn of_many_counters_the_most_count() {
        let rows = [
            row_of_many(STRIPED, 10, 1.0),
            row_of_many(Name::AtomicU64, 10, 1.0),
            row_of_many(STRIPED, 500, 4.0),
            row_of_many(Name::Counters(Backend::Striped), 500, 9.0),
            row_of_many(Name::AtomicU64, 500, 6.0),
        ];
        let advice = Advice::new(Kind::CounterSet, &rows, Backend::Striped);
        assert_eq!(line(&advice), "CounterSet::new(500)");
        assert_eq!(
            advice.why,
            "Auto picks Striped: with 1 thread an add to one of 500 counters takes 4.0 ns of CPU time, \
             9.0 on Striped Counters, 6.0 on AtomicU64. No other backend was measured.\n\
             If only one thread adds, plain AtomicU64s are enough, at 6.0 ns."
        );
        let advice = Advice::new(Kind::CounterSet, &rows, Backend::PerCpu);
        assert_eq!(line(&advice), "CounterSet::builder(500).backend(Backend::Striped).build()");
        let advice = Advice::new(Kind::CounterSet, &rows[..2], Backend::Striped);
        assert_eq!(line(&advice), "[const { AtomicU64::new(0) }; 10]");
    }
}
