//! The counter that goes up and down: a level.

use crate::{
    build_error::BuildError,
    builder::Builder,
    matrix::{Matrix, UpDown},
    settings::Backend,
    signs::{signed, unsigned},
};
use std::{fmt, ops::Deref, sync::Arc};

/// A counter of a level: requests in flight, open connections, items in a queue.
///
/// The name is OpenTelemetry's. Built like [`Counter`](crate::Counter), and as fast: ups and downs
/// are counted in two cells of the same shard, which only grow, and a [`sum`](Self::sum) subtracts
/// one total from the other. The level is an `i64` and wraps around at 2^64, in debug builds too.
///
/// # A sum while others add
///
/// Lies between the lowest and the highest level during the call, as long as nothing is taken
/// meanwhile: if four threads increment and then decrement, time and again, no sum is below 0 or above 4.
/// How it comes about is a choice of [`read_lock`](Builder::read_lock):
///
/// | `read_lock` | a sum of a busy level |
/// |---|---|
/// | not set | looks a few times, without a lock, for a moment in which nothing went down; if there is none, reads under the lock, with adds diverted to one shared atomic |
/// | `true` | always reads under the lock: it is the level at one moment |
/// | `false` | never waits and diverts nothing. After a few looks it returns the best, which may be too high: by no more than what went down meanwhile |
///
/// # Never negative
///
/// As long as each decrement happens after its own increment, and nobody takes, no sum is ever
/// negative, with any `read_lock`: a sum reads the downs first and the ups last, so that it never
/// sees a decrement without its increment.
///
/// # Cost
///
/// As for a [`Counter`](crate::Counter), with 16 bytes per shard and 80 more. A sum loads each shard's
/// line three times.
///
/// # Example
///
/// ```
/// use striped_counter::UpDownCounter;
///
/// static BUSY: UpDownCounter = UpDownCounter::new();
///
/// fn handle() {
///     let _busy = BUSY.guard();
///     assert_eq!(BUSY.sum(), 1);
///     // Decremented here, also by a panic or an early return.
/// }
/// handle();
/// assert_eq!(BUSY.sum(), 0);
///
/// BUSY.add(5);
/// BUSY.sub(7);
/// assert_eq!(BUSY.sum(), -2);
/// ```
///
/// # Memory ordering
///
/// As for a [`Counter`](crate::Counter): adds are release, reads acquire.
#[doc(alias = "gauge")]
#[doc(alias = "level")]
#[doc(alias = "in-flight")]
pub struct UpDownCounter {
    matrix: Matrix<UpDown>,
}

impl UpDownCounter {
    /// Makes a level of 0 with every setting at its default; equals `UpDownCounter::builder().build()`.
    #[must_use]
    pub const fn new() -> Self {
        Self::builder().build()
    }

    /// Makes a level that starts at `n`, with every setting at its default.
    ///
    /// ```
    /// use striped_counter::UpDownCounter;
    ///
    /// static FREE: UpDownCounter = UpDownCounter::with_initial(100);
    /// FREE.dec();
    /// assert_eq!(FREE.sum(), 99);
    /// ```
    #[must_use]
    pub const fn with_initial(n: i64) -> Self {
        let columns = UpDown::starting_at(unsigned(n));
        Self { matrix: Matrix::new(columns, Self::builder().checked()) }
    }

    /// Chooses the backend, the number of shards, the read lock, the padding; see [`Builder`].
    pub const fn builder() -> Builder<Self> {
        Builder::new(1)
    }

    /// Adds one.
    #[doc(alias = "increment")]
    #[inline]
    pub fn inc(&self) {
        self.matrix.add(UpDown::UPS, 1);
    }

    /// Subtracts one.
    #[doc(alias = "decrement")]
    #[inline]
    pub fn dec(&self) {
        self.matrix.add(UpDown::DOWNS, 1);
    }

