//! The type of counter that a run of the tool is about.

use clap::ValueEnum;
use std::fmt;

/// Spelled as in the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A counter that only goes up.
    #[value(name = "Counter")]
    Counter,
    /// A level: three ups, then a down, and so on.
    #[value(name = "UpDownCounter")]
    UpDownCounter,
    /// Many counters, against as many single ones.
    #[value(name = "CounterSet")]
    CounterSet,
    /// A histogram of latencies.
    #[value(name = "Histogram")]
    Histogram,
}

impl Kind {
    /// The name of a file of results: `contention.csv`, or `contention-CounterSet.csv`.
    pub(crate) fn file(self, ending: &str) -> String {
        match self {
            Self::Counter => format!("contention{ending}"),
            _ => format!("contention-{self}{ending}"),
        }
    }

    /// Whether it is of many counters, which an add chooses among.
    pub(crate) fn many(self) -> bool {
        self == Self::CounterSet
    }

    /// How long the measuring of a default run may take, in milliseconds, to be within a minute.
    /// Many counters are slow to allocate, to touch and to check, and so are many buckets.
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
