//! What was counted here and not yet passed on to the inner recorder's counter.

use crate::{Builder, Counter};
use metrics::CounterFn;
use std::{
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

/// The number of increments that go to one atomic before there are shards: most handles are made
/// for a single one.
const FEW: u32 = 16;

pub(super) struct Pending {
    /// How many increments went to `few`. Increments by several threads at the same time may count
    /// as one.
    increments: AtomicU32,
    /// Whether increments go to `many`. Once set, it stays set.
    are_many: AtomicBool,
    few: AtomicU64,
    many: Counter,
    /// Whether there are any `absolutes`; spares [`is_empty`](Self::is_empty) the lock.
    is_absolute: AtomicBool,
    /// The first call of `absolute`, and one that stands for all later ones. Adds are taken only
    /// while this is locked, so that they stay in order with the calls.
    absolutes: Mutex<Vec<Absolute>>,
}

/// A call of `absolute`, and what had been added before it.
struct Absolute {
    before: u64,
    value: u64,
}

impl Absolute {
    /// Lets this stand for itself and `next`.
    ///
    /// A call moves a counter from `x` to `max(x + before, value)`. Two calls in a row do the same,
    /// with another `before` and `value`.
    fn then(&mut self, next: &Self) {
        self.before = self.before.wrapping_add(next.before);
        self.value = self.value.wrapping_add(next.before).max(next.value);
    }
}

impl Pending {
    pub(super) fn new(builder: Builder<Counter>) -> Self {
        Self {
            increments: AtomicU32::new(0),
            are_many: AtomicBool::new(false),
            few: AtomicU64::new(0),
            many: builder.build(),
            is_absolute: AtomicBool::new(false),
            absolutes: Mutex::default(),
        }
    }

    #[cold]
    fn add_one_of_few(&self, n: u64) {
        let increments = self.increments.load(Ordering::Relaxed) + 1;
        self.increments.store(increments, Ordering::Relaxed);
        if increments == FEW {
            self.are_many.store(true, Ordering::Relaxed);
        }
        self.few.fetch_add(n, Ordering::Relaxed);
    }

    // Relaxed: a thread that sees an add to `many` sees that there are many.
    #[inline]
    fn are_many(&self) -> bool {
        self.are_many.load(Ordering::Relaxed)
    }

    fn absolutes(&self) -> MutexGuard<'_, Vec<Absolute>> {
        self.absolutes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.few.load(Ordering::Relaxed) == 0
            && !self.is_absolute.load(Ordering::Relaxed)
            && (!self.are_many() || self.many.sum() == 0)
    }

    /// Returns what has been added since the last call, which the holder of the lock has.
    fn take(&self, _locked: &MutexGuard<'_, Vec<Absolute>>) -> u64 {
        let few = self.few.swap(0, Ordering::Relaxed);
        let many = if self.are_many() { self.many.take() } else { 0 };
        few.wrapping_add(many)
    }

    /// Does to `theirs` what was done to this.
    pub(super) fn pass_on(&self, theirs: &metrics::Counter) {
        let (absolutes, after) = self.take_all();
        let add = |n| {
            if n != 0 {
                theirs.increment(n);
            }
        };
        for Absolute { before, value } in absolutes {
            add(before);
            theirs.absolute(value);
        }
        add(after);
    }

    /// Returns the calls of `absolute`, and what was added after them.
    fn take_all(&self) -> (Vec<Absolute>, u64) {
        let mut absolutes = self.absolutes();
        let after = self.take(&absolutes);
        self.is_absolute.store(false, Ordering::Relaxed);
        (mem::take(&mut *absolutes), after)
    }
}

/// Never calls the inner recorder: only a flush does.
impl CounterFn for Pending {
    #[inline]
    fn increment(&self, value: u64) {
        if self.are_many() {
            self.many.add(value);
        } else {
            self.add_one_of_few(value);
        }
    }

    fn absolute(&self, value: u64) {
        let mut absolutes = self.absolutes();
        let call = Absolute { before: self.take(&absolutes), value };
        match absolutes.get_mut(1) {
            Some(later) => later.then(&call),
            // An exporter that sends differences sends them from its first value on, so that one
            // has to reach it.
            None => absolutes.push(call),
        }
        self.is_absolute.store(true, Ordering::Relaxed);
    }
}