    /// Adds `n`, which may be negative, modulo 2^64. Never panics, and never waits; see
    /// [`Counter::add`](crate::Counter::add).
    #[doc(alias = "fetch_add")]
    #[inline]
    pub fn add(&self, n: i64) {
        let column = if n < 0 { UpDown::DOWNS } else { UpDown::UPS };
        self.matrix.add(column, n.unsigned_abs());
    }

    /// Subtracts `n`, which may be negative, modulo 2^64: also [`i64::MIN`], whose negative no
    /// `i64` can hold.
    #[doc(alias = "fetch_sub")]
    #[inline]
    pub fn sub(&self, n: i64) {
        let column = if n < 0 { UpDown::UPS } else { UpDown::DOWNS };
        self.matrix.add(column, n.unsigned_abs());
    }

    /// Adds one now, and subtracts one when the guard is dropped: by leaving the scope, by a panic,
    /// on whichever thread it is by then.
    ///
    /// The guard borrows the counter; that of a `static` lives as long as it likes. For one that owns
    /// its share of an `Arc` see [`guard_arc`](Self::guard_arc).
    #[inline]
    pub fn guard(&self) -> Guard<&Self> {
        Guard::new(self)
    }

    /// Returns a [`guard`](Self::guard) that keeps the counter alive: to be moved to another thread or
    /// task, or kept in a struct.
    ///
    /// Cloning the `Arc` and dropping it again are two atomic operations on one word that all threads
    /// share. Where they contend, that costs many times what the counter does: see [`Guard`] for ways
    /// to do without.
    ///
    /// ```
    /// use std::{sync::Arc, thread};
    /// use striped_counter::UpDownCounter;
    ///
    /// let busy = Arc::new(UpDownCounter::new());
    /// let guard = busy.guard_arc();
    /// let task = thread::spawn(move || drop(guard));
    /// task.join().unwrap();
    /// assert_eq!(busy.sum(), 0);
    /// ```
    #[inline]
    pub fn guard_arc(self: &Arc<Self>) -> Guard<Arc<Self>> {
        Guard::new(Arc::clone(self))
    }

    /// Returns the level: all that was added less all that was subtracted and taken, modulo 2^64. Loads
    /// two cells per shard, one of them twice.
    ///
    /// Exact once every add happens-before this call; see [above](Self#a-sum-while-others-add) for sums
    /// while adds are under way. Linearizable if built with [`read_lock(true)`](Builder::read_lock).
    /// May wait for other readers unless built with `read_lock(false)`: use that if a signal handler
    /// sums, which may have interrupted a reader. Adders never wait.
    ///
    /// A level has no [`deltas`](crate::Counter::deltas): any number of consumers can read it as it is,
    /// and what came and went since the last time is told by two counters, one for each.
    #[doc(alias = "load")]
    #[doc(alias = "get")]
    #[doc(alias = "value")]
    #[must_use]
    pub fn sum(&self) -> i64 {
        signed(self.matrix.sum(UpDown::UPS))
    }

    /// Returns the level and starts again from zero, losing nothing; see
    /// [`Counter::take`](crate::Counter::take). Takes the level at one moment, under the lock, however
    /// the counter was built.
    ///
    /// After a take, what is in flight counts from 0: the decrements to come make the level
    /// negative.
    ///
    /// ```
    /// let level = striped_counter::UpDownCounter::new();
    /// level.inc();
    /// assert_eq!(level.take(), 1);
    /// level.dec();
    /// assert_eq!(level.sum(), -1);
    /// ```
    #[doc(alias = "reset")]
    #[doc(alias = "swap")]
    #[doc(alias = "sumThenReset")]
    #[must_use = "what is taken is gone from the sum; nobody else will see it"]
    pub fn take(&self) -> i64 {
        signed(self.matrix.take(UpDown::UPS))
    }

