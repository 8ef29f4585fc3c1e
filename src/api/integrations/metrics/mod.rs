//! For the crate `metrics`: storage behind its macros.
//!
//! To have every counter of a program sharded, put a [`ShardedRecorder`] in front of the recorder that
//! exports. It hands on by itself what the macros have counted.
//!
//! ```
//! use metrics::{NoopRecorder, counter, set_global_recorder};
//! use striped_counter::integrations::metrics::ShardedRecorder;
//!
//! let exporter = NoopRecorder; // in a service: `PrometheusBuilder::new().build_recorder()`
//! set_global_recorder(ShardedRecorder::new(exporter))?;
//!
//! // For hot loops: keep the handle, instead of a look-up per increment.
//! let hits = counter!("hits", "route" => "/");
//! hits.increment(1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For recorders of your own, [`Counter`] is a [`CounterFn`], [`UpDownCounter`] a [`GaugeFn`], and
//! [`Histogram`] a [`HistogramFn`].

mod calls;
mod distributions;
mod flush;
mod keyed;
mod mentions;
mod pending;
mod recorder;

pub use flush::Flusher;
pub use recorder::{RecorderBuilder, RecorderError, ShardedRecorder};

use crate::{Counter, Histogram, UpDownCounter};
use metrics::{CounterFn, GaugeFn, HistogramFn};

/// `increment` is an [`add`](Counter::add), with all that it promises. `absolute` makes the sum at
/// least the given value, as a maximum does: a smaller value changes nothing. It excludes readers and
/// other calls of itself, and so may wait for them.
impl CounterFn for Counter {
    #[inline]
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, value: u64) {
        self.raise_to(value);
    }
}

/// Rounds to whole numbers, and to what an `i64` can hold. `set` excludes readers and other calls of
/// itself, and so may wait for them; it wins over what other threads add before, and loses nothing
/// that they add later.
impl GaugeFn for UpDownCounter {
    #[inline]
    fn increment(&self, value: f64) {
        self.add(whole(value));
    }

    #[inline]
    fn decrement(&self, value: f64) {
        self.sub(whole(value));
    }

    fn set(&self, value: f64) {
        self.set(whole(value));
    }
}

/// Rounds to whole numbers, and to what a `u64` can hold: below 0 and not a number come to 0. A histogram of
/// durations thus wants them in a small unit, as nanoseconds; a [`ShardedRecorder`] scales by itself.
impl HistogramFn for Histogram {
    #[inline]
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    #[inline]
    fn record_many(&self, value: f64, times: usize) {
        self.record_n(value.round() as u64, times as u64);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; not a number comes to 0")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}
