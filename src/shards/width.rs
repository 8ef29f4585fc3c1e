//! How wide a row is, and the cells that a matrix has once rather than once a row.

use crate::sync::{AtomicU64, Ordering, const_fn};

/// The width of a matrix and its shared cells. A counter of fixed width knows it at compile time,
/// which saves the add a multiplication.
pub(crate) trait Width {
    /// Whether a row is one line, known at compile time.
    const ONE_LINE: bool;

    /// Lines from one row to the next.
    fn lines_per_row(&self) -> usize;

    /// Whether operations announce themselves in columns of their own. A signal handler's must not
    /// be lost, or a reader would wait for ever, so all adds are then atomic.
    #[inline(always)]
    fn tracked(&self) -> bool {
        false
    }

    /// What is to be made ready before the first block is published.
    fn prepare(&self) {}

    /// The column that counts down what `column` counts up, for a counter that does both.
    fn downs(&self, column: usize) -> Option<usize> {
        let _ = column;
        None
    }

    /// Adds `n`, meant for `column`, to the spill: with release, for the acquire in `spilled`.
    fn spill(&self, column: usize, n: u64);

    /// What has been spilled for `column`.
    fn spilled(&self, column: usize) -> u64;

    /// What has been taken of `column`.
    fn taken(&self, column: usize) -> u64;

    /// Sets what has been taken of `column`, with release, for the acquire in `taken`. The caller
    /// holds the matrix's lock.
    fn set_taken(&self, column: usize, total: u64);
}

/// One line a row, and one logical counter: a [`Lone`] column, or a [`Level`] of ups and downs,
/// whose spill is signed.
pub(crate) struct Single<const LEVEL: bool> {
    spilled: AtomicU64,
    taken: AtomicU64,
}

pub(crate) type Lone = Single<false>;
pub(crate) type Level = Single<true>;

impl Lone {
    pub(crate) const COLUMN: usize = 0;
}

impl Level {
    pub(crate) const UPS: usize = 0;
    pub(crate) const DOWNS: usize = 1;
}

impl<const LEVEL: bool> Single<LEVEL> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { spilled: AtomicU64::new(0), taken: AtomicU64::new(0) }
        }
    }
}

impl<const LEVEL: bool> Width for Single<LEVEL> {
    const ONE_LINE: bool = true;

    #[inline(always)]
    fn lines_per_row(&self) -> usize {
        1
    }

    fn downs(&self, _column: usize) -> Option<usize> {
        LEVEL.then_some(Level::DOWNS)
    }

    fn spill(&self, column: usize, n: u64) {
        let n = if LEVEL && column == Level::DOWNS { n.wrapping_neg() } else { n };
        // Release: partners the acquire in `spilled`.
        self.spilled.fetch_add(n, Ordering::Release);
    }

    fn spilled(&self, _column: usize) -> u64 {
        // Acquire: partners the release in `spill`, and keeps what is read next after it.
        self.spilled.load(Ordering::Acquire)
    }

    fn taken(&self, _column: usize) -> u64 {
        // Acquire: partners the release in `set_taken`: cells read later are at least as new as
        // those that made this total.
        self.taken.load(Ordering::Acquire)
    }

    fn set_taken(&self, _column: usize, total: u64) {
        // Release: partners the acquire in `taken`.
        self.taken.store(total, Ordering::Release);
    }
}
