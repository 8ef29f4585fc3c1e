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
    /// The files of results have this name, with one extension or another.
    pub(crate) fn stem(self) -> String {
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
