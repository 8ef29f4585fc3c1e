//! A counter that only goes up.

use crate::{
    build_error::BuildError,
    builder::Builder,
    matrix::{Matrix, One},
    settings::Backend,
};
use std::{fmt, ops::Deref};

/// A counter for many threads that add and few that read.
///
/// An [`add`](Self::add) goes to a shard of the current CPU or thread, so that threads that add
/// rarely or never share a cache line; a [`sum`](Self::sum) walks all shards. Counts are `u64` and
/// wrap around at 2^64, in debug builds too.
///
/// ```
/// use striped_counter::Counter;
///
/// static HITS: Counter = Counter::new();
///
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1_000).for_each(|_| HITS.inc()));
///     }
/// });
/// HITS.add(512);
/// assert_eq!(HITS.sum(), 4_512);
/// ```
///
/// # When to use another type
///
/// - An [`AtomicU64`](std::sync::atomic::AtomicU64), if threads add only now and then, if there are
///   as many reads as adds, or if an add must return the count, as for ids, limits and reference
///   counts.
/// - A [`CounterSet`](crate::CounterSet), if there are many counters that are known in advance.
/// - An [`UpDownCounter`](crate::UpDownCounter), if the value also goes down.
/// - A [`Histogram`](crate::Histogram), if the distribution of values matters, and not only their
///   sum.
///
/// The guide has a [table of all types](crate::guide::types).
///
/// # Cost
///
/// An add touches two cache lines: the counter's own, which adds only read, and its shard's. A sum
/// loads one cache line per shard.
///
/// A counter takes 32 bytes in place, and from its first add on 8 bytes per shard and 40 more, in
/// memory that counters share. That memory is not returned to the system: the next counter reuses
/// what a dropped one leaves. A `static` counter is all zeros, so an array of them takes no room in
/// the executable.
///
/// Up to 16 counters share the cache line of a shard. All of them are written by the same CPU or
/// thread, so adds do not disturb one another. But a thread that reads one of them without pause
/// slows down adds to the others: see [`padded`](Builder::padded). [Tuning](crate::guide::tuning)
/// has the figures.
///
/// # Memory ordering
///
/// Adds release and reads acquire: a read that includes an add sees everything that its thread did
/// before it. An add does not acquire, so it gives its own thread no view of what others did. A
/// read includes at least every add that happens before it: once a thread is joined, or a message
/// from it received, its adds are included.
#[doc(alias = "LongAdder")]
#[doc(alias = "Striped64")]
#[doc(alias = "percpu_counter")]
#[doc(alias = "sharded counter")]
#[doc(alias = "AtomicU64")]
#[doc(alias = "IntCounter")]
pub struct Counter {
    matrix: Matrix<One>,
}

impl Counter {
    /// Creates a counter at 0 with default settings, as `Counter::builder().build()` does.
    #[must_use]
    pub const fn new() -> Self {
        Self::builder().build()
    }

    /// Creates a counter at `n`, as if `n` had been added, with default settings.
    ///
    /// ```
    /// use striped_counter::Counter;
    ///
    /// static NEXT: Counter = Counter::with_initial(1_000);
    /// NEXT.inc();
    /// assert_eq!(NEXT.sum(), 1_001);
    /// ```
    #[must_use]
    pub const fn with_initial(n: u64) -> Self {
        Self { matrix: Matrix::new(One::starting_at(n), Self::builder().checked()) }
    }

    /// Returns a [`Builder`], to choose the backend, the number of shards, the read lock and the
    /// padding.
    pub const fn builder() -> Builder<Self> {
        Builder::new(1)
    }

    /// Adds one.
    #[doc(alias = "increment")]
    #[doc(alias = "incr")]
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`, modulo 2^64. Never panics.
    ///
    /// An add is wait-free: it takes no lock, makes no system call, and has no loop, except where
    /// the machine's atomic add is one. A counter's first add leases its shards, and a thread's
    /// first add may claim a thread number or a shard. If that is impossible without waiting, or
    /// memory is short, the add goes to a shared atomic, the *spill*, and so do later adds until it
    /// succeeds.
    ///
    /// Through `PerCpu` and `Striped` an add is async-signal-safe. On Linux this includes a
    /// counter's first add and a thread's first add. The exception is a thread's first `Striped`
    /// add in a shared library that was loaded by `dlopen`: glibc may allocate the library's
    /// thread-locals then. There, and on other systems, call [`warm_up`](Self::warm_up) beforehand
    /// in each thread whose handlers add.
    #[doc(alias = "fetch_add")]
    #[doc(alias = "inc_by")]
    #[inline]
    pub fn add(&self, n: u64) {
        self.matrix.add(One::COLUMN, n);
    }

    /// Returns the total of all adds, less what has been taken, modulo 2^64.
    ///
    /// The sum is exact once every add happens before this call. While others add, it lies between
    /// the true count when the call began and when it ended, and one thread's sums never go
    /// backwards, provided that [`take`](Self::take) is not used in between.
    ///
    /// With [`read_lock(true)`](Builder::read_lock) a sum is linearizable: it is the true count at
    /// one moment during the call. It then waits for other locked readers, never for adds. (It may
    /// be wrong if 2^64 or more is added during the call.)
    ///
    /// Loads one cache line per shard; about twice that under the read lock.
    #[doc(alias = "load")]
    #[doc(alias = "get")]
    #[doc(alias = "value")]
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.matrix.sum(One::COLUMN)
    }

    /// Returns everything ever added, modulo 2^64, whatever has been taken.
    ///
    /// A total never decreases, which is what exporters of monotonic counters need. It costs as
    /// much as a [`sum`](Self::sum) and has the same guarantees.
    ///
    /// ```
    /// let counter = striped_counter::Counter::new();
    /// counter.add(5);
    /// let _ = counter.take();
    /// counter.inc();
    /// assert_eq!((counter.sum(), counter.total()), (1, 6));
    /// ```
    #[must_use]
    pub fn total(&self) -> u64 {
        self.matrix.total(One::COLUMN)
    }

