//! The counter that only goes up.

use crate::{
    builder::{Backend, BuildError, Builder},
    shards::{Lone, Matrix},
};
use std::fmt;

/// A counter for many adders and few readers.
///
/// An [`add`](Self::add) goes to the calling thread's own shard and meets no other adder; a
/// [`sum`](Self::sum) walks all shards. Counts are `u64` and wrap around at 2^64, in debug builds
/// too.
///
/// # Cost
///
/// An add touches two cache lines: one that all adders only read, and its shard's. A read loads one
/// line a shard. Memory: 256 bytes, and 128 a shard, allocated on the first add. A `new` counter
/// allocates nothing, which is why it can stand in a `static`.
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
#[doc(alias = "increment")]
pub struct Counter {
    matrix: Matrix<Lone>,
}

impl Counter {
    /// A counter at 0 with every setting at its default; equals `Counter::builder().build()`.
    #[must_use]
    pub const fn new() -> Self {
        Self::builder().build()
    }

    /// Choose the backend, the number of shards, the read lock; see [`Builder`].
    pub const fn builder() -> Builder<Self> {
        Builder::new(1)
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`, modulo 2^64. Never panics.
    ///
    /// Wait-free: no lock, no system call, no loop (but that of an atomic add where the machine has
    /// no instruction for it). The first add to a counter allocates the shards, and the first add
    /// of a thread may take it a number, or a shard; whoever finds another thread at that does not
    /// wait but adds to a shared atomic, and so does everybody while there is no memory.
    ///
    /// Through `PerCpu` and `Striped` an add is async-signal-safe once the shards are in place:
    /// after an add that found no reader at work. On the first add of a thread through `Striped`
    /// that holds if the process has few POSIX thread-specific keys, 32 with glibc, and the crate
    /// is not in a plug-in.
    #[inline]
    pub fn add(&self, n: u64) {
        self.matrix.add(Lone::COLUMN, n);
    }

    /// The total of all adds, less what has been taken, modulo 2^64. Loads one cache line a shard.
    ///
    /// Exact once every add happens-before this call. While adds are under way, the sum lies
    /// between the true count when it began and when it ended, and one thread's sums never go
    /// backwards; both as long as nobody takes meanwhile. A counter built with
    /// [`read_lock(true)`](Builder::read_lock) is linearizable: the sum is the true count at one
    /// moment in between. It excludes other readers meanwhile, never adders. (One exclusion: adds
    /// of 2^64 or more in total within a single locked read may go unnoticed by it.)
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.matrix.sum(Lone::COLUMN)
    }

    /// The sum, which starts again from 0 with nothing lost: every add is in exactly one take, or
    /// in the sum thereafter.
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
    #[must_use = "what is taken is gone from the sum; nobody else will see it"]
    pub fn take(&self) -> u64 {
        self.matrix.take(Lone::COLUMN)
    }

    /// One consumer's cursor over the adds; any number of them may live at a time.
    ///
    /// A cursor sees every add exactly once, whatever other cursors and takers do. A new one has
    /// seen nothing: its first delta is all that was ever added.
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
    pub fn deltas(&self) -> Deltas<'_> {
        Deltas { counter: self, seen: 0 }
    }

    /// Makes the sum at least `value`. What others add meanwhile comes on top, as if it came later.
    #[cfg(feature = "metrics")]
    pub(crate) fn raise_to(&self, value: u64) {
        // Nobody else raises between the sum and the add.
        let lock = self.matrix.lock();
        let sum = self.matrix.sum_under(&lock, Lone::COLUMN);
        self.add(value.saturating_sub(sum));
    }

    /// The backend at work, which is never [`Auto`](Backend::Auto).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.matrix.backend()
    }

    /// How many shards there are, or will be after the first add: a power of two for `Striped`. For
    /// `PerThread` there are some to spare for threads to come.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.matrix.shards()
    }
}

impl Builder<Counter> {
    /// The counter.
    ///
    /// # Panics
    /// On a number of shards out of range, or set on `PerThread`: at compile time in a `static`.
    #[must_use]
    pub const fn build(self) -> Counter {
        Counter { matrix: Matrix::new(Lone::new(), self.checked()) }
    }

    /// The counter, or what is wrong with the settings.
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

/// One consumer's cursor over the adds of a [`Counter`], made by [`Counter::deltas`].
#[derive(Clone, Debug)]
pub struct Deltas<'a> {
    counter: &'a Counter,
    seen: u64,
}

impl Deltas<'_> {
    /// What was added since this cursor last looked, modulo 2^64. Costs a [`sum`](Counter::sum).
    #[must_use = "the next delta starts where this one ends"]
    pub fn next_delta(&mut self) -> u64 {
        let total = self.counter.matrix.total(Lone::COLUMN);
        let delta = total.wrapping_sub(self.seen);
        self.seen = total;
        delta
    }
}
