//! Storage for the counters and gauges of `prometheus`.

use crate::{Counter, UpDownCounter};
use prometheus::core::{Atomic, GenericCounter, GenericCounterVec, GenericGauge, GenericGaugeVec};

/// The `IntCounter` of `prometheus`, sharded.
///
/// It has all methods of that type. `get` sums the shards, and `reset` is a
/// [`take`](Counter::take). It takes 8 bytes per shard and some 50 more than that type does.
///
/// In hot loops, keep the child of a vector: the vector looks it up under a lock, which costs more
/// than the add.
///
/// ```
/// use prometheus::{Opts, Registry, TextEncoder};
/// // Instead of `use prometheus::IntCounterVec;`
/// use striped_counter::integrations::prometheus::IntCounterVec;
///
/// let hits = IntCounterVec::new(Opts::new("hits_total", "Requests"), &["user"])?;
/// let registry = Registry::new();
/// registry.register(Box::new(hits.clone()))?;
///
/// let ann = hits.with_label_values(&["ann"]);
/// ann.inc_by(3);
/// let text = TextEncoder::new().encode_to_string(&registry.gather())?;
/// assert!(text.contains("\nhits_total{user=\"ann\"} 3\n"));
/// # Ok::<(), prometheus::Error>(())
/// ```
pub type IntCounter = GenericCounter<Counter>;

/// The `IntCounterVec` of `prometheus`, sharded; see [`IntCounter`].
pub type IntCounterVec = GenericCounterVec<Counter>;

/// The `IntGauge` of `prometheus`, sharded; see [`IntCounter`].
///
/// `set` waits for other calls of `set` and for locked reads.
pub type IntGauge = GenericGauge<UpDownCounter>;

/// The `IntGaugeVec` of `prometheus`, sharded; see [`IntGauge`].
pub type IntGaugeVec = GenericGaugeVec<UpDownCounter>;

/// Stores the values of [`IntCounter`]. `set` is a [`take`](Self::take) and then an
/// [`add`](Self::add).
impl Atomic for Counter {
    type T = u64;

    fn new(value: u64) -> Self {
        let counter = Self::new();
        if value != 0 {
            counter.add(value);
        }
        counter
    }

    fn set(&self, value: u64) {
        // Discards the old count, as storing to an atomic does.
        let _ = self.take();
        if value != 0 {
            self.add(value);
        }
    }

    fn get(&self) -> u64 {
        self.sum()
    }

    #[inline]
    fn inc_by(&self, delta: u64) {
        self.add(delta);
    }

    #[inline]
    fn dec_by(&self, delta: u64) {
        self.add(delta.wrapping_neg());
    }
}

/// Stores the values of [`IntGauge`].
impl Atomic for UpDownCounter {
    type T = i64;

    fn new(value: i64) -> Self {
        let level = Self::new();
        if value != 0 {
            level.add(value);
        }
        level
    }

    fn set(&self, value: i64) {
        self.set(value);
    }

    fn get(&self) -> i64 {
        self.sum()
    }

    #[inline]
    fn inc_by(&self, delta: i64) {
        self.add(delta);
    }

    #[inline]
    fn dec_by(&self, delta: i64) {
        self.sub(delta);
    }
}