    /// Returns the sum and starts again from zero, losing nothing.
    ///
    /// Every add is in exactly one take, or in the sum afterwards. No shard is written: the counter
    /// remembers what has been taken and subtracts it. Waits for other takes and locked reads of
    /// this counter; adds never wait.
    ///
    /// If there are several consumers, use [`deltas`](Self::deltas) instead: each has its own
    /// cursor.
    ///
    /// ```
    /// let counter = striped_counter::Counter::new();
    /// counter.add(5);
    /// assert_eq!(counter.take(), 5);
    /// counter.inc();
    /// assert_eq!(counter.sum(), 1);
    /// ```
    #[doc(alias = "reset")]
    #[doc(alias = "swap")]
    #[doc(alias = "sumThenReset")]
    #[doc(alias = "sum_then_reset")]
    #[doc(alias = "drain")]
    #[doc(alias = "getAndReset")]
    #[must_use = "what is taken is no longer in the sum"]
    pub fn take(&self) -> u64 {
        self.matrix.take(One::COLUMN)
    }

    /// Returns a cursor over the adds, for one of any number of consumers.
    ///
    /// A cursor sees every add exactly once, whatever other cursors see and whatever is taken. A
    /// new one has seen nothing: its first delta is everything ever added. To keep a cursor where a
    /// borrow is in the way, make it from an `Arc` or a `&'static` counter: see [`Deltas::new`].
    ///
    /// ```
    /// let counter = striped_counter::Counter::new();
    /// counter.add(5);
    /// let mut seen = counter.deltas();
    /// assert_eq!(seen.next_delta(), 5);
    /// counter.add(2);
    /// let _ = counter.take();
    /// assert_eq!(seen.next_delta(), 2);
    /// ```
    #[must_use]
    pub fn deltas(&self) -> Deltas<&Self> {
        Deltas::new(self)
    }

    /// Raises the sum to `value`, if it is lower.
    ///
    /// Reads the sum under the lock and adds the difference; adds by others during the call come on
    /// top. Waits for other calls of `raise_to`, takes and locked reads, and costs as much as a
    /// locked sum.
    ///
    /// ```
    /// let counter = striped_counter::Counter::new();
    /// counter.raise_to(5);
    /// counter.raise_to(3);
    /// assert_eq!(counter.sum(), 5);
    /// ```
    #[doc(alias = "fetch_max")]
    pub fn raise_to(&self, value: u64) {
        self.matrix.with_sum(One::COLUMN, |sum| self.add(value.saturating_sub(sum)));
    }

    /// Returns whether the [`sum`](Self::sum) is `n` or more, reading as few shards as decide it.
    ///
    /// If the counter reached `n` long ago, the first shard often decides. With a read lock, and
    /// for a counter that reuses the memory of a dropped one, the call walks all shards. A count
    /// that has wrapped around may be mistaken for one that has not.
    ///
    /// `true` means that the count reached `n` by the end of the call; `false` means that it had
    /// not reached `n` when the call began. That is not enough for "stop at `n`": two threads that
    /// each add and then compare may both get `false` although their adds together reach `n`, since
    /// neither add has to happen before the other thread's comparison. If several threads get
    /// `true`, none of them knows whether its own add was the `n`-th. For limits that must not be
    /// missed or passed, use an [`AtomicU64`](std::sync::atomic::AtomicU64).
    ///
    /// ```
    /// let errors = striped_counter::Counter::new();
    /// errors.add(99);
    /// assert!(!errors.at_least(100));
    /// errors.inc();
    /// assert!(errors.at_least(100));
    /// ```
    #[must_use]
    pub fn at_least(&self, n: u64) -> bool {
        self.matrix.at_least(One::COLUMN, n)
    }

    /// Returns the [`sum`](Self::sum) without taking the lock, which the exclusive reference makes
    /// unnecessary.
    ///
    /// ```
    /// let mut counter = striped_counter::Counter::with_initial(5);
    /// let twice = 2 * counter.sum_mut();
    /// counter.set_mut(twice);
    /// assert_eq!(counter.sum(), 10);
    /// ```
    #[must_use]
    #[doc(alias = "get_mut")]
    #[doc(alias = "into_inner")]
    pub fn sum_mut(&mut self) -> u64 {
        self.matrix.sum_mut(One::COLUMN)
    }

