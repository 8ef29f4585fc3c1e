//! The recorder.

mod builder;

pub use builder::{RecorderBuilder, RecorderError};

use super::{
    calls::{self, Panics},
    distributions::{Distribution, Scale},
    flush::{Flush, Flusher, Turns, flush},
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

/// A recorder with sharded counters and histograms, in front of the recorder that exports them.
///
/// # Counters
///
/// `counter!` asks the inner recorder for its counter, as it would without this one, and returns a
/// handle that counts here: the first 16 increments in one atomic, later ones in shards. Ten times
/// a second, or as often as [`flush_every`](RecorderBuilder::flush_every) says, a thread of the
/// recorder passes on what was counted; a [`Flusher`] does so on demand. Counting never calls the
/// inner recorder and never waits for it.
///
/// Whatever the inner recorder does with a key, it still does: its layers may add labels and
/// filter, and it may drop series that are idle. Nothing is kept of a handle that has been dropped.
/// As without this recorder, a handle that is kept belongs to the series that it was made for, even
/// if the exporter has dropped that series; with [`by_key`](RecorderBuilder::by_key) the series
/// comes back.
///
/// # Histograms
///
/// `histogram!` records into one [`Histogram`] per key, whose size does not depend on how much is
/// recorded. The inner recorder gets its buckets, its sum and its count as gauges, under the names
/// that Prometheus expects: `latency_bucket` with the label `le`, `latency_sum` and
/// `latency_count`, or no sum with [`sum(false)`](Builder::sum). Negative values and `NaN` count as
/// 0. A label `le` of the caller's becomes `exported_le`.
///
/// Since they are gauges there, the exporter's own settings for histograms, such as its buckets, do
/// not apply, and its timeout for idle gauges does. A gauge `latency_count` of the program's own
/// would be the same series as that of the histogram `latency`.
///
/// A histogram has only the labels that arrive here. So a layer that adds labels per call, such as
/// that of `metrics-tracing-context`, has to be in front of this recorder:
/// `layer.layer(ShardedRecorder::new(exporter))`. (For counters it may also be behind.)
///
/// # Gauges
///
/// Gauges go through to the inner recorder, and so do all descriptions.
///
/// # Cost
///
/// `counter!` costs what it costs with the inner recorder, and an allocation. After 64 calls, or as
/// many as there are older handles, one call also goes through the handles of its stripe, one of 16
/// groups of threads, and passes on what they have. An increment through
/// a handle that is kept costs as much as a [`Counter::add`]. A handle takes 112 bytes, and from
/// the 17th increment on 8 per shard.
///
/// # Limits
///
/// If the process ends, the exporter misses what was counted since the last flush:
/// [`flush`](Flusher::flush) first, if that matters. In the child of a `fork` there is no thread
/// that flushes. If another thread was flushing at that moment, each flush in the child waits a
/// second for it, and the handles and the histogram that it was passing on reach the child's
/// exporter no more: make handles anew in the child.
///
/// Dropping the recorder flushes, and waits for another flush as [`flush`](Flusher::flush) does.
/// What is counted after that is passed on by a [`Flusher`], when the last one is dropped, or when
/// its handle is dropped. Without a `Flusher`, it is lost if it belongs to a histogram or was
/// counted [`by_key`](RecorderBuilder::by_key).
///
/// If the inner recorder panics, all other keys are passed on. A call of it that panicked may have
/// counted or not: a counter is not passed on again, a histogram is.
///
/// If the inner recorder is stuck in a flush, what is counted meanwhile is kept, and handles that
/// were dropped are kept with it. Flushing in another thread passes it on.
pub struct ShardedRecorder<R: Recorder> {
    shared: Arc<Shared<R>>,
}

struct Shared<R: Recorder> {
    inner: R,
    counters: Builder<Counter>,
    mentions: Mentions,
    /// What the inner recorder itself counts while it is called from here; with `by_key`,
    /// everything that is counted.
    keyed: Keyed<Pending>,
    by_key: bool,
    /// `None` if histograms are left to the inner recorder.
    histograms: Option<Histograms>,
    distributions: Keyed<Distribution>,
    turns: Turns,
    /// Dropping this tells the thread that there is nothing left to flush.
    _gone: Sender<()>,
}

/// The settings of histograms.
struct Histograms {
    builder: Builder<Histogram>,
    scale: Arc<Scale>,
    /// The scales of names that have their own.
    scales: HashMap<String, Arc<Scale>>,
}

impl<R: Recorder + Send + Sync + 'static> ShardedRecorder<R> {
    /// Creates a recorder with default settings in front of `inner`.
    ///
    /// # Panics
    ///
    /// Panics if the system refuses a thread.
    pub fn new(inner: R) -> Self {
        Self::builder(inner).build()
    }

    /// Returns a [`RecorderBuilder`], to choose the settings of counters and histograms, and when
    /// to flush.
    pub fn builder(inner: R) -> RecorderBuilder<R> {
        RecorderBuilder::new(inner)
    }

    /// Returns a [`Flusher`], which flushes on demand. Keep it before the recorder is moved to be
    /// installed.
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
    fn flush_keyed(&self, panics: &mut Panics) {
        self.keyed.flush(|entry| {
            let pending = entry.value();
            let is_due = entry.is_new() || !pending.is_empty();
            if is_due {
                panics.catch(|| {
                    pending.pass_on(&self.inner.register_counter(entry.key(), &entry.metadata()));
                })?;
            }
            Some(is_due)
        });
    }

    /// Returns the number of handles and keys.
    fn len(&self) -> usize {
        self.mentions.len() + self.keyed.len() + self.distributions.len()
    }
}

/// Passes on what there is, before this returns, even if a [`Flusher`] or the thread keeps the rest.
impl<R: Recorder> Drop for ShardedRecorder<R> {
    fn drop(&mut self) {
        drop(flush(&*self.shared));
    }
}

/// Passes on what came after that and is stored by key; a [`Mention`] does so by itself.
impl<R: Recorder> Drop for Shared<R> {
    fn drop(&mut self) {
        self.flush_now(&mut Panics::default());
    }
}

impl<R: Recorder> Flush for Shared<R> {
    fn flush_now(&self, panics: &mut Panics) {
        self.mentions.flush(panics);
        self.flush_keyed(panics);
        self.distributions.flush(|entry| entry.pass_on(&self.inner, panics));
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
            // The unit is left out, since some exporters append it to the name.
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
            // Skipped while another thread flushes, since `counter!` never waits.
            if let Some(_turn) = turns.wait(Duration::ZERO) {
                // A panic ends here: the caller has nothing to do with the keys that are flushed.
                mentions.flush_own(&mut Panics::default());
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
