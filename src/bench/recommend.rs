//! The builder line for this machine, and why.

use crate::bench::{kind::Kind, lab::index::Index, rows::Row, subjects::Name};
use crate::{Backend, Counter};
use std::fmt;

/// Costs within this ratio are as good as equal: a machine's moods are no smaller.
const TIE: f64 = 1.1;

#[derive(Debug)]
pub(crate) struct Advice {
    /// The expression to write.
    pub(crate) line: String,
    pub(crate) why: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recommended on this machine: {}\n{}", self.line, self.why)
    }
}

/// The backend that `Counter::new()` comes to on this machine.
pub(crate) fn auto() -> Backend {
    Counter::new().backend()
}

impl Advice {
    /// What `rows` speak for, where `auto` is the backend of `new()`.
    pub(crate) fn new(kind: Kind, rows: &[Row], auto: Backend) -> Self {
        let curves = Curves::new(kind, rows);
        let best = curves.cheapest_backend().unwrap_or(auto);
        let ties = |name| curves.mean(name) <= TIE * curves.mean(Name::Backend(best));
        let (line, why) = if ties(curves.atomic) {
            (
                curves.atomics(),
                format!("No backend is cheaper by more than a tenth: {}.", curves.prices(best)),
            )
        } else if ties(Name::Backend(auto)) {
            let rank = if auto == best { "the cheapest" } else { "as cheap as any within a tenth" };
            let line = format!("{kind}::new({})", curves.len());
            (line, format!("Auto picks {auto}, {rank} here: {}.", curves.prices(auto)))
        } else {
            let line =
                format!("{kind}::builder({}).backend(Backend::{best}).build()", curves.len());
            (line, format!("{best} is the cheapest here: {}.", curves.prices(best)))
        };
        Self { line, why: why + &curves.one_thread() }
    }
}

/// CPU time in ns an add, by subject and number of threads.
struct Curves {
    costs: Vec<(Name, usize, f64)>,
    most_threads: usize,
    /// The yardstick.
    atomic: Name,
    /// How many counters there are, of a set; where several numbers were measured, the most.
    counters: Option<usize>,
}

impl Curves {
    fn new(kind: Kind, rows: &[Row]) -> Self {
        let rows = || rows.iter().filter(|row| row.point.section.is_main());
        let most = rows().map(|row| row.point.counters).max().unwrap_or(1);
        let rows = rows().filter(|r| (r.point.counters, r.point.index) == (most, Index::Random));
        let cost =
            |row: &Row| Some((row.point.subject, row.point.threads, row.measured.adds?.cpu.median));
        let costs: Vec<_> = rows.filter_map(cost).collect();
        let most_threads = costs.iter().map(|&(_, threads, _)| threads).max().unwrap_or(1);
        let atomic = if kind == Kind::UpDownCounter { Name::AtomicI64 } else { Name::AtomicU64 };
        let counters = (kind == Kind::CounterSet).then_some(most);
        Self { costs, most_threads, atomic, counters }
    }

    /// What a set is told of its length.
    fn len(&self) -> String {
        self.counters.map_or_else(String::new, |counters| counters.to_string())
    }

    /// The expression for plain atomics.
    fn atomics(&self) -> String {
        let one = format!("{}::new(0)", self.atomic);
        self.counters
            .map_or_else(|| one.clone(), |counters| format!("[const {{ {one} }}; {counters}]"))
    }

    fn at(&self, name: Name, threads: usize) -> Option<f64> {
        let found = self.costs.iter().find(|cost| (cost.0, cost.1) == (name, threads));
        found.map(|&(_, _, cost)| cost)
    }

    /// The geometric mean over all numbers of threads above one, if there are any: who has one
    /// thread needs no sharded counter. Infinite if not measured.
    fn mean(&self, name: Name) -> f64 {
        let least = self.most_threads.min(2);
        let counted = |cost: &&(Name, usize, f64)| cost.0 == name && cost.1 >= least;
        let logs: Vec<_> = self.costs.iter().filter(counted).map(|cost| cost.2.ln()).collect();
        let (Ok(count), false) = (u32::try_from(logs.len()), logs.is_empty()) else {
            return f64::INFINITY;
        };
        (logs.iter().sum::<f64>() / f64::from(count)).exp()
    }

    fn cheapest_backend(&self) -> Option<Backend> {
        let backends = self.costs.iter().filter_map(|cost| match cost.0 {
            Name::Backend(backend) => Some(backend),
            _ => None,
        });
        let mean = |backend: &Backend| self.mean(Name::Backend(*backend));
        backends.min_by(|a, b| mean(a).total_cmp(&mean(b)))
    }

