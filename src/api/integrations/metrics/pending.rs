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
    /// Whether there may be any `absolutes`.
    is_absolute: AtomicBool,
    absolutes: Mutex<Vec<Absolute>>,
}

/// A call of `absolute`, and what had been added before it.
struct Absolute {
    before: u64,
    value: u64,
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

    /// Returns what has been added since the last call.
    fn take(&self) -> u64 {
        let few = self.few.swap(0, Ordering::Relaxed);
        let many = if self.are_many() { self.many.take() } else { 0 };
        few.wrapping_add(many)
    }

    /// Repeats on `theirs` what was done to this.
    pub(super) fn pass_on(&self, theirs: &metrics::Counter) {
        let add = |n| {
            if n != 0 {
                theirs.increment(n);
            }
        };
        if self.is_absolute.load(Ordering::Relaxed) {
            let absolutes = {
                let mut absolutes = self.absolutes();
                self.is_absolute.store(false, Ordering::Relaxed);
                mem::take(&mut *absolutes)
            };
            for Absolute { before, value } in absolutes {
                add(before);
                theirs.absolute(value);
            }
        }
        add(self.take());
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
        let before = self.take();
        absolutes.push(Absolute { before, value });
        self.is_absolute.store(true, Ordering::Relaxed);
    }
}
