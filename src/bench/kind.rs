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
}

impl Kind {
    /// The name of the table of results.
    pub(crate) fn csv(self) -> String {
        self.stem() + ".csv"
    }

    /// The name of the picture.
    pub(crate) fn svg(self) -> String {
        self.stem() + ".svg"
    }

    /// The name of the table of a forecast.
    pub(crate) fn forecast_csv(self) -> String {
        self.stem() + "-forecast.csv"
    }

    fn stem(self) -> String {
        match self {
            Self::Counter => "contention".to_owned(),
            Self::UpDownCounter | Self::CounterSet => format!("contention-{self}"),
        }
    }

    /// How long the measuring of a default run may take, in milliseconds, to be within a minute.
    /// Many counters are slow to allocate, to touch and to check.
    pub(crate) fn budget(self) -> u64 {
        match self {
            Self::Counter | Self::UpDownCounter => 48_000,
            Self::CounterSet => 24_000,
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
        assert_eq!(Kind::Counter.svg(), "contention.svg");
        assert_eq!(Kind::CounterSet.csv(), "contention-CounterSet.csv");
    }
}
