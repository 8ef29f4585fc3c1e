//! Dense, recycled thread numbers.
//!
//! `n` live threads that count hold numbers close to `0..n`: the lowest free number is assigned,
//! and a thread that ends returns its number. Sequential numbers that are never reused would let
//! two long-lived threads collide on one shard without end, and let per-thread shards grow without
//! end.
//!
//! A thread may end without returning its number: if the process has no key left that could be set
//! without an allocation, if the thread counted for the first time after its key destructors, or if
//! it ended by the bare system call. On Linux such numbers are found; see [`Numbers::claim_or_look`]
//! and `owners`.
//!
//! On Linux everything here may run in a signal handler, which may be the first to count in its
//! thread: claiming is lock-free, nothing is allocated, and there is no lock that a `fork` could
//! leave taken in the child. The child of a fork keeps the number of the thread that forked; the
//! numbers of the threads that it left behind stay taken there, which costs density and nothing
//! else.

use crate::sync::{AtomicU64, Ordering};

/// Which numbers are taken.
pub(super) struct Numbers<const WORDS: usize> {
    /// One bit each.
    words: [AtomicU64; WORDS],
    /// The number from which on a claim looks for numbers of dead threads.
    ceiling: AtomicU64,
}

impl<const WORDS: usize> Numbers<WORDS> {
    /// The first ceiling: below it, numbers of dead threads do no harm.
    const FEW: u64 = 64;
    const ALL: u64 = WORDS as u64 * 64;

    #[cfg(not(all(test, loom)))]
    pub(super) const fn new() -> Self {
        let words = [const { AtomicU64::new(0) }; WORDS];
        Self { words, ceiling: AtomicU64::new(Self::FEW) }
    }

    #[cfg(all(test, loom))]
    pub(super) fn new() -> Self {
        let words = std::array::from_fn(|_| AtomicU64::new(0));
        Self { words, ceiling: AtomicU64::new(Self::FEW) }
    }

    /// Claims the lowest free number, if there is one. If it has reached the ceiling, first has
    /// `look` release the numbers below it whose threads have ended without returning them. `look`
    /// returns whether it did.
    ///
    /// Then the ceiling is at least twice the numbers that are still taken. So at least half of
    /// those below it have been claimed since the last look, and looks query the kernel about twice
    /// per claim on average; and with at most `n` live threads, numbers stay below `2 * n` or 64.
    pub(super) fn claim_or_look(&self, look: impl FnOnce(usize) -> bool) -> Option<usize> {
        let first = self.claim();
        if !self.has_reached_ceiling(first) || !look(first.unwrap_or(WORDS * 64)) {
            return first;
        }
        self.ceiling.fetch_max(2 * self.taken(), Ordering::Relaxed);
        match (first, self.claim()) {
            (Some(first), Some(lower)) => {
                self.release(first.max(lower));
                Some(first.min(lower))
            }
            (first, lower) => first.or(lower),
        }
    }

    /// Returns whether it is time to look. A thread that finds no number counts as one more that
    /// has claimed one: it lowers a ceiling that no number can reach.
    fn has_reached_ceiling(&self, claimed: Option<usize>) -> bool {
        // Relaxed: the ceiling guards nothing; without it, looks are too many or too few.
        match claimed {
            Some(number) => number as u64 >= self.ceiling.load(Ordering::Relaxed),
            None => {
                self.ceiling.load(Ordering::Relaxed) <= Self::ALL
                    || self.ceiling.fetch_sub(1, Ordering::Relaxed) <= Self::ALL
            }
        }
    }

    /// Claims the lowest free number, if there is one.
    pub(super) fn claim(&self) -> Option<usize> {
        (0..WORDS).find_map(|word| Some(word * 64 + self.claim_in(word)?))
    }

    fn claim_in(&self, word: usize) -> Option<usize> {
        let mut taken = self.words[word].load(Ordering::Relaxed);
        while taken != u64::MAX {
            let bit = taken.trailing_ones() as usize;
            // Acquire: partners the release in `release`, so that the new owner of a per-thread
            // shard adds to what the previous owner stored last.
            taken = self.words[word].fetch_or(1 << bit, Ordering::Acquire);
            if taken & (1 << bit) == 0 {
                return Some(bit);
            }
        }
        None
    }

