//! The counter that only goes up.

use crate::{
    build_error::BuildError,
    builder::Builder,
    matrix::{Matrix, One},
    settings::Backend,
};
use std::{fmt, ops::Deref};

/// A counter for many adders and few readers.
///
/// An [`add`](Self::add) goes to a shard of the current CPU or thread, so that adders rarely or never
/// share a cache line; a [`sum`](Self::sum) walks all shards. Counts are `u64` and wrap around at 2^64,
/// in debug builds too.
///
/// # Cost
///
/// An add touches two cache lines: one that adders only read, and its shard's. A read loads one
/// line per shard. Memory: 32 bytes in place, and on the first add 8 bytes per shard and 40 more, in
/// chunks that counters share and that are never given back to the system: a counter that is dropped
/// leaves its place to the next one. A `static` counter is all zeros, so arrays of them take no room in
/// the executable.
///
/// Up to 16 counters share the line of a shard, all of them written by the same CPU or thread. Those
/// who read one of them without pause slow down adds to the others: see
/// [`padded`](Builder::padded).
///
/// # Example
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
/// # Memory ordering
///
/// Adds are release, reads acquire: a read that sees an add sees whatever its thread did before it.
/// An add does not acquire: it tells the adder nothing of others. What a read may miss is an add
/// that does not happen-before it: join the thread, or receive its message, and its adds are there.
#[doc(alias = "LongAdder")]
#[doc(alias = "Striped64")]
#[doc(alias = "percpu_counter")]
#[doc(alias = "sharded counter")]
pub struct Counter {
    matrix: Matrix<One>,
}

impl Counter {
    /// Makes a counter at 0 with every setting at its default; equals `Counter::builder().build()`.
    #[must_use]
    pub const fn new() -> Self {
        Self::builder().build()
    }

    /// Makes a counter that starts with `n`, as if that had been added, with every setting at its default.
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

    /// Chooses the backend, the number of shards, the read lock, the padding; see [`Builder`].
    pub const fn builder() -> Builder<Self> {
        Builder::new(1)
    }

    /// Adds one.
    #[doc(alias = "increment")]
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`, modulo 2^64. Never panics.
    ///
    /// Wait-free: no lock, no system call, no loop (but that of an atomic add where the machine has
    /// no instruction for it). A counter's first add leases its shards, and a thread's first add may
    /// claim a number or a shard; if that cannot be done without waiting, or memory is short, the add
    /// goes to a shared atomic instead, and so do those that follow until it can.
    ///
    /// Through `PerCpu` and `Striped` an add is async-signal-safe, the first one too on Linux; a
    /// thread's first add through `Striped` only if the process has few POSIX thread-specific keys, 32
    /// with glibc, and the crate is not in a plug-in. [`warm_up`](Self::warm_up) gets that over with.
    #[doc(alias = "fetch_add")]
    #[doc(alias = "inc_by")]
    #[inline]
    pub fn add(&self, n: u64) {
        self.matrix.add(One::COLUMN, n);
    }

    /// Returns the total of all adds, less what has been taken, modulo 2^64. Loads one cache line per
    /// shard.
    ///
    /// Exact once every add happens-before this call. While adds are under way, the sum lies
    /// between the true count when it began and when it ended, and one thread's sums never go
    /// backwards; both as long as nothing is taken meanwhile. A counter built with
    /// [`read_lock(true)`](Builder::read_lock) is linearizable: the sum is the true count at one
    /// moment in between. It excludes other readers meanwhile, never adders. (One exclusion: adds
    /// of 2^64 or more in total within a single locked read may go unnoticed by it.)
    #[doc(alias = "load")]
    #[doc(alias = "get")]
    #[doc(alias = "value")]
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.matrix.sum(One::COLUMN)
    }

    /// Returns everything ever added, whatever has been taken, modulo 2^64: what an exporter of
    /// monotonic counters needs. Costs a [`sum`](Self::sum), with the same guarantees.
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

    /// Returns the sum and starts again from zero, losing nothing: every add is in exactly one take,
    /// or in the sum thereafter.
    ///
    /// Excludes other takes of this counter while it reads. No shard is written: what has been
    /// taken is remembered and subtracted.
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
    #[must_use = "what is taken is gone from the sum; nobody else will see it"]
    pub fn take(&self) -> u64 {
        self.matrix.take(One::COLUMN)
    }

    /// Returns a consumer's cursor over the adds; any number of them may live at a time.
    ///
    /// A cursor sees every add exactly once, whatever other cursors and takers do. A new one has
    /// seen nothing: its first delta is all that was ever added. To keep a cursor where it cannot
    /// borrow, make it of an `Arc` or a `&'static` one: [`Deltas::new`].
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

