//! For the crate `metrics`: storage behind its macros.
//!
//! A [`Counter`] stores what `counter!` adds, and an [`UpDownCounter`] what `gauge!` does. To have
//! *every* counter of a program sharded, put a [`StripedRecorder`] in front of the recorder that
//! exports: the macros then add to sharded counters, and a [`Flusher`] hands their growth on.
//!
//! # Example
//!
//! ```
//! use metrics::{NoopRecorder, counter, with_local_recorder};
//! use striped_counter::integrations::metrics::StripedRecorder;
//!
//! // In a service: the recorder of an exporter, and `metrics::set_global_recorder`.
//! let recorder = StripedRecorder::new(NoopRecorder);
//! let flusher = recorder.flusher();
//! with_local_recorder(&recorder, || {
//!     // Outside of hot loops, since it looks the name up under a lock.
//!     let hits = counter!("hits");
//!     hits.increment(1);
//!     hits.absolute(5);
//! });
//! // Before each scrape, or every second.
//! assert_eq!(flusher.flush(), 5, "so many counts were handed on");
//! ```

use crate::{Builder, Counter, UpDownCounter};
use metrics::{
    CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
        Self::set(self, whole(value));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; not a number comes to 0")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// A recorder whose counters are sharded, in front of the one that exports them.
///
/// Gauges and histograms go through to the inner recorder. Counters are stored here; the inner
/// recorder has counters of the same keys, which [`Flusher::flush`] brings up to date.
///
/// Each key has a counter of its own, of 8 bytes per shard and some 100 more: mind labels with many values.
pub struct StripedRecorder<R> {
    inner: R,
    counters: Arc<Counters>,
}

/// Hands on what was counted, from the counters of a [`StripedRecorder`] to the inner recorder's.
#[derive(Clone, Debug)]
pub struct Flusher {
    counters: Arc<Counters>,
}

struct Counters {
    builder: Builder<Counter>,
    by_key: Mutex<HashMap<Key, Exported>>,
}

/// A counter of ours, and the inner recorder's of the same key.
struct Exported {
    ours: Arc<Counter>,
    theirs: metrics::Counter,
    /// How much of ours theirs has.
    seen: u64,
}

impl<R: Recorder> StripedRecorder<R> {
    /// In front of `inner`, with counters as [`Counter::new`] makes them.
    pub fn new(inner: R) -> Self {
        Self::with_builder(inner, Counter::builder())
    }

    /// In front of `inner`, with counters as `builder` makes them.
    pub fn with_builder(inner: R, builder: Builder<Counter>) -> Self {
        Self { inner, counters: Arc::new(Counters { builder, by_key: Mutex::default() }) }
    }

    /// To be kept when the recorder is given away to be installed.
    pub fn flusher(&self) -> Flusher {
        Flusher { counters: Arc::clone(&self.counters) }
    }
}

impl Flusher {
    /// Brings the inner recorder's counters up to date, and returns by how much in total. Costs a sum
    /// for each counter. Counting never waits for it; the first mention of a key may.
    ///
    /// Call it before each scrape, or as often as figures are to be fresh, and once at the end.
    pub fn flush(&self) -> u64 {
        self.counters.lock().values_mut().map(Exported::hand_on).fold(0, u64::wrapping_add)
    }
}

impl Counters {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Exported>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exported {
    fn hand_on(&mut self) -> u64 {
        // A cursor that has seen nothing: the total, whatever has been taken.
        let total = self.ours.deltas().next_delta();
        let delta = total.wrapping_sub(self.seen);
        self.seen = total;
        if delta != 0 {
            self.theirs.increment(delta);
        }
        delta
    }
}

impl<R: Recorder> Recorder for StripedRecorder<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> metrics::Counter {
        let mut counters = self.counters.lock();
        let exported = match counters.entry(key.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Exported {
                ours: Arc::new(self.counters.builder.build()),
                theirs: self.inner.register_counter(key, metadata),
                seen: 0,
            }),
        };
        metrics::Counter::from_arc(Arc::clone(&exported.ours))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.inner.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.inner.register_histogram(key, metadata)
    }
}

impl<R> fmt::Debug for StripedRecorder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripedRecorder").field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.lock().iter().map(|(key, e)| (key.name().to_owned(), e.ours.sum())))
            .finish()
    }
}