    /// Releases `number`.
    pub(super) fn release(&self, number: usize) {
        // Release: partners the acquire in `claim_in`.
        self.words[number / 64].fetch_and(!(1 << (number % 64)), Ordering::Release);
    }

    /// Returns how many numbers are taken.
    fn taken(&self) -> u64 {
        let taken = |word: &AtomicU64| u64::from(word.load(Ordering::Relaxed).count_ones());
        self.words.iter().map(taken).sum()
    }
}

#[cfg(not(all(test, any(loom, shuttle))))]
mod owners;

#[cfg(not(all(test, any(loom, shuttle))))]
pub(super) use real::{claim, current, end};

#[cfg(not(all(test, any(loom, shuttle))))]
mod real {
    use super::{
        super::route::{MAX_THREADS, Number},
        Numbers, owners,
    };
    use crate::{matrix::thread_end, sync::Ordering};
    use std::sync::atomic::{AtomicUsize, compiler_fence};

    pub(super) static NUMBERS: Numbers<{ MAX_THREADS / 64 }> = Numbers::new();

    thread_local! {
        // Const and without a destructor: a plain load on the fast path, and readable to the very
        // end of the thread, also from every other thread-local's destructor. Atomic, since a
        // signal handler of this thread may count; relaxed, since no other thread sees it.
        static NUMBER: AtomicUsize = const { AtomicUsize::new(Number::UNSET.raw()) };
    }

    /// Returns the calling thread's number.
    #[inline(always)]
    pub(in crate::matrix) fn current() -> Number {
        Number::from_raw(NUMBER.with(|number| number.load(Ordering::Relaxed)))
    }

    fn set(number: Number) {
        NUMBER.with(|cell| cell.store(number.raw(), Ordering::Relaxed));
        // A signal handler must see this done before what follows.
        compiler_fence(Ordering::SeqCst);
    }

    /// Gives the calling thread a number, unless it has one or is barred. A thread that finds none
    /// free, or whose end could be neither watched nor found out later, is barred: its adds go to the
    /// spill without trying again.
    pub(in crate::matrix) fn claim() {
        // A signal handler that counts in the middle of this finds the thread barred, and its add
        // goes to the spill.
        let before = NUMBER.with(|number| number.swap(Number::BARRED.raw(), Ordering::Relaxed));
        if before != Number::UNSET.raw() {
            return set(Number::from_raw(before));
        }
        compiler_fence(Ordering::SeqCst);
        let look = |below| owners::for_each_dead(below, |dead| NUMBERS.release(dead));
        let Some(number) = NUMBERS.claim_or_look(look) else { return };
        let noted = owners::note(number);
        if thread_end::watch() || noted {
            set(Number::new(number));
        } else {
            give_back(number);
        }
    }

    fn give_back(number: usize) {
        // Done before the number is free, or the next owner's note would be lost.
        owners::forget(number);
        NUMBERS.release(number);
    }

    /// Ends the thread. No add of it may touch its shard from here on, hence the order of the
    /// steps.
    pub(in crate::matrix) fn end() {
        let held = current().get();
        set(Number::BARRED);
        if let Some(number) = held {
            give_back(number);
        }
    }
}

/// Under loom and shuttle, a model assigns the numbers of its threads.
#[cfg(all(test, any(loom, shuttle)))]
mod modelled {
    use super::super::route::Number;
    use std::cell::Cell;

    crate::sync::thread_local! {
        static NUMBER: Cell<Number> = Cell::new(Number::UNSET);
    }

    pub(in crate::matrix) fn current() -> Number {
        NUMBER.with(Cell::get)
    }

    pub(in crate::matrix) fn claim() {}

    pub(in crate::matrix) fn assume(number: usize) {
        NUMBER.with(|cell| cell.set(Number::new(number)));
    }
}
#[cfg(all(test, any(loom, shuttle)))]
pub(super) use modelled::{assume, claim, current};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
