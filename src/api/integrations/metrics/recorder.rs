//! The recorder.

use super::{
    calls,
    flush::{self, Flush, Flusher, Turns},
    keyed::{Entry, Keyed},
    mentions::{Mention, Mentions},
    pending::Pending,
};
use crate::{BuildError, Builder, Counter};
use metrics::{
    CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::{
    error::Error,
    fmt, io,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
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
/// exporter has dropped that.
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
/// then, if it matters. After a `fork` the child has no thread that flushes. A handle that outlives the
/// recorder hands on the rest when it is dropped.
pub struct ShardedRecorder<R> {
    shared: Arc<Shared<R>>,
}

struct Shared<R> {
    inner: R,
    counters: Builder<Counter>,
    mentions: Mentions,
    /// What the inner recorder itself counts, while it is called from here.
    from_inside: Keyed<Pending>,
    turns: Turns,
    /// Tells the thread, when it is dropped, that there is nothing to flush any more.
    _gone: Sender<()>,
}

/// Builds a [`ShardedRecorder`].
///
/// ```
/// use metrics::NoopRecorder;
/// use std::time::Duration;
/// use striped_counter::{Counter, integrations::metrics::ShardedRecorder};
///
/// let recorder = ShardedRecorder::builder(NoopRecorder)
///     .counters(Counter::builder().shards(8))
///     .flush_every(Duration::from_secs(1))
///     .build();
///
/// let wrong = ShardedRecorder::builder(NoopRecorder).counters(Counter::builder().shards(0));
/// let error = wrong.try_build().unwrap_err();
/// assert_eq!(error.to_string(), "counters: shards: 0 is out of range, from 1 to 4096");
/// ```
#[must_use = "a builder does nothing until `build` or `try_build`"]
pub struct RecorderBuilder<R> {
    inner: R,
    counters: Builder<Counter>,
    flush_every: Option<Duration>,
}

/// What is wrong with the settings of a [`ShardedRecorder`].
#[derive(Debug)]
#[non_exhaustive]
pub enum RecorderError {
    /// The settings of its counters.
    Counters(BuildError),
    /// `flush_every` was zero.
    FlushEveryZero,
    /// The system refused a thread.
    Thread(io::Error),
}

impl<R: Recorder + Send + Sync + 'static> ShardedRecorder<R> {
    /// Puts a recorder with default settings in front of `inner`.
    ///
    /// # Panics
    /// If the system refuses a thread.
    pub fn new(inner: R) -> Self {
        Self::builder(inner).build()
    }

    /// Chooses the settings of the counters, and when to flush.
    pub fn builder(inner: R) -> RecorderBuilder<R> {
        let flush_every = Some(Duration::from_millis(100));
        RecorderBuilder { inner, counters: Counter::builder(), flush_every }
    }

    /// Returns what flushes on demand. It can be kept when the recorder is given away to be installed.
    #[must_use]
    pub fn flusher(&self) -> Flusher {
        let shared = Arc::clone(&self.shared);
        Flusher(shared)
    }
}

impl<R: Recorder + Send + Sync + 'static> RecorderBuilder<R> {
    /// Makes counters as `counters` does, instead of as [`Counter::new`] does.
    pub fn counters(mut self, counters: Builder<Counter>) -> Self {
        self.counters = counters;
        self
    }

    /// Flushes each time that `pause` has passed, instead of 100 ms. If a flush takes longer than a
    /// twentieth of that, the next one is put off until it takes no more than a twentieth of the time.
    pub fn flush_every(mut self, pause: Duration) -> Self {
        self.flush_every = Some(pause);
        self
    }

    /// Leaves flushing to a [`Flusher`] of yours, instead of a thread of the recorder's own.
    pub fn flush_by_hand(mut self) -> Self {
        self.flush_every = None;
        self
    }

    /// Makes the recorder.
    ///
    /// # Panics
    /// On what [`try_build`](Self::try_build) refuses.
    #[must_use]
    pub fn build(self) -> ShardedRecorder<R> {
        self.try_build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Makes the recorder, or returns what is wrong with the settings.
    ///
    /// # Errors
    /// If the counters cannot be built, or `flush_every` is zero, or the system refuses a thread.
    pub fn try_build(self) -> Result<ShardedRecorder<R>, RecorderError> {
        let Self { inner, counters, flush_every } = self;
        counters.try_build().map_err(RecorderError::Counters)?;
        if flush_every == Some(Duration::ZERO) {
            return Err(RecorderError::FlushEveryZero);
        }
        let (tell, gone) = mpsc::channel();
        let shared = Arc::new(Shared {
            inner,
            counters,
            mentions: Mentions::default(),
            from_inside: Keyed::default(),
            turns: Turns::default(),
            _gone: tell,
        });
        if let Some(pause) = flush_every {
            let weak = Arc::downgrade(&shared);
            thread::Builder::new()
                .name("metrics-flusher".to_owned())
                .spawn(move || flush::keep_flushing(&weak, &gone, pause))
                .map_err(RecorderError::Thread)?;
        }
        Ok(ShardedRecorder { shared })
    }
}

impl<R: Recorder> Shared<R> {
    fn count_from_inside(&self, key: &Key, metadata: &Metadata<'_>) -> Arc<Entry<Pending>> {
        self.from_inside.get(key, metadata, || Pending::new(self.counters))
    }

    fn flush_from_inside(&self) {
        self.from_inside.flush(|entry| {
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
}

impl<R: Recorder> Flush for Shared<R> {
    fn flush_now(&self) {
        self.mentions.flush();
        self.flush_from_inside();
    }

    fn turns(&self) -> &Turns {
        &self.turns
    }

    fn len(&self) -> usize {
        self.mentions.len() + self.from_inside.len()
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
        calls::out(|| self.shared.inner.describe_histogram(key, unit, description));
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> metrics::Counter {
        let Shared { inner, counters, mentions, turns, .. } = &*self.shared;
        if calls::from_inside() {
            return metrics::Counter::from_arc(self.shared.count_from_inside(key, metadata));
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

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        calls::out(|| self.shared.inner.register_histogram(key, metadata))
    }
}

impl<R> fmt::Debug for ShardedRecorder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { counters, mentions, from_inside, .. } = &*self.shared;
        f.debug_struct("ShardedRecorder")
            .field("counters", counters)
            .field("handles", &(mentions.len() + from_inside.len()))
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for RecorderBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecorderBuilder")
            .field("counters", &self.counters)
            .field("flush_every", &self.flush_every)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for RecorderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counters(error) => write!(f, "counters: {error}"),
            Self::FlushEveryZero => f.write_str("flush_every: 0 s is out of range, from 1 ns"),
            Self::Thread(error) => write!(f, "no thread to flush: {error}"),
        }
    }
}

impl Error for RecorderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Counters(error) => Some(error),
            Self::FlushEveryZero => None,
            Self::Thread(error) => Some(error),
        }
    }
}
