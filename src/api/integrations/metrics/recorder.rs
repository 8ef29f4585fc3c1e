//! The recorder.

mod builder;

pub use builder::{RecorderBuilder, RecorderError};

use super::{
    calls,
    distributions::{Distribution, Scale},
    flush::{Flush, Flusher, Turns},
    keyed::{Entry, Keyed},
    mentions::{Mention, Mentions},
    pending::Pending,
};
use crate::{Builder, Counter, Histogram};
use metrics::{CounterFn, Gauge, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

/// A recorder whose counters are sharded, in front of the one that exports them.
///
/// `counter!` asks the inner recorder for its counter, as it would without this one, and returns a handle
/// that counts here: for the first 16 increments in one atomic, then in shards. A thread of the recorder's own
/// hands on what was counted, ten times a second unless [set](RecorderBuilder::flush_every) otherwise, and
/// a [`Flusher`] does so on demand. Counting itself never calls the inner recorder, and never waits for it.
///
/// Whatever the inner recorder makes of a key, it makes of it here: labels that its layers add, filters,
/// and series that it drops when they are idle. Nothing is kept of a handle that has been dropped. As
/// without this recorder, a handle that is kept stays with the series that it was made for, even if the
/// exporter has dropped that; with [`by_key`](RecorderBuilder::by_key) the series comes back.
///
/// `histogram!` records into a [`Histogram`] of ours per key, which takes the same few bytes however much is
/// recorded. The inner recorder gets its buckets, its sum and its count, under the names that Prometheus has
/// for them: `latency_bucket` with the label `le`, `latency_sum` and `latency_count`, all of them gauges.
/// The label sets are those that arrive here: a layer that adds labels per call, such as that of
/// `metrics-tracing-context`, has to be in front: `layer.layer(ShardedRecorder::new(exporter))`. (For
/// counters it may also be behind.) Values below 0 and those that are not a number count as 0.
///
/// Gauges go through to the inner recorder. So do descriptions.
///
/// # Cost
///
/// `counter!` costs what it costs with the inner recorder, and an allocation; an increment through a handle
/// that is kept costs a [`Counter::add`]. A handle takes 112 bytes, and from the 17th increment on 8 per
/// shard.
///
/// # Limits
///
/// What was counted since the last flush is lost to the exporter if the process ends: [`flush`](Flusher::flush)
/// then, if it matters. After a `fork` the child has no thread that flushes. When the recorder is dropped, it
/// hands on what there is; what is counted thereafter is handed on when its handle is dropped, or never if
/// it is of a histogram or `by_key`.
pub struct ShardedRecorder<R: Recorder> {
    shared: Arc<Shared<R>>,
}

struct Shared<R: Recorder> {
    inner: R,
    counters: Builder<Counter>,
    mentions: Mentions,
    /// What the inner recorder itself counts, while it is called from here; and all that is counted, if
    /// `by_key`.
    keyed: Keyed<Pending>,
    by_key: bool,
    /// `None` if the inner recorder has its own.
    histograms: Option<Histograms>,
    distributions: Keyed<Distribution>,
    turns: Turns,
    /// Tells the thread, when it is dropped, that there is nothing to flush any more.
    _gone: Sender<()>,
}

/// How histograms are made.
struct Histograms {
    builder: Builder<Histogram>,
    scale: Arc<Scale>,
    /// Of some names, others.
    scales: HashMap<String, Arc<Scale>>,
}

impl<R: Recorder + Send + Sync + 'static> ShardedRecorder<R> {
    /// Puts a recorder with default settings in front of `inner`.
    ///
    /// # Panics
    /// If the system refuses a thread.
    pub fn new(inner: R) -> Self {
        Self::builder(inner).build()
    }

    /// Chooses the settings: what counters and histograms are like, and when to flush.
    pub fn builder(inner: R) -> RecorderBuilder<R> {
        RecorderBuilder::new(inner)
    }

    /// Returns what flushes on demand. It can be kept when the recorder is given away to be installed.
    #[must_use]
    pub fn flusher(&self) -> Flusher {
        let shared = Arc::clone(&self.shared);
        Flusher(shared)
    }
}

