//! The histogram, and what is read of it.

mod snapshot;

pub use snapshot::{HistogramSnapshot, ShapeMismatch};
