//! Integration with the crate `metrics`: sharded storage behind its macros.
//!
//! To shard every counter of a program, put a [`ShardedRecorder`] in front of the recorder that
//! exports. It passes on by itself what the macros have counted.
//!
//! ```
//! use metrics::{NoopRecorder, counter, set_global_recorder};
//! use striped_counter::integrations::metrics::ShardedRecorder;
//!
//! let exporter = NoopRecorder; // in a service: `PrometheusBuilder::new().build_recorder()`
//! set_global_recorder(ShardedRecorder::new(exporter))?;
//!
//! // In hot loops, keep the handle instead of looking it up for each increment.
//! let hits = counter!("hits", "route" => "/");
//! hits.increment(1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For a recorder of your own, [`Counter`] is a `CounterFn`, [`UpDownCounter`] a `GaugeFn`, and
//! [`Histogram`] a `HistogramFn`.

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

/// Counts for a recorder. `increment` is an [`add`](Counter::add).
///
/// `absolute` is [`raise_to`](Counter::raise_to): it raises the sum to the given value, and a
/// smaller value changes nothing. It waits for other calls of itself and for locked reads.
impl CounterFn for Counter {
    #[inline]
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, value: u64) {
        self.raise_to(value);
    }
}

/// Follows a level for a recorder, in whole numbers: values are rounded, and limited to what an
/// `i64` holds.
///
/// `set` waits for other calls of itself and for locked reads. It overrides what other threads
/// added before, and loses nothing that they add later.
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

/// Records for a recorder, in whole numbers: values are rounded, and limited to 2^53, so that an
/// infinite one does not make the sum wrap around. Negative values and `NaN` count as 0.
///
/// So record durations in a small unit, such as nanoseconds. A [`ShardedRecorder`] scales by
/// itself.
impl HistogramFn for Histogram {
    #[inline]
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    #[inline]
    fn record_many(&self, value: f64, times: usize) {
        self.record_n((value.round() as u64).min(1 << 53), times as u64);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; NaN becomes 0")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}