    /// Sets the sum to `value`, by adding what is missing, or taking what is too much.
    ///
    /// So the [`total`](Self::total) does not decrease: it grows by what was added, and stays the
    /// same otherwise. An exporter or a [cursor](Self::deltas) never sees the counter go down.
    ///
    /// ```
    /// let mut counter = striped_counter::Counter::with_initial(10);
    /// counter.set_mut(4);
    /// assert_eq!((counter.sum(), counter.total()), (4, 10));
    /// counter.set_mut(5);
    /// assert_eq!((counter.sum(), counter.total()), (5, 11));
    /// ```
    #[doc(alias = "get_mut")]
    pub fn set_mut(&mut self, value: u64) {
        self.matrix.set_mut(One::COLUMN, value);
    }

    /// Leases the shards now instead of on the first add.
    ///
    /// Also gives the calling thread a number, if its adds need one; other threads claim theirs at
    /// their first add. Call this where the first add must not cost more than any other, and on
    /// systems other than Linux also in each thread before a signal handler or an allocator counts
    /// there. Returns whether the shards are there: `false` means that the system refused the
    /// memory, and adds are slower but still exact.
    ///
    /// ```
    /// static HITS: striped_counter::Counter = striped_counter::Counter::new();
    /// assert!(HITS.warm_up());
    /// ```
    pub fn warm_up(&self) -> bool {
        self.matrix.warm_up()
    }

    /// Returns the backend in use, which is never [`Auto`](Backend::Auto).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.matrix.backend()
    }

    /// Returns whether this was built with [`read_lock(true)`](Builder::read_lock).
    #[must_use]
    pub fn has_read_lock(&self) -> bool {
        self.matrix.settings().is_linearizable()
    }

    /// Returns the number of shards, or before the first add the number that there will be.
    ///
    /// It is a power of two with [`Striped`](Backend::Striped), and grows with the number of live
    /// threads with [`PerThread`](Backend::PerThread).
    #[must_use]
    pub fn shards(&self) -> usize {
        self.matrix.shards()
    }
}

impl Builder<Counter> {
    /// Creates the counter.
    ///
    /// If [`PerCpu`](Backend::PerCpu) was chosen and does not work on this machine, the counter
    /// uses [`Striped`](Backend::Striped).
    ///
    /// # Panics
    ///
    /// Panics if the number of shards is out of range, or set together with
    /// [`PerThread`](Backend::PerThread). In a `static` this is an error at compile time.
    #[must_use]
    pub const fn build(self) -> Counter {
        Counter { matrix: Matrix::new(One::new(), self.checked()) }
    }

    /// Creates the counter, or returns what is wrong with the settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the number of shards is out of range, or set together with
    /// [`PerThread`](Backend::PerThread), or if [`PerCpu`](Backend::PerCpu) was chosen and does not
    /// work on this machine.
    pub fn try_build(self) -> Result<Counter, BuildError> {
        self.check_here()?;
        Ok(self.build())
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter")
            .field("sum", &self.sum())
            .field("backend", &self.backend())
            .field("shards", &self.shards())
            .finish()
    }
}

/// A consumer's cursor over the adds to a [`Counter`].
///
/// [`Counter::deltas`] makes one that borrows the counter; [`Deltas::new`] makes one that owns an
/// `Arc` or any other pointer to it. A clone continues from where the original is.
#[derive(Clone, Debug)]
pub struct Deltas<P: Deref<Target = Counter>> {
    counter: P,
    seen: u64,
}

impl<P: Deref<Target = Counter>> Deltas<P> {
    /// Creates a cursor that has seen nothing: its first delta is everything ever added.
    ///
    /// `counter` has to dereference to the same counter each time, as references, `Arc` and `Box`
    /// do.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use striped_counter::{Counter, Deltas};
    ///
    /// /// Keeps its counter alive, and has no lifetime.
    /// struct Exporter {
    ///     hits: Arc<Counter>,
    ///     unseen: Deltas<Arc<Counter>>,
    /// }
    /// let hits = Arc::new(Counter::new());
    /// let mut exporter = Exporter { unseen: Deltas::new(Arc::clone(&hits)), hits };
    /// exporter.hits.add(5);
    /// assert_eq!(exporter.unseen.next_delta(), 5);
    /// ```
    #[must_use]
    pub fn new(counter: P) -> Self {
        Self { counter, seen: 0 }
    }

    /// Returns the counter.
    #[must_use]
    pub fn counter(&self) -> &Counter {
        &self.counter
    }

    /// Returns what was added since this cursor last looked, modulo 2^64.
    ///
    /// Costs as much as a [`sum`](Counter::sum).
    #[must_use = "the next delta starts where this one ends"]
    pub fn next_delta(&mut self) -> u64 {
        let total = self.counter.total();
        let delta = total.wrapping_sub(self.seen);
        self.seen = total;
        delta
    }
}
