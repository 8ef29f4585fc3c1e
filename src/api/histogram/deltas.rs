//! What was recorded since a consumer last looked.

use super::{Histogram, HistogramSnapshot};
use std::ops::Deref;

/// A consumer's cursor over what a [`Histogram`] records.
///
/// [`Histogram::deltas`] makes one that borrows the histogram; [`HistogramDeltas::new`] makes one
/// that owns an `Arc` or any other pointer to it. A cursor keeps the last total, 8 bytes per
/// bucket. A clone continues from where the original is.
#[derive(Clone, Debug)]
pub struct HistogramDeltas<P: Deref<Target = Histogram>> {
    histogram: P,
    seen: Option<HistogramSnapshot>,
}

impl<P: Deref<Target = Histogram>> HistogramDeltas<P> {
    /// Creates a cursor that has seen nothing: its first delta is everything ever recorded.
    ///
    /// `histogram` has to dereference to the same histogram each time, as references, `Arc` and
    /// `Box` do.
    ///
    /// ```
    /// use std::{sync::Arc, thread};
    /// use striped_counter::{Histogram, HistogramDeltas};
    ///
    /// let latency = Arc::new(Histogram::new());
    /// latency.record(250);
    /// let mut recorded = HistogramDeltas::new(Arc::clone(&latency));
    /// let reporter = thread::spawn(move || recorded.next_delta().count());
    /// assert_eq!(reporter.join().unwrap(), 1);
    /// ```
    #[must_use]
    pub fn new(histogram: P) -> Self {
        Self { histogram, seen: None }
    }

    /// Returns the histogram.
    #[must_use]
    pub fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// Returns what was recorded since this cursor last looked.
    ///
    /// Successive deltas lose nothing and count nothing twice. A delta during a record may include
    /// the value in its count, and leave it to the previous delta in the sum; with
    /// [`read_lock(true)`](crate::Builder::read_lock) both are in the same one.
    ///
    /// Costs as much as a [`total`](Histogram::total).
    ///
    /// # Panics
    ///
    /// Panics if the cursor dereferences to a histogram with other buckets than before.
    #[must_use = "the next delta starts where this one ends"]
    #[track_caller]
    pub fn next_delta(&mut self) -> HistogramSnapshot {
        let total = self.histogram.total();
        let delta = match &self.seen {
            None => total.clone(),
            Some(seen) => total.since(seen).expect("a cursor stays with its histogram"),
        };
        self.seen = Some(total);
        delta
    }
}
