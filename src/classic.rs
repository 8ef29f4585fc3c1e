//! The classic counters: three that show why [`Counter`] is built as it is, and one that goes a
//! step further.
//!
//! The first three are those of Julien Danjou's article on fast and thread-safe counters ("Atomic
//! lock-free counters in Python"); the fourth is the step that the article could not take. They are
//! for teaching, and baselines of the benchmarks. For real work use [`Counter`], or a plain
//! [`AtomicU64`] if few threads add.
//!
//! | | an add | a sum | for |
//! |---|---|---|---|
//! | [`SingleThreadCounter`] | plain | plain | one thread |
//! | [`FastReadCounter`] | takes a lock | one load | many reads, few adds |
//! | [`FastWriteCounter`] | one `fetch_add`, no lock | takes a lock, and adds too | many adds, few reads |
//! | [`ThreadLocalCounter`] | plain load and store | a walk over all threads' cells | adds that must not meet |
//!
//! # The lost update
//!
//! `count += 1` is three steps: load, add one, store. The steps of two threads may interleave:
//!
//! ```text
//! thread A          thread B          count
//! load: 41                            41
//!                   load: 41          41
//!                   store: 42         42
//! store: 42                           42      two adds, and the count went up by one
//! ```
//!
//! `tests/classic.rs` forces this interleaving and counts one short every time.
//! [`SingleThreadCounter`] adds in these three steps; it is correct because the compiler keeps it
//! on one thread.
//!
//! # The lock
//!
//! [`FastReadCounter`] takes a lock around the three steps. The count is correct, and reading it is
//! one load, but every add pays for the lock, and threads that add wait for one another.
//!
//! # The trick
//!
//! In Python, `next(itertools.count())` counts in a single step that no other thread can interrupt,
//! so [`FastWriteCounter`] adds without a lock. But such a count has no other operation: to read it
//! is to draw a number from it, which counts as well. So the reader remembers how often it has been
//! read, and subtracts that. Drawing and remembering belong together, hence the lock, but only
//! among readers. `fetch_add` plays the part of `next` here. A Rust atomic could simply be loaded;
//! the detour stays because [`Counter`] uses the same idea.
//!
//! # The published package
//!
//! The Python package that the article led to, `fastcounter`, has more than the article. Its three
//! counters start at `init` (0 by default), and `increment` adds `step` (1 by default) times
//! `num_steps`. Its `value` is an attribute, which can be set for the first two counters. For the
//! third it can only be read, which draws a number, and `num_steps` is a loop of single steps.
//!
//! The counters here start at 0 and add 1. In [`Counter`], `init` is
//! [`with_initial`](Counter::with_initial), and `num_steps` times `step` is one
//! [`add`](Counter::add) of any size.
//!
//! # What `Counter` makes of it
//!
//! | here | in [`Counter`] |
//! |---|---|
//! | subtract what reading added | [`take`](Counter::take) and [`deltas`](Counter::deltas) never write to a shard: they remember what they have seen, and subtract it |
//! | a lock that only readers take | the same; with [`read_lock(true)`](crate::Builder::read_lock) the reader looks twice, and diverts adds that come in between to a shared atomic, so that the sum is the count at one moment |
//! | one count that all threads add to | one shard for each CPU, thread or stripe of threads |
//!
//! [`ThreadLocalCounter`] does the last row by hand, and its documentation lists what that leaves
//! open.
//!
//! [`AtomicU64`]: std::sync::atomic::AtomicU64

#[cfg(doc)]
use crate::Counter;
use crate::sync::{AtomicU64, Mutex, Ordering, PoisonError, const_fn};
use crossbeam_utils::CachePadded;
use std::{cell::Cell, fmt};
use thread_local::ThreadLocal;

/// The article's first counter: a plain number, for one thread.
///
/// # Cost
///
/// A load, an add and a store, none of them atomic. 8 bytes.
///
/// # Example
///
/// ```
/// use striped_counter::classic::SingleThreadCounter;
///
/// let counter = SingleThreadCounter::new();
/// counter.inc();
/// assert_eq!(counter.sum(), 1);
/// ```
///
/// Where Python would lose updates, Rust does not compile:
///
/// ```compile_fail,E0277
/// let counter = striped_counter::classic::SingleThreadCounter::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| counter.inc());
/// });
/// ```
///
/// # Memory ordering
///
/// None: it is not [`Sync`], so there is no other thread to be ordered with.
pub struct SingleThreadCounter {
    count: Cell<u64>,
}