impl Histograms {
    fn new(
        builder: Builder<Histogram>,
        buckets: &[f64],
        buckets_of: Vec<(String, Vec<f64>)>,
    ) -> Result<Self, RecorderError> {
        let scale = |bounds: &[f64]| {
            let wrong = || RecorderError::Buckets { bounds: bounds.to_vec() };
            let scale = Scale::new(bounds).ok_or_else(wrong)?;
            scale.check(builder).map_err(RecorderError::Histograms)?;
            Ok(Arc::new(scale))
        };
        let of_name = |(name, bounds): (_, Vec<_>)| Ok((name, scale(&bounds)?));
        let scales = buckets_of.into_iter().map(of_name).collect::<Result<_, _>>()?;
        Ok(Self { builder, scale: scale(buckets)?, scales })
    }

    fn distribution(&self, name: &str) -> Distribution {
        let scale = self.scales.get(name).unwrap_or(&self.scale);
        Distribution::new(self.builder, Arc::clone(scale))
    }
}

impl<R: Recorder> Shared<R> {
    fn flush_keyed(&self) {
        self.keyed.flush(|entry| {
            let pending = entry.value();
            let is_new = !pending.is_empty();
            if is_new {
                calls::out(|| {
                    pending.hand_on(&self.inner.register_counter(entry.key(), &entry.metadata()));
                });
            }
            is_new
        });
    }

    /// The number of handles and keys.
    fn len(&self) -> usize {
        self.mentions.len() + self.keyed.len() + self.distributions.len()
    }
}

/// For what is known by key alone: a [`Mention`] does so by itself.
impl<R: Recorder> Drop for Shared<R> {
    fn drop(&mut self) {
        self.flush_now();
    }
}

impl<R: Recorder> Flush for Shared<R> {
    fn flush_now(&self) {
        self.mentions.flush();
        self.flush_keyed();
        self.distributions.flush(|entry| entry.hand_on(&self.inner));
    }

    fn turns(&self) -> &Turns {
        &self.turns
    }

    fn len(&self) -> usize {
        self.len()
    }
}

impl CounterFn for Entry<Pending> {
    #[inline]
    fn increment(&self, value: u64) {
        self.value().increment(value);
    }

    fn absolute(&self, value: u64) {
        self.value().absolute(value);
    }
}

impl<R: Recorder> Recorder for ShardedRecorder<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        calls::out(|| self.shared.inner.describe_counter(key, unit, description));
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        calls::out(|| self.shared.inner.describe_gauge(key, unit, description));
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        let Shared { inner, histograms, .. } = &*self.shared;
        if histograms.is_none() {
            return calls::out(|| inner.describe_histogram(key, unit, description));
        }
        for suffix in ["_bucket", "_sum", "_count"] {
            let name = [key.as_str(), suffix].concat();
            // Without the unit, which some exporters append to the name.
            calls::out(|| inner.describe_gauge(name.into(), None, description.clone()));
        }
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> metrics::Counter {
        let Shared { inner, counters, mentions, keyed, by_key, turns, .. } = &*self.shared;
        if *by_key || calls::from_inside() {
            let entry = keyed.get(key, metadata, || Pending::new(*counters));
            return metrics::Counter::from_arc(entry);
        }
        let theirs = calls::out(|| inner.register_counter(key, metadata));
        let mention = Mention::new(Pending::new(*counters), theirs);
        if mentions.list(Arc::clone(&mention)) {
            // Not while another thread flushes: a mention waits for nothing.
            if let Some(_turn) = turns.wait(Duration::ZERO) {
                mentions.flush_own();
            }
        }
        metrics::Counter::from_arc(mention)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        calls::out(|| self.shared.inner.register_gauge(key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> metrics::Histogram {
        let Shared { inner, histograms, distributions, .. } = &*self.shared;
        let Some(histograms) = histograms else {
            return calls::out(|| inner.register_histogram(key, metadata));
        };
        let make = || histograms.distribution(key.name());
        metrics::Histogram::from_arc(distributions.get(key, metadata, make))
    }
}

impl<R: Recorder> fmt::Debug for ShardedRecorder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardedRecorder")
            .field("handles", &self.shared.len())
            .finish_non_exhaustive()
    }
}
