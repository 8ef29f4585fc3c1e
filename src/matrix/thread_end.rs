//! What a thread returns when it ends: its number, and its registration for restartable sequences.

#[cfg(not(all(test, any(loom, shuttle))))]
pub(super) use at_exit::watch;

/// Ends both. No add of this thread touches a shard from here on, since each of the two first bars
/// it.
#[cfg(not(all(test, any(loom, shuttle))))]
fn end() {
    super::thread_id::end();
    crate::rseq::leave();
}

/// Linux: a POSIX thread-specific key. With glibc its destructors run after those of all
/// `thread_local!`s, so these may count at full speed.
#[cfg(all(target_os = "linux", not(all(test, any(loom, shuttle)))))]
#[expect(unsafe_code, reason = "pthread keys are reached through libc")]
mod at_exit {
    use crate::sync::{AtomicU64, Ordering};
    use std::{ffi::c_void, ptr::NonNull};

    /// The key plus one, [`NONE`], or 0 before the first thread is watched.
    static KEY: AtomicU64 = AtomicU64::new(0);
    const NONE: u64 = u64::MAX;

    /// How many keys can be set without an allocation. A thread has room for all keys of musl, and
    /// for the first 32 of glibc, whose `pthread_setspecific` allocates a block for 32 more.
    const ROOM: libc::pthread_key_t =
        if cfg!(target_env = "musl") { libc::pthread_key_t::MAX } else { 32 };

    /// Arranges for `end` to run when the calling thread ends. Returns whether that was possible.
    /// Allocates nothing.
    pub(in crate::matrix) fn watch() -> bool {
        let Some(key) = key() else { return false };
        let any = NonNull::<c_void>::dangling().as_ptr();
        // SAFETY: `key` was made by `pthread_key_create` and is never deleted; any pointer value
        // may be stored, and this one is never dereferenced.
        unsafe { libc::pthread_setspecific(key, any) == 0 }
    }

    fn key() -> Option<libc::pthread_key_t> {
        let known = KEY.load(Ordering::Relaxed);
        let decided = if known == 0 { decide() } else { known };
        libc::pthread_key_t::try_from(decided - 1).ok()
    }

    /// Makes the key, unless another thread is the first to.
    fn decide() -> u64 {
        let made = create();
        let ours = made.map_or(NONE, |key| u64::from(key) + 1);
        // Relaxed: the key is a plain number that guards no memory.
        match KEY.compare_exchange(0, ours, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => ours,
            Err(theirs) => {
                if let Some(key) = made {
                    delete(key);
                }
                theirs
            }
        }
    }

    /// Makes a key that can be set without an allocation, if there is one left.
    fn create() -> Option<libc::pthread_key_t> {
        let mut key = 0;
        // SAFETY: `key` is valid for the write, and `on_exit` is sound to call with any value.
        if unsafe { libc::pthread_key_create(&raw mut key, Some(on_exit)) } != 0 {
            return None;
        }
        if key < ROOM {
            return Some(key);
        }
        delete(key);
        None
    }

    /// Deletes a key that `create` has just made.
    fn delete(key: libc::pthread_key_t) {
        // SAFETY: no thread has stored a value under it.
        unsafe { libc::pthread_key_delete(key) };
    }

    extern "C" fn on_exit(_: *mut c_void) {
        super::end();
    }
}

/// Elsewhere: a thread-local with a destructor. Thread-locals that were used before it are dropped
/// after it: adds from their destructors find the thread barred and go to the spill.
#[cfg(all(not(target_os = "linux"), not(all(test, any(loom, shuttle)))))]
mod at_exit {
    struct Watch;

    impl Drop for Watch {
        fn drop(&mut self) {
            super::end();
        }
    }

    thread_local! {
        static WATCH: Watch = const { Watch };
    }

    /// Arranges for `end` to run when the calling thread ends. Returns whether that was possible.
    pub(in crate::matrix) fn watch() -> bool {
        WATCH.try_with(|_| ()).is_ok()
    }
}

/// Returns `true`: the models' threads have only what a model gives them.
#[cfg(all(test, any(loom, shuttle)))]
pub(super) fn watch() -> bool {
    false
}