impl SingleThreadCounter {
    /// Creates a counter at 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: Cell::new(0) }
    }

    /// Adds one, modulo 2^64.
    #[doc(alias = "increment")]
    #[inline]
    pub fn inc(&self) {
        self.count.set(self.count.get().wrapping_add(1));
    }

    /// Returns how often [`inc`](Self::inc) was called.
    #[doc(alias = "value")]
    #[must_use]
    #[inline]
    pub fn sum(&self) -> u64 {
        self.count.get()
    }
}

/// The article's second counter: a lock around the add, and a read that is one load.
///
/// # Cost
///
/// An add locks and unlocks a mutex: two atomic instructions without contention, sleeping and
/// waking up with it. A sum is one load. 16 bytes on 64-bit Linux.
///
/// # Example
///
/// ```
/// use striped_counter::classic::FastReadCounter;
///
/// static COUNTER: FastReadCounter = FastReadCounter::new();
///
/// std::thread::scope(|scope| {
///     scope.spawn(|| COUNTER.inc());
///     scope.spawn(|| COUNTER.inc());
/// });
/// assert_eq!(COUNTER.sum(), 2);
/// ```
///
/// # Memory ordering
///
/// Adds release and sums acquire: a sum that includes an add sees everything that its thread did
/// before it. The sum is linearizable, since there is one number and one store changes it.
pub struct FastReadCounter {
    count: AtomicU64,
    add_lock: Mutex<()>,
}

impl FastReadCounter {
    const_fn! {
        /// Creates a counter at 0.
        #[must_use]
        pub fn new() -> Self {
            Self { count: AtomicU64::new(0), add_lock: Mutex::new(()) }
        }
    }

    /// Adds one, modulo 2^64. Waits while another thread adds.
    #[doc(alias = "increment")]
    pub fn inc(&self) {
        let _lock = self.add_lock.lock().unwrap_or_else(PoisonError::into_inner);
        // Relaxed: the lock orders adds among themselves.
        let count = self.count.load(Ordering::Relaxed);
        // Release: partners the acquire in `sum`, which takes no lock.
        self.count.store(count.wrapping_add(1), Ordering::Release);
    }

    /// Returns how often [`inc`](Self::inc) was called. Never waits.
    #[doc(alias = "value")]
    #[must_use]
    #[inline]
    pub fn sum(&self) -> u64 {
        // Acquire: partners the release in `inc`.
        self.count.load(Ordering::Acquire)
    }
}

/// The article's third counter: an add without a lock, and a read that takes one, draws a number
/// from the count itself, and subtracts the number of reads so far.
///
/// # Cost
///
/// An add is one `fetch_add`: wait-free, but all adds meet on one cache line. A sum locks and
/// unlocks a mutex, and adds to the same line as well. 24 bytes on 64-bit Linux.
///
/// # Example
///
/// ```
/// use striped_counter::classic::FastWriteCounter;
///
/// static COUNTER: FastWriteCounter = FastWriteCounter::new();
///
/// std::thread::scope(|scope| {
///     scope.spawn(|| COUNTER.inc());
///     scope.spawn(|| COUNTER.inc());
/// });
/// assert_eq!(COUNTER.sum(), 2);
/// assert_eq!(COUNTER.sum(), 2, "reading does not count");
/// ```
///
/// # Memory ordering
///
/// Adds release and sums acquire: a sum that includes an add sees everything that its thread did
/// before it. The sum is linearizable: it is the count when the number was drawn. Without the lock
/// it would not be: a second reader that draws before the first has recorded its own draw would
/// read one too many.
pub struct FastWriteCounter {
    /// `itertools.count()`: both adds and reads draw from it.
    count: AtomicU64,
    /// How many of the draws were reads. The mutex is the read lock.
    reads: Mutex<u64>,
}

impl FastWriteCounter {
    const_fn! {
        /// Creates a counter at 0.
        #[must_use]
        pub fn new() -> Self {
            Self { count: AtomicU64::new(0), reads: Mutex::new(0) }
        }
    }