    /// Makes the level `value`, by adding what it lacks at one moment, read under the lock. What others
    /// add from then on comes on top; none of it is lost.
    ///
    /// Excludes other sets, takes and locked sums while it reads, and so may wait for them. Costs a
    /// locked sum: to follow a level that changes often, use [`add`](Self::add).
    ///
    /// ```
    /// let level = striped_counter::UpDownCounter::new();
    /// level.add(3);
    /// level.set(-5);
    /// level.inc();
    /// assert_eq!(level.sum(), -4);
    /// ```
    #[doc(alias = "store")]
    pub fn set(&self, value: i64) {
        let add = |sum: u64| self.add(value.wrapping_sub(signed(sum)));
        self.matrix.with_sum(UpDown::UPS, add);
    }

    /// Returns the level, without waiting for a lock, since nobody else has the counter.
    #[must_use]
    #[doc(alias = "get_mut")]
    #[doc(alias = "into_inner")]
    pub fn sum_mut(&mut self) -> i64 {
        signed(self.matrix.sum_mut(UpDown::UPS))
    }

    /// Makes the level `value`: a [`set`](Self::set) without waiting for a lock, since nobody else has
    /// the counter.
    #[doc(alias = "get_mut")]
    pub fn set_mut(&mut self, value: i64) {
        self.matrix.set_mut(UpDown::UPS, unsigned(value));
    }

    /// Leases the shards now instead of on the first add; see
    /// [`Counter::warm_up`](crate::Counter::warm_up).
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

impl Builder<UpDownCounter> {
    /// Makes the counter.
    ///
    /// # Panics
    /// On a number of shards out of range, or set on `PerThread`: at compile time in a `static`.
    #[must_use]
    pub const fn build(self) -> UpDownCounter {
        UpDownCounter { matrix: Matrix::new(UpDown::new(), self.checked()) }
    }

    /// Makes the counter, or returns what is wrong with the settings.
    ///
    /// # Errors
    /// On a number of shards out of range, or set on `PerThread`, or `PerCpu` where it cannot work.
    pub fn try_build(self) -> Result<UpDownCounter, BuildError> {
        self.check_here()?;
        Ok(self.build())
    }
}

impl Default for UpDownCounter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for UpDownCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpDownCounter")
            .field("sum", &self.sum())
            .field("backend", &self.backend())
            .field("shards", &self.shards())
            .finish()
    }
}

/// Decrements the counter when dropped; made by [`UpDownCounter::guard`],
/// [`guard_arc`](UpDownCounter::guard_arc), or [`Guard::new`] of whatever owns the counter.
///
/// [`std::mem::forget`] leaves the counter incremented.
///
/// # For tasks that must not borrow
///
/// A guard of a `&'static` counter is `'static` and `Send`, and costs no more than the counter. For a
/// counter that is not a `static`, but lasts as long as the process, leak it once:
///
/// ```
/// use striped_counter::{Guard, UpDownCounter};
///
/// struct Server {
///     busy: &'static UpDownCounter,
/// }
/// let server = Server { busy: Box::leak(Box::new(UpDownCounter::new())) };
/// let guard: Guard<&'static UpDownCounter> = server.busy.guard();
/// std::thread::spawn(move || drop(guard)).join().unwrap();
/// assert_eq!(server.busy.sum(), 0);
/// ```
///
/// Or let the guard share what the task owns anyhow, by a type of yours that dereferences to the
/// counter in it.
#[derive(Debug)]
#[must_use = "dropped at once, it counts nothing; bind it: `let _busy = BUSY.guard();`"]
pub struct Guard<P: Deref<Target = UpDownCounter>> {
    counter: P,
}

impl<P: Deref<Target = UpDownCounter>> Guard<P> {
    /// Increments `counter`, which has to dereference to the same counter each time, as references,
    /// `Arc` and `Box` do.
    #[inline]
    pub fn new(counter: P) -> Self {
        counter.inc();
        Self { counter }
    }

    /// Returns the counter.
    #[must_use]
    pub fn counter(&self) -> &UpDownCounter {
        &self.counter
    }
}

impl<P: Deref<Target = UpDownCounter>> Drop for Guard<P> {
    #[inline]
    fn drop(&mut self) {
        self.counter.dec();
    }
}
