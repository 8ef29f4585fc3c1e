//! The public types, and the integrations with metrics libraries.
//!
//! Not built for loom, whose atomics cannot be made at compile time: its models use the matrix
//! directly.

mod counter;
mod histogram;
pub mod integrations;
mod iter;
mod set;
mod up_down;
mod up_down_set;

pub use counter::{Counter, Deltas};
pub use histogram::{
    Histogram, HistogramDeltas, HistogramRef, HistogramSet, HistogramSnapshot, ShapeMismatch, Timer,
};
pub use iter::Iter;
pub use set::{CounterRef, CounterSet, SetDeltas};
pub use up_down::{Guard, UpDownCounter};
pub use up_down_set::{LevelGuard, LevelRef, UpDownCounterSet};
