//! What a recorder is told before it is made.

use super::{
    super::{distributions::DEFAULT_BOUNDS, flush, keyed::Keyed, mentions::Mentions},
    Histograms, ShardedRecorder, Shared, Turns,
};
use crate::{BuildError, Builder, Counter, Histogram};
use metrics::Recorder;
use std::{
    error::Error,
    fmt, io,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

/// Builds a [`ShardedRecorder`].
///
/// | setting | default |
/// |---|---|
/// | [`counters`](Self::counters) | as [`Counter::new`] makes them |
/// | [`by_key`](Self::by_key) | a counter per mention |
/// | [`buckets`](Self::buckets), [`buckets_of`](Self::buckets_of) | Prometheus' own 11, from 0.005 to 10 |
/// | [`histograms`](Self::histograms) | as [`Histogram::new`] makes them, but for the buckets |
/// | [`pass_histograms`](Self::pass_histograms) | they are recorded here |
/// | [`flush_every`](Self::flush_every), [`flush_by_hand`](Self::flush_by_hand) | 100 ms |
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
    by_key: bool,
    histograms: Option<Builder<Histogram>>,
    buckets: Vec<f64>,
    buckets_of: Vec<(String, Vec<f64>)>,
    flush_every: Option<Duration>,
}

/// What is wrong with the settings of a [`ShardedRecorder`].
#[derive(Debug)]
#[non_exhaustive]
pub enum RecorderError {
    /// The settings of its counters.
    Counters(BuildError),
    /// The settings of its histograms, or the number of bounds.
    Histograms(BuildError),
    /// The bounds of buckets do not ascend from above 0, or span more than what can be told apart.
    Buckets {
        /// The bounds asked for.
        bounds: Vec<f64>,
    },
    /// `flush_every` was zero.
    FlushEveryZero,
    /// The system refused a thread.
    Thread(io::Error),
}

impl<R: Recorder + Send + Sync + 'static> RecorderBuilder<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            counters: Counter::builder(),
            by_key: false,
            histograms: Some(Histogram::builder()),
            buckets: DEFAULT_BOUNDS.to_vec(),
            buckets_of: Vec::new(),
            flush_every: Some(Duration::from_millis(100)),
        }
    }

    /// Makes counters as `counters` does, instead of as [`Counter::new`] does.
    pub fn counters(mut self, counters: Builder<Counter>) -> Self {
        self.counters = counters;
        self
    }

    /// Keeps one counter per key, instead of one per mention. `counter!` then asks the inner recorder
    /// for nothing, which makes it cheaper than without this recorder.
    ///
    /// Not with a layer behind this recorder that adds labels per call: these would be lost. In front of this
    /// recorder it may do so.
    pub fn by_key(mut self) -> Self {
        self.by_key = true;
        self
    }

    /// Makes histograms as `histograms` does, instead of as [`Histogram::new`] does, but with the bounds that
    /// are set here.
    pub fn histograms(mut self, histograms: Builder<Histogram>) -> Self {
        self.histograms = Some(histograms);
        self
    }

    /// Sets the inclusive upper bounds of buckets, in the unit of the values that are recorded. They ascend
    /// from above 0, and span less than a factor of a thousand million; six decimal digits of the
    /// smallest are told apart.
    pub fn buckets(mut self, bounds: &[f64]) -> Self {
        self.buckets = bounds.to_vec();
        self
    }

    /// Sets the bounds of the histograms of this `name`.
    pub fn buckets_of(mut self, name: impl Into<String>, bounds: &[f64]) -> Self {
        self.buckets_of.push((name.into(), bounds.to_vec()));
        self
    }

    /// Leaves histograms to the inner recorder.
    pub fn pass_histograms(mut self) -> Self {
        self.histograms = None;
        self
    }

    /// Flushes each time that `pause` has passed, instead of 100 ms. If a flush takes longer than a
    /// twentieth of that, the next one is put off until it takes no more than a twentieth of the time.
    pub fn flush_every(mut self, pause: Duration) -> Self {
        self.flush_every = Some(pause);
        self
    }

    /// Leaves flushing to a [`Flusher`](crate::integrations::metrics::Flusher) of yours, instead of a thread of the recorder's own.
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
    /// If the counters or the histograms cannot be built, or bounds do not ascend, or `flush_every` is zero, or
    /// the system refuses a thread.
    pub fn try_build(self) -> Result<ShardedRecorder<R>, RecorderError> {
        let Self { inner, counters, by_key, histograms, buckets, buckets_of, flush_every } = self;
        counters.try_build().map_err(RecorderError::Counters)?;
        let histograms = match histograms {
            Some(builder) => Some(Histograms::new(builder, &buckets, buckets_of)?),
            None => None,
        };
        if flush_every == Some(Duration::ZERO) {
            return Err(RecorderError::FlushEveryZero);
        }
        let (tell, gone) = mpsc::channel();
        let shared = Arc::new(Shared {
            inner,
            counters,
            mentions: Mentions::default(),
            keyed: Keyed::default(),
            by_key,
            histograms,
            distributions: Keyed::default(),
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

impl<R> fmt::Debug for RecorderBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecorderBuilder")
            .field("counters", &self.counters)
            .field("by_key", &self.by_key)
            .field("histograms", &self.histograms)
            .field("buckets", &self.buckets)
            .field("buckets_of", &self.buckets_of)
            .field("flush_every", &self.flush_every)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for RecorderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counters(error) => write!(f, "counters: {error}"),
            Self::Histograms(error) => write!(f, "histograms: {error}"),
            Self::Buckets { bounds } => write!(
                f,
                "buckets: {bounds:?} are no bounds that ascend from above 0 to less than a thousand \
                 million times the first"
            ),
            Self::FlushEveryZero => f.write_str("flush_every: 0 s is out of range, from 1 ns"),
            Self::Thread(error) => write!(f, "no thread to flush: {error}"),
        }
    }
}

impl Error for RecorderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Counters(error) | Self::Histograms(error) => Some(error),
            Self::Buckets { .. } | Self::FlushEveryZero => None,
            Self::Thread(error) => Some(error),
        }
    }
}
