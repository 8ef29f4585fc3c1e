//! The time between two moments, recorded at the second.

use super::group::Group;
use std::{
    fmt, mem,
    time::{Duration, Instant},
};

/// Records the time since its start when dropped.
///
/// Made by [`Histogram::start_timer`](super::Histogram::start_timer) or
/// [`HistogramSet::start_timer`](super::HistogramSet::start_timer). The time is in nanoseconds, by
/// the monotonic clock, as with [`record_duration`](super::Histogram::record_duration), and is
/// recorded on a panic, too. A timer borrows its histogram: if that is in an `Arc` that the timer
/// would have to own, take an [`Instant`] and record its [`elapsed`](Instant::elapsed) time.
///
/// ```
/// use striped_counter::Histogram;
///
/// static LATENCY: Histogram = Histogram::new();
///
/// fn handle(request: &str) -> usize {
///     let _timer = LATENCY.start_timer();
///     request.len()
/// }
/// handle("GET /");
/// assert_eq!(LATENCY.snapshot().count(), 1);
/// ```
#[must_use = "a timer that is dropped at once times nothing; bind it: `let _timer = LATENCY.start_timer();`"]
pub struct Timer<'a> {
    group: &'a Group,
    index: usize,
    start: Instant,
}

impl<'a> Timer<'a> {
    pub(super) fn new(group: &'a Group, index: usize) -> Self {
        Self { group, index, start: Instant::now() }
    }

    /// Records the time now, and returns it.
    ///
    /// ```
    /// let latency = striped_counter::Histogram::new();
    /// let took = latency.start_timer().stop();
    /// assert_eq!(latency.snapshot().sum().map(u128::from), Some(took.as_nanos()));
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for what it records")]
    pub fn stop(self) -> Duration {
        let elapsed = self.start.elapsed();
        self.group.record(self.index, nanoseconds(elapsed), 1);
        mem::forget(self);
        elapsed
    }

    /// Returns the time without recording it.
    ///
    /// ```
    /// let latency = striped_counter::Histogram::new();
    /// let _ = latency.start_timer().discard();
    /// assert_eq!(latency.snapshot().count(), 0);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for what it does not record")]
    pub fn discard(self) -> Duration {
        let elapsed = self.start.elapsed();
        mem::forget(self);
        elapsed
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.group.record(self.index, nanoseconds(self.start.elapsed()), 1);
    }
}

impl fmt::Debug for Timer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("elapsed", &self.start.elapsed()).finish_non_exhaustive()
    }
}

/// The longest time that is recorded, in nanoseconds: 104 days. Sums are modulo 2^64, so a single
/// `Duration::MAX` could make one smaller.
const LONGEST: u128 = 1 << 53;

/// Returns the nanoseconds of `duration`, at most [`LONGEST`].
#[inline]
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().min(LONGEST) as u64
}
