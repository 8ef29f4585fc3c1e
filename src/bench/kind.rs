//! The type of counter that a run of the tool measures.

use clap::ValueEnum;
use std::fmt;

/// Spelled as in the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A counter that only goes up.
    #[value(name = "Counter")]
    Counter,
    /// A level, by three ups and then a down, over and over.
    #[value(name = "UpDownCounter")]
    UpDownCounter,
    /// Many counters, compared with as many single ones.
    #[value(name = "CounterSet")]
    CounterSet,
    /// A histogram of latencies.
    #[value(name = "Histogram")]
    Histogram,
}

impl Kind {
    /// Returns the name of a file of results, such as `contention.csv` or
    /// `contention-CounterSet.csv`.
    pub(crate) fn file(self, ending: &str) -> String {
        match self {
            Self::Counter => format!("contention{ending}"),
            _ => format!("contention-{self}{ending}"),
        }
    }

    /// Returns whether there are many counters, of which each add chooses one.
    pub(crate) fn many(self) -> bool {
        self == Self::CounterSet
    }

    /// Returns how many milliseconds the measuring may take in a default run, which should take a
    /// minute in all. Many counters are slow to allocate, to touch and to check, and so are many
    /// buckets.
    pub(crate) fn budget(self) -> u64 {
        match self {
            Self::Counter | Self::UpDownCounter => 48_000,
            Self::CounterSet | Self::Histogram => 24_000,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_counters_have_no_type_in_their_names() {
        assert_eq!(Kind::Counter.file(".svg"), "contention.svg");
        assert_eq!(Kind::CounterSet.file("-forecast.csv"), "contention-CounterSet-forecast.csv");
    }
}
