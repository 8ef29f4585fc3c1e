//! The counters behind one trait.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering};
use striped_counter::{
    Counter,
    classic::{FastReadCounter, FastWriteCounter, SingleThreadCounter, ThreadLocalCounter},
};

/// The operations that are measured.
pub(crate) trait Count {
    fn inc(&self);
    fn sum(&self) -> u64;
}

impl Count for AtomicU64 {
    #[inline]
    fn inc(&self) {
        self.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn sum(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
}

/// The baseline has its own cache line, so that only its own adds contend for it.
impl Count for CachePadded<AtomicU64> {
    #[inline]
    fn inc(&self) {
        (**self).inc();
    }

    #[inline]
    fn sum(&self) -> u64 {
        (**self).sum()
    }
}

macro_rules! count {
    ($($name:ident)*) => {$(
        impl Count for $name {
            #[inline]
            fn inc(&self) {
                $name::inc(self);
            }

            #[inline]
            fn sum(&self) -> u64 {
                $name::sum(self)
            }
        }
    )*};
}
count!(Counter FastReadCounter FastWriteCounter SingleThreadCounter ThreadLocalCounter);