    /// Adds one, modulo 2^64. Takes no lock and never waits.
    #[doc(alias = "increment")]
    #[inline]
    pub fn inc(&self) {
        // Release: partners the acquire in `sum`.
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Returns how often [`inc`](Self::inc) was called. Waits for other readers, never for adds.
    #[doc(alias = "value")]
    #[must_use]
    pub fn sum(&self) -> u64 {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        // Acquire: partners the release in `inc`.
        let drawn = self.count.fetch_add(1, Ordering::Acquire);
        let sum = drawn.wrapping_sub(*reads);
        *reads = reads.wrapping_add(1);
        sum
    }
}

/// The step that the article could not take: one cell per thread, by hand, with the crate
/// [`thread_local`](mod@thread_local).
///
/// Each thread adds to its own padded cell, which no other thread writes to, so a plain load and a
/// plain store are enough; a read sums all cells. The crate keeps the cell of a thread that has
/// ended and gives it, with its count, to a later thread: nothing is lost, and memory follows the
/// largest number of threads that were alive at the same time.
///
/// # What it leaves open
///
/// [`Counter`] takes the same idea further:
///
/// - **Late adds panic.** `thread_local` gives each thread a number, and takes it back in a
///   destructor of its own. An add from the destructor of a thread-local that is dropped after that
///   panics, and a panic there aborts the process. [`Counter`] counts there, too.
/// - **Size.** The `ThreadLocal` alone takes 512 bytes on 64-bit targets, and a cell takes two
///   lines of 128 bytes, since it is padded together with a flag. A [`Counter`] takes 32 bytes, and
///   8 per shard and 40 more from the first add on.
/// - **A global lock.** A thread takes one when it first touches any `ThreadLocal` of the
///   process, and again when it ends. [`Counter`] assigns numbers by an atomic bitmap.
/// - **Signal handlers.** If a handler adds between the load and the store of the add that it
///   interrupts, its add is lost. The same goes for
///   [`Backend::PerThread`](crate::Backend::PerThread); the other two backends are exact there.
/// - **No taking.** A reader that stores 0 races with the owner's store, which may bring back what
///   was taken. [`Counter`] never resets a cell: [`take`](Counter::take) subtracts a baseline.
/// - *No linearizable sum.** While others add, a sum lies between the true count when it began and
///   when it ended; there is no counterpart of [`read_lock(true)`](crate::Builder::read_lock).
///
/// # Cost
///
/// An add finds the thread's number, follows two pointers to the cell, loads and stores: no locked
/// instruction. The first add of a thread to a counter may allocate. A sum loads two cache lines
/// per thread.
///
/// # Example
///
/// ```
/// use striped_counter::classic::ThreadLocalCounter;
///
/// static COUNTER: ThreadLocalCounter = ThreadLocalCounter::new();
///
/// std::thread::scope(|scope| {
///     scope.spawn(|| COUNTER.inc());
///     scope.spawn(|| COUNTER.inc());
/// });
/// assert_eq!(COUNTER.sum(), 2, "the threads have ended, but their counts remain");
/// ```
///
/// # Memory ordering
///
/// Adds release and sums acquire: a sum that includes an add sees everything that its thread did
/// before it. The next owner of a cell sees the last store of the previous one, since the number
/// passed from one to the other through a lock.
pub struct ThreadLocalCounter {
    cells: ThreadLocal<CachePadded<AtomicU64>>,
}

impl ThreadLocalCounter {
    /// Creates a counter at 0. Allocates nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { cells: ThreadLocal::new() }
    }

    /// Adds one, modulo 2^64.
    ///
    /// # Panics
    ///
    /// Panics in the destructor of a thread-local that is dropped after the one by which
    /// `thread_local` takes back the thread's number: as a rule, one that the thread used before
    /// its first add.
    #[doc(alias = "increment")]
    #[inline]
    pub fn inc(&self) {
        let cell = self.cells.get_or_default();
        // Relaxed: no other thread stores to the cell.
        let count = cell.load(Ordering::Relaxed);
        // Release: partners the acquire in `sum`.
        cell.store(count.wrapping_add(1), Ordering::Release);
    }

    /// Returns how often [`inc`](Self::inc) was called on all threads, including those that have
    /// ended.
    #[doc(alias = "value")]
    #[must_use]
    pub fn sum(&self) -> u64 {
        // Acquire: partners the release in `inc`.
        self.cells.iter().fold(0, |sum, cell| sum.wrapping_add(cell.load(Ordering::Acquire)))
    }
}

/// What the four counters have in common.
macro_rules! common {
    ($($name:ident)*) => {$(
        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("sum", &self.sum()).finish()
            }
        }
    )*};
}
common!(SingleThreadCounter FastReadCounter FastWriteCounter ThreadLocalCounter);
