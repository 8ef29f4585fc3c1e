//! The matrix: the one structure under every counter type.
//!
//! A matrix of `u64` cells. A row is a shard: whole padded lines, written by one CPU, one thread,
//! or a stripe of threads. A column is what one logical counter adds up.
//!
//! # The contract
//!
//! 1. **Cells only ever grow** (modulo 2^64). No cell is ever zeroed: a reset would race with an
//!    owner's plain store. Readers subtract baselines instead; see [`crate::read`].
//! 2. **One compare sends every add on its way.** A backend turns the calling thread into a row;
//!    `row >= limit` means that the add may not touch a shard just now, whatever the reason: not
//!    yet allocated (the limit of a fresh `static` is 0), a thread without a number or without a
//!    restartable sequence, a row out of range, or adds diverted by a locked read (the limit is 0
//!    again). All of these go to [`Matrix::add_slow`], which adds to the spill.
//! 3. **An add lands exactly once**: wholly in one cell or wholly in the spill.
//! 4. **An add never waits.** The slow path takes the lock only if it is free, and spills anyhow.
//!
//! # How an add finds its row
//!
//! [`Hot`] is one line that adders only read. Its `route` tells the backend in its top bit: clear
//! for `PerCpu`, of which it is the [`Area`], and set for the two that go by a thread's number, of
//! which it is the mask: number and mask is the row. A number carries [`MARK`], and a thread
//! without a number has all high bits set, so that one compare covers all cases:
//!
//! | route | mask | a numbered thread | without a number |
//! |---|---|---|---|
//! | [`UNKNOWN`], in a fresh `static` | `TOP` and `MARK` | `MARK`: out of range | out of range |
//! | `PerThread` | all but `MARK` | its number | out of range |
//! | `Striped` | `TOP`, and shards - 1 | its number modulo the shards | out of range |
//!
//! The route is stored after all else is in place, and is the same ever after: an adder that does
//! not see it yet spills.

mod block;
mod dense;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod per_cpu;
pub(crate) mod per_thread;
#[cfg(all(test, shuttle))]
mod shuttle_models;
mod snapshot;
#[cfg(all(test, loom))]
mod snapshot_models;
pub(crate) mod striped;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod width;

use crate::{
    builder::{Backend, Plan, Settings},
    rseq::Area,
    sync::{
        AtomicPtr, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError, TryLockError, const_fn,
    },
    thread_id::{self, MARK, MAX_THREADS},
};
pub(crate) use block::Line;
use block::{Block, Blocks, CELLS};
use crossbeam_utils::CachePadded;
pub(crate) use dense::Dense;
use std::marker::PhantomData;
pub(crate) use width::{Level, Lone, Width};

/// The bit that tells a mask from an [`Area`].
pub(crate) const TOP: usize = 1 << (usize::BITS - 1);

/// The route before the first use: no thread has a row under this mask.
const UNKNOWN: usize = TOP | MARK;

/// What every add reads, and almost nobody writes: its line stays shared in every core's cache.
struct Hot {
    route: AtomicUsize,
    limit: AtomicUsize,
    rows: AtomicPtr<Line>,
}

/// A row that the calling thread may add to: for one operation, since it does not keep readers and
/// their diverts in mind.
struct Row<'a> {
    first: *const Line,
    lines: usize,
    /// Whether nobody else adds to it, so that no atomic add is needed.
    owned: bool,
    block: PhantomData<&'a Block>,
}

impl Row<'_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "rows are reached by pointer from a lock-free list")]
    fn add(&self, column: usize, n: u64) {
        debug_assert!(column < self.lines * CELLS, "column {column} of {} lines", self.lines);
        // SAFETY: a row is `lines` lines from `first` on, as wide as the matrix. Columns are
        // constants of `Lone` and `Level`, or below `Dense::len`, which `CounterSet` has checked,
        // or `Dense`'s own two.
        let line = unsafe { self.first.add(column / CELLS) };
        // SAFETY: the row's block lives as long as the matrix, and is only ever shared.
        let cell = unsafe { &*line }.cell(column % CELLS);
        if self.owned {
            per_thread::add(cell, n);
        } else {
            striped::add(cell, n);
        }
    }
}

/// See the module's documentation.
pub(crate) struct Matrix<W> {
    hot: CachePadded<Hot>,
    width: W,
    blocks: Blocks,
    lock: Mutex<()>,
    settings: Settings,
}

impl<W> Matrix<W> {
    const_fn! {
        /// An empty matrix: rows are allocated on first use.
        pub(crate) fn new(width: W, settings: Settings) -> Self {
            Self {
                hot: CachePadded::new(Hot {
                    route: AtomicUsize::new(UNKNOWN),
                    limit: AtomicUsize::new(0),
                    rows: AtomicPtr::new(std::ptr::null_mut()),
                }),
                width,
                blocks: Blocks::new(),
                lock: Mutex::new(()),
                settings,
            }
        }
    }
}

impl<W: Width> Matrix<W> {
    /// Adds `n` to `column`.
    #[inline(always)]
    pub(crate) fn add(&self, column: usize, n: u64) {
        if !self.try_add(column, n) {
            self.add_slow(column, n);
        }
    }

