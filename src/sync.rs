//! The standard library, loom or shuttle: the only file outside the models that imports from them.
//!
//! Loom is used under `cfg(all(test, loom))` and shuttle under `cfg(all(test, shuttle))`, and
//! nowhere else, so users of the library never meet them. Loom's constructors are not `const`;
//! [`const_fn!`] hides that difference.

#[cfg(all(test, loom))]
pub(crate) use loom::{
    hint::spin_loop,
    lazy_static,
    sync::{
        Mutex,
        atomic::{AtomicPtr, AtomicU32, AtomicU64, fence},
    },
    thread::{Thread, current, park, yield_now},
    thread_local,
};
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::{
    hint::spin_loop,
    lazy_static,
    sync::{
        Mutex,
        atomic::{AtomicPtr, AtomicU32, AtomicU64, fence},
    },
    thread::{Thread, current, park, yield_now},
    thread_local,
};
#[cfg(not(all(test, any(loom, shuttle))))]
pub(crate) use std::{
    hint::spin_loop,
    sync::{
        Mutex,
        atomic::{AtomicPtr, AtomicU32, AtomicU64, fence},
    },
    thread::yield_now,
};

pub(crate) use std::sync::{PoisonError, atomic::Ordering};

/// Defines a function that is `const` except under loom, whose atomics cannot be made at compile
/// time.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty $body:block) => {
        #[cfg(not(all(test, loom)))]
        $(#[$meta])* $vis const fn $name($($arg: $ty),*) -> $ret $body
        #[cfg(all(test, loom))]
        $(#[$meta])* $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}
pub(crate) use const_fn;

/// Loads `cell`, to which only the calling thread stores.
#[cfg(not(all(test, loom)))]
#[inline(always)]
pub(crate) fn load_own(cell: &AtomicU64) -> u64 {
    // Relaxed: a thread sees its own stores.
    cell.load(Ordering::Relaxed)
}

/// Loads `cell` in a way that loom does not count as an access. Loom explores other orders only
/// back to the last access before a store, so an owner's load would hide a reader's loads before
/// it. This one also checks that the cell is owned.
#[cfg(all(test, loom))]
#[expect(unsafe_code, reason = "loom's load that is not counted as an access")]
pub(crate) fn load_own(cell: &AtomicU64) -> u64 {
    // SAFETY: every store to the cell happens before this; otherwise loom panics.
    unsafe { cell.unsync_load() }
}

/// Lets a unit test do something else at this point, as the scheduler may anywhere.
#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) use crate::testing::pause;

#[cfg(not(all(test, not(any(loom, shuttle)))))]
#[inline(always)]
pub(crate) fn pause() {}
