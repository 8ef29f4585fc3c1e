//! A counter that goes up and down.

use crate::{
    build_error::BuildError,
    builder::Builder,
    matrix::{Matrix, UpDown},
    settings::Backend,
    signs::{signed, unsigned},
};
use std::{fmt, ops::Deref, sync::Arc};

/// A counter that goes up and down: requests in flight, open connections, items in a queue.
///
/// The name is OpenTelemetry's, and the value is called a *level*. It is built like a
/// [`Counter`](crate::Counter), and as fast: ups and downs are counted in two cells of the same
/// shard, which only grow, and a [`sum`](Self::sum) subtracts one total from the other. The level
/// is an `i64` and wraps around, in debug builds too.
///
/// ```
/// use striped_counter::UpDownCounter;
///
/// static BUSY: UpDownCounter = UpDownCounter::new();
///
/// fn handle() {
///     let _busy = BUSY.guard();
///     assert_eq!(BUSY.sum(), 1);
///     // The guard decrements here, and also on a panic or an early return.
/// }
/// handle();
/// assert_eq!(BUSY.sum(), 0);
///
/// BUSY.add(5);
/// BUSY.sub(7);
/// assert_eq!(BUSY.sum(), -2);
/// ```
///
/// # When to use another type
///
/// - An [`AtomicI64`](std::sync::atomic::AtomicI64), if the level changes only now and then, is
///   read as often as it changes, or limits something, as a semaphore does.
/// - An [`UpDownCounterSet`](crate::UpDownCounterSet), if there are many levels that are known in
///   advance.
/// - Two [`Counter`](crate::Counter)s, if the rates of ups and downs matter, and not only their
///   difference.
///
/// # A sum while others add
///
/// A sum lies between the lowest and the highest level during the call, provided that
/// [`take`](Self::take) is not used in between: if four threads increment and then decrement, over
/// and over, no sum is below 0 or above 4. The setting [`read_lock`](Builder::read_lock) decides
/// how a sum ensures this:
///
/// | `read_lock` | how a sum reads a busy level |
/// |---|---|
/// | not set | It looks a few times, without a lock, for a moment in which nothing went down. If there is none, it reads under the lock, and adds go to one shared atomic until it is done. |
/// | `true` | It always reads under the lock, and is the level at one moment. |
/// | `false` | It never waits and never diverts adds. After a few looks it returns the best one, which may be too high, by no more than what went down during the call. |
///
/// A sum may be wrong if 2^63 or more is added or subtracted during the call.
///
/// # Never negative
///
/// No sum is ever negative, with any `read_lock`, provided that each decrement happens after its
/// increment and [`take`](Self::take) is not used: a sum reads the downs first and the ups last, so
/// it never sees a decrement without its increment.
///
/// # Cost
///
/// As for a [`Counter`](crate::Counter), but with 16 bytes per shard and 80 more. A sum loads the
/// cache line of each shard three times.
///
/// # Memory ordering
///
/// As for a [`Counter`](crate::Counter#memory-ordering): adds release and reads acquire.
#[doc(alias = "gauge")]
#[doc(alias = "level")]
#[doc(alias = "in-flight")]
#[doc(alias = "AtomicI64")]
#[doc(alias = "IntGauge")]
pub struct UpDownCounter {
    matrix: Matrix<UpDown>,
}

impl UpDownCounter {
    /// Creates a level of 0 with default settings, as `UpDownCounter::builder().build()` does.
    #[must_use]
    pub const fn new() -> Self {
        Self::builder().build()
    }

    /// Creates a level of `n` with default settings.
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

    /// Returns a [`Builder`], to choose the backend, the number of shards, the read lock and the
    /// padding.
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

    /// Adds `n`, which may be negative, modulo 2^64. Never panics and never waits; see
    /// [`Counter::add`](crate::Counter::add).
    #[doc(alias = "fetch_add")]
    #[inline]
    pub fn add(&self, n: i64) {
        let column = if n < 0 { UpDown::DOWNS } else { UpDown::UPS };
        self.matrix.add(column, n.unsigned_abs());
    }

    /// Subtracts `n`, which may be negative, modulo 2^64. Works for [`i64::MIN`] too, whose
    /// negation does not fit an `i64`. Never panics and never waits.
    #[doc(alias = "fetch_sub")]
    #[inline]
    pub fn sub(&self, n: i64) {
        let column = if n < 0 { UpDown::UPS } else { UpDown::DOWNS };
        self.matrix.add(column, n.unsigned_abs());
    }

