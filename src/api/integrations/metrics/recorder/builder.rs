//! The settings of a recorder.

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
/// | [`counters`](Self::counters) | those of [`Counter::new`] |
/// | [`by_key`](Self::by_key) | one counter per call of `counter!` |
/// | [`buckets`](Self::buckets), [`buckets_of`](Self::buckets_of) | the 11 of Prometheus, from 0.005 to 10 |
/// | [`histograms`](Self::histograms) | those of [`Histogram::new`], except for the buckets |
/// | [`pass_histograms`](Self::pass_histograms) | recorded here |
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

/// The error of [`RecorderBuilder::try_build`].
#[derive(Debug)]
#[non_exhaustive]
pub enum RecorderError {
    /// The settings of counters are wrong.
    Counters(BuildError),
    /// The settings of histograms, or the number of bounds, are wrong.
    Histograms(BuildError),
    /// The bounds of buckets do not ascend from above 0, or are too far apart.
    Buckets {
        /// The bounds that were set.
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

    /// Sets how counters are made, instead of as [`Counter::new`] makes them.
    pub fn counters(mut self, counters: Builder<Counter>) -> Self {
        self.counters = counters;
        self
    }

    /// Keeps one counter per key, instead of one per call of `counter!`.
    ///
    /// `counter!` then does not call the inner recorder, so it is cheaper than without this
    /// recorder. Labels that a layer behind this recorder adds per call would be lost: put such a
    /// layer in front of this recorder.
    pub fn by_key(mut self) -> Self {
        self.by_key = true;
        self
    }

    /// Sets how histograms are made, instead of as [`Histogram::new`] makes them. Their bounds come
    /// from [`buckets`](Self::buckets).
    pub fn histograms(mut self, histograms: Builder<Histogram>) -> Self {
        self.histograms = Some(histograms);
        self
    }

    /// Sets the inclusive upper bounds of buckets, in the unit of the recorded values.
    ///
    /// They ascend from above 0, and the last one is less than a thousand million times the first.
    /// Six decimal digits of the smallest bound are significant, also in the sum.
    ///
    /// Values above the last bound are counted in `+Inf`, and added to the sum as they are up to
    /// 9 × 10^15, or 9 × 10^18 times the power of ten of the first bound if that is less. Larger
    /// ones, also infinity, are added as that. The sum is exact while fewer than 18 thousand
    /// million values are recorded between two flushes, and they sum up to less than 2,048 times
    /// that limit.
    pub fn buckets(mut self, bounds: &[f64]) -> Self {
        self.buckets = bounds.to_vec();
        self
    }

    /// Sets the bounds of the histograms called `name`.
    pub fn buckets_of(mut self, name: impl Into<String>, bounds: &[f64]) -> Self {
        self.buckets_of.push((name.into(), bounds.to_vec()));
        self
    }

    /// Leaves histograms to the inner recorder.
    pub fn pass_histograms(mut self) -> Self {
        self.histograms = None;
        self
    }

    /// Flushes every `pause` instead of every 100 ms.
    ///
    /// If a flush takes longer than a twentieth of that, the next one is put off, by one second at
    /// most, so that flushing takes no more than a twentieth of the time.
    pub fn flush_every(mut self, pause: Duration) -> Self {
        self.flush_every = Some(pause);
        self
    }

    /// Leaves flushing to your calls of a [`Flusher`](crate::integrations::metrics::Flusher), and
    /// starts no thread.
    pub fn flush_by_hand(mut self) -> Self {
        self.flush_every = None;
        self
    }

    /// Creates the recorder.
    ///
    /// # Panics
    ///
    /// Panics if [`try_build`](Self::try_build) would return an error.
    #[must_use]
    pub fn build(self) -> ShardedRecorder<R> {
        self.try_build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Creates the recorder, or returns what is wrong with the settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the counters or the histograms cannot be built, if bounds do not ascend,
    /// if `flush_every` is zero, or if the system refuses a thread.
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