    /// Makes the sum at least `value`, by adding what it lacks at one moment, read under the lock. What
    /// others add from then on comes on top.
    ///
    /// Excludes other calls of itself, takes and locked sums while it reads, and so may wait for them.
    /// Costs a locked sum.
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

    /// Returns whether the [`sum`](Self::sum) is `n` or more, from as few shards as decide it: where a
    /// counter has reached a limit long ago, often the first one. Under a read lock, and for a counter that
    /// took the place of a dropped one, it walks all shards.
    ///
    /// `true` means that `n` was reached by the end of the call; `false` that it had not been reached
    /// when the call began. That is not enough for "stop at `n`": two threads that each add and then
    /// compare may both be told `false`, though with both of their adds `n` is reached. Neither add need be
    /// before the other's comparison; and of several threads that are told `true` none knows whether its
    /// own add was the `n`-th. Use an `AtomicU64` for limits that must not be missed or passed.
    ///
    /// Counts that have wrapped around may be taken for those that have not.
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

    /// Returns the [`sum`](Self::sum), without waiting for a lock, since nobody else has the counter.
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

    /// Makes the sum `value`, by adding what it lacks, modulo 2^64: the total changes by as much.
    #[doc(alias = "get_mut")]
    pub fn set_mut(&mut self, value: u64) {
        self.matrix.set_mut(One::COLUMN, value);
    }

    /// Leases the shards now instead of on the first add, and gives the calling thread a number if its
    /// adds need one: before a signal handler or an allocator counts, or where the first add is to cost
    /// no more than any other. Returns whether the shards are there: `false` if memory was refused, in
    /// which case adds are as exact as ever, and slower.
    ///
    /// ```
    /// static HITS: striped_counter::Counter = striped_counter::Counter::new();
    /// assert!(HITS.warm_up());
    /// ```
    pub fn warm_up(&self) -> bool {
        self.matrix.warm_up()
    }

    /// Returns the backend at work, which is never [`Auto`](Backend::Auto).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.matrix.backend()
    }

    /// Returns whether the counter was built with [`read_lock(true)`](Builder::read_lock).
    #[must_use]
    pub fn has_read_lock(&self) -> bool {
        self.matrix.settings().is_linearizable()
    }

    /// Returns the number of shards, now or after the first add: a power of two for `Striped`.
    /// Grows with the number of live threads for `PerThread`.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.matrix.shards()
    }
}

impl Builder<Counter> {
    /// Makes the counter.
    ///
    /// # Panics
    /// On a number of shards out of range, or set on `PerThread`: at compile time in a `static`.
    #[must_use]
    pub const fn build(self) -> Counter {
        Counter { matrix: Matrix::new(One::new(), self.checked()) }
    }

    /// Makes the counter, or returns what is wrong with the settings.
    ///
    /// # Errors
    /// On a number of shards out of range, or set on `PerThread`, or `PerCpu` where it cannot work.
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

/// A consumer's cursor over the adds of a [`Counter`], made by [`Counter::deltas`] of a borrowed
/// counter, or by [`Deltas::new`] of whatever owns it.
///
/// A clone goes on from where the original is.
#[derive(Clone, Debug)]
pub struct Deltas<P: Deref<Target = Counter>> {
    counter: P,
    seen: u64,
}

impl<P: Deref<Target = Counter>> Deltas<P> {
    /// Makes a cursor that has seen nothing: its first delta is all that was ever added. `counter`
    /// has to dereference to the same counter each time, as references, `Arc` and `Box` do.
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

    /// Returns what was added since this cursor last looked, modulo 2^64. Costs a [`sum`](Counter::sum).
    #[must_use = "the next delta starts where this one ends"]
    pub fn next_delta(&mut self) -> u64 {
        let total = self.counter.total();
        let delta = total.wrapping_sub(self.seen);
        self.seen = total;
        delta
    }
}