    /// What an add costs with the most threads: on `backend`, on the other ones, on the atomic.
    fn prices(&self, backend: Backend) -> String {
        let most = self.most_threads;
        let first = Name::Backend(backend);
        let others = self.costs.iter().filter(|&&(name, threads, _)| {
            let single = Name::Counters(backend);
            let other = matches!(name, Name::Backend(_)) || name == single || name.atomic();
            threads == most && name != first && other
        });
        let others: Vec<_> = others.map(|(name, _, cost)| format!("{cost:.1} on {name}")).collect();
        let cost = self.at(first, most).unwrap_or(f64::NAN);
        let plural = if most == 1 { "" } else { "s" };
        let many = self.counters.map_or_else(String::new, |n| format!(" to one of {n} counters"));
        format!(
            "with {most} thread{plural} an add{many} takes {cost:.1} ns of CPU time, {}",
            others.join(", ")
        )
    }

    fn one_thread(&self) -> String {
        self.at(self.atomic, 1).map_or_else(String::new, |cost| {
            let plain = match self.counters {
                Some(_) => format!("plain {}s are", self.atomic),
                None => format!("a plain {} is", self.atomic),
            };
            format!("\nWhere only one thread adds, {plain} enough, at {cost:.1} ns.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows::tests::{row, row_of_many};

    fn advice(costs: &[(Name, usize, f64)], auto: Backend) -> Advice {
        let rows: Vec<_> = costs.iter().map(|&(name, n, cost)| row(name, n, cost)).collect();
        Advice::new(Kind::Counter, &rows, auto)
    }

    const PER_CPU: Name = Name::Backend(Backend::PerCpu);
    const PER_THREAD: Name = Name::Backend(Backend::PerThread);
    const STRIPED: Name = Name::Backend(Backend::Striped);

    #[test]
    fn the_default_if_auto_is_the_cheapest() {
        let costs =
            [(PER_CPU, 1, 1.5), (PER_CPU, 2, 1.0), (STRIPED, 2, 3.0), (Name::AtomicU64, 2, 16.0)];
        let advice = advice(&costs, Backend::PerCpu);
        assert_eq!(advice.line, "Counter::new()");
        assert_eq!(
            advice.why,
            "Auto picks PerCpu, the cheapest here: with 2 threads an add takes 1.0 ns of CPU time, \
             3.0 on Striped, 16.0 on AtomicU64."
        );
    }

    #[test]
    fn the_default_if_auto_is_nearly_the_cheapest() {
        let costs = [(PER_CPU, 2, 1.05), (PER_THREAD, 2, 1.0), (Name::AtomicU64, 2, 16.0)];
        let advice = advice(&costs, Backend::PerCpu);
        assert_eq!(advice.line, "Counter::new()");
        assert!(advice.why.contains("within a tenth"), "{}", advice.why);
    }

    #[test]
    fn the_backend_by_name_if_it_beats_the_default() {
        let costs = [(STRIPED, 2, 3.0), (PER_THREAD, 2, 1.5), (Name::AtomicU64, 2, 16.0)];
        let advice = advice(&costs, Backend::Striped);
        assert_eq!(advice.line, "Counter::builder().backend(Backend::PerThread).build()");
    }

    #[test]
    fn the_backend_by_name_if_the_default_was_not_measured() {
        let costs = [(STRIPED, 2, 3.0), (Name::AtomicU64, 2, 16.0)];
        let advice = advice(&costs, Backend::PerCpu);
        assert_eq!(advice.line, "Counter::builder().backend(Backend::Striped).build()");
    }

    #[test]
    fn an_atomic_if_sharding_gains_nothing() {
        let costs = [(STRIPED, 1, 3.0), (Name::AtomicU64, 1, 2.0)];
        let advice = advice(&costs, Backend::Striped);
        assert_eq!(advice.line, "AtomicU64::new(0)");
        assert!(advice.why.contains("enough, at 2.0 ns"), "{}", advice.why);
    }

    #[test]
    fn one_thread_counts_only_if_alone() {
        let costs = [(PER_CPU, 1, 9.0), (PER_CPU, 2, 1.0), (STRIPED, 1, 1.0), (STRIPED, 2, 3.0)];
        assert_eq!(advice(&costs, Backend::PerCpu).line, "Counter::new()");
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
        assert_eq!(advice.line, "CounterSet::new(500)");
        assert_eq!(
            advice.why,
            "Auto picks Striped, the cheapest here: with 1 thread an add to one of 500 counters \
             takes 4.0 ns of CPU time, 9.0 on Striped Counters, 6.0 on AtomicU64.\n\
             Where only one thread adds, plain AtomicU64s are enough, at 6.0 ns."
        );
        let advice = Advice::new(Kind::CounterSet, &rows, Backend::PerCpu);
        assert_eq!(advice.line, "CounterSet::builder(500).backend(Backend::Striped).build()");
        let advice = Advice::new(Kind::CounterSet, &rows[..2], Backend::Striped);
        assert_eq!(advice.line, "[const { AtomicU64::new(0) }; 10]");
    }
}