    /// Adds one now, and subtracts one when the returned guard is dropped.
    ///
    /// The guard may be dropped on any thread, at the end of a scope or by a panic. It borrows the
    /// counter; that of a `static` is `'static`. For one that owns an `Arc` see
    /// [`guard_arc`](Self::guard_arc).
    #[doc(alias = "in_flight")]
    #[inline]
    pub fn guard(&self) -> Guard<&Self> {
        Guard::new(self)
    }

    /// Returns a [`guard`](Self::guard) that keeps the counter alive, to move to another thread or
    /// task or to store in a struct.
    ///
    /// Cloning the `Arc` and dropping the clone are two atomic operations on one word that all
    /// threads share. If threads contend for it, that costs many times what the counter does: see
    /// [`Guard`] for ways around it.
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

    /// Returns the level: everything added, less everything subtracted or taken, modulo 2^64.
    ///
    /// The sum is exact once every add happens before this call; see
    /// [above](Self#a-sum-while-others-add) for sums while others add. With
    /// [`read_lock(true)`](Builder::read_lock) it is linearizable.
    ///
    /// May wait for other locked readers, unless built with `read_lock(false)`: use that if a
    /// signal handler sums, since the handler may interrupt a reader of its own thread. Adds never
    /// wait.
    ///
    /// There are no [`deltas`](crate::Counter::deltas) of a level, since any number of consumers
    /// can read it as it is. To know what went up and what went down since the last look, use two
    /// counters.
    ///
    /// Loads two cells per shard, one of them twice.
    #[doc(alias = "load")]
    #[doc(alias = "get")]
    #[doc(alias = "value")]
    #[must_use]
    pub fn sum(&self) -> i64 {
        signed(self.matrix.sum(UpDown::UPS))
    }

    /// Returns the level and starts again from zero, losing nothing; see
    /// [`Counter::take`](crate::Counter::take).
    ///
    /// Always reads the level at one moment, under the lock, with any
    /// [`read_lock`](Builder::read_lock). Whatever was in flight counts as 0 from then on, so its
    /// decrements make the level negative.
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
    #[doc(alias = "drain")]
    #[doc(alias = "sum_then_reset")]
    #[must_use = "what is taken is no longer in the sum"]
    pub fn take(&self) -> i64 {
        signed(self.matrix.take(UpDown::UPS))
    }

    /// Sets the level to `value`.
    ///
    /// Reads the level under the lock and adds the difference; adds by others during the call come
    /// on top, and none is lost. Waits for other calls of `set`, takes and locked reads, and costs
    /// as much as a locked sum. To follow a level that changes often, use [`add`](Self::add).
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

    /// Returns the [`sum`](Self::sum) without taking the lock, which the exclusive reference makes
    /// unnecessary.
    #[must_use]
    #[doc(alias = "get_mut")]
    #[doc(alias = "into_inner")]
    pub fn sum_mut(&mut self) -> i64 {
        signed(self.matrix.sum_mut(UpDown::UPS))
    }

    /// Sets the level to `value`, as [`set`](Self::set) does, without taking the lock.
    #[doc(alias = "get_mut")]
    pub fn set_mut(&mut self, value: i64) {
        self.matrix.set_mut(UpDown::UPS, unsigned(value));
    }

    /// Leases the shards now instead of on the first add; see
    /// [`Counter::warm_up`](crate::Counter::warm_up).
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

impl Builder<UpDownCounter> {
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
    pub const fn build(self) -> UpDownCounter {
        UpDownCounter { matrix: Matrix::new(UpDown::new(), self.checked()) }
    }

    /// Creates the counter, or returns what is wrong with the settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the number of shards is out of range, or set together with
    /// [`PerThread`](Backend::PerThread), or if [`PerCpu`](Backend::PerCpu) was chosen and does not
    /// work on this machine.
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

/// Decrements an [`UpDownCounter`] when dropped.
///
/// Made by [`UpDownCounter::guard`], [`guard_arc`](UpDownCounter::guard_arc), or [`Guard::new`]
/// from any pointer to a counter. [`std::mem::forget`] leaves the counter incremented.
///
/// # For tasks that must not borrow
///
/// A guard of a `&'static` counter is `'static` and `Send`, and costs no more than the counter
/// itself. For a counter that is not a `static` but lives as long as the process, leak it once:
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
/// If the task owns something that holds the counter anyway, a type of yours that dereferences to
/// the counter in it lets the guard share that.
#[derive(Debug)]
#[must_use = "a guard that is dropped at once counts nothing; bind it: `let _busy = BUSY.guard();`"]
pub struct Guard<P: Deref<Target = UpDownCounter>> {
    counter: P,
}

impl<P: Deref<Target = UpDownCounter>> Guard<P> {
    /// Increments `counter` and returns its guard.
    ///
    /// `counter` has to dereference to the same counter each time, as references, `Arc` and `Box`
    /// do.
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