    /// Adds to the calling thread's shard, or returns false and has added nothing.
    #[inline(always)]
    fn try_add(&self, column: usize, n: u64) -> bool {
        // Acquire: partners the release of the route in `publish`, after which the rows are there.
        let route = self.hot.route.load(Ordering::Acquire);
        if route & TOP == 0 {
            return per_cpu::try_add(self, Area::from_raw(route), column, n);
        }
        let Some(row) = self.row(route) else { return false };
        row.add(column, n);
        true
    }

    /// The row that is the calling thread's by `route`, a mask, if it may add to one just now.
    #[inline(always)]
    fn row(&self, route: usize) -> Option<Row<'_>> {
        let row = thread_id::current() & route;
        // Acquire: partners the release of the limit in `publish` and in `Divert`. The rows are
        // loaded after it, so they are never fewer than the limit compared with.
        if row >= self.hot.limit.load(Ordering::Acquire) {
            return None;
        }
        // Acquire: partners the release in `publish`: the zeroes are written before the pointer.
        let rows = self.hot.rows.load(Ordering::Acquire);
        let lines = self.width.lines_per_row();
        // `rows` is the first line of a block with at least as many rows as any limit that was
        // stored before it, of as many lines each, so this is within the block.
        let first = rows.wrapping_add(row * lines);
        let owned = route == per_thread::MASK && !self.width.tracked();
        Some(Row { first, lines, owned, block: PhantomData })
    }

    /// Where every add goes that may not touch a shard just now.
    #[cold]
    #[inline(never)]
    fn add_slow(&self, column: usize, n: u64) {
        self.prepare();
        self.width.spill(column, n);
    }

    /// Does what can be done without waiting to have the calling thread's next add find a shard.
    fn prepare(&self) {
        if self.rows() == 0 {
            self.resize(1, || self.settings.try_plan());
        }
        let route = self.hot.route.load(Ordering::Relaxed);
        if route == UNKNOWN || route & TOP == 0 {
            return; // No memory, or `PerCpu`, which needs no numbers.
        }
        thread_id::claim();
        let row = thread_id::current() & per_thread::MASK;
        if route == per_thread::MASK && (self.rows()..MAX_THREADS).contains(&row) {
            self.resize(row + 1, || Some(per_thread::plan(row + 1)));
        }
    }

    /// Adds a block of rows as planned, unless there are `wanted` rows by now, if the lock is free
    /// and there is memory: otherwise adds spill for now, and each of them tries again.
    ///
    /// Only `PerThread` ever wants a second block: `PerCpu` loads the rows before the limit.
    fn resize(&self, wanted: usize, plan: impl FnOnce() -> Option<Plan>) {
        let Some(_lock) = self.try_lock() else { return };
        if self.rows() >= wanted {
            return;
        }
        let Some(plan) = plan() else { return };
        self.width.prepare();
        if let Some(block) = self.blocks.push(plan.rows, self.width.lines_per_row()) {
            self.publish(block, plan);
        }
    }

    /// Sends adds to `block`. The caller holds the lock.
    fn publish(&self, block: &Block, plan: Plan) {
        // Release: partners the acquire in `row`.
        self.hot.rows.store(block.first_line(), Ordering::Release);
        // Release: partners the acquire of the limit in `row`.
        self.hot.limit.store(plan.rows, Ordering::Release);
        // Release: partners the acquire of the route in `try_add`.
        self.hot.route.store(plan.route, Ordering::Release);
    }

    /// How many rows the newest block has; 0 before the first use.
    fn rows(&self) -> usize {
        self.blocks.iter().next().map_or(0, Block::rows)
    }

    /// The backend that the settings come to here.
    pub(crate) fn backend(&self) -> Backend {
        match self.hot.route.load(Ordering::Relaxed) {
            UNKNOWN => self.settings.plan().backend,
            per_thread::MASK => Backend::PerThread,
            route if route & TOP == 0 => Backend::PerCpu,
            _ => Backend::Striped,
        }
    }

    /// How many shards there are, or will be after the first use.
    pub(crate) fn shards(&self) -> usize {
        match self.rows() {
            0 => self.settings.plan().rows,
            rows => rows,
        }
    }

    /// The lock that readers hold, and adders never wait for.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, ()>> {
        match self.lock.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether sums are to be linearizable.
    pub(crate) fn read_lock(&self) -> bool {
        self.settings.read_lock
    }

    /// The shared cells, which are not in the rows.
    pub(crate) fn width(&self) -> &W {
        &self.width
    }

    /// The sum of `column` over all rows, one after another: not all at the same moment.
    #[inline]
    pub(crate) fn collect(&self, column: usize) -> u64 {
        if W::ONE_LINE {
            self.blocks.sum_column::<true>(column)
        } else {
            self.blocks.sum_column::<false>(column)
        }
    }

    /// Sends all adds to the spill until the guard is dropped. Adds that are past their compare
    /// may still land in a shard: one operation a thread at the most.
    pub(crate) fn divert<'a>(&'a self, _lock: &'a MutexGuard<'_, ()>) -> Divert<'a> {
        // Relaxed: a locked sum is right whenever this is seen; it ends once this is seen.
        self.hot.limit.store(0, Ordering::Relaxed);
        Divert { limit: &self.hot.limit, rows: self.rows() }
    }
}

/// While it lives, adds go to the spill.
pub(crate) struct Divert<'a> {
    limit: &'a AtomicUsize,
    rows: usize,
}

impl Drop for Divert<'_> {
    fn drop(&mut self) {
        // Release: partners the acquire of the limit in `row`.
        self.limit.store(self.rows, Ordering::Release);
    }
}
