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
/// `thread_local!`s, so these may count at full speed, and setting one of the first 32 keys
/// allocates nothing.
#[cfg(all(target_os = "linux", not(all(test, any(loom, shuttle)))))]
#[expect(unsafe_code, reason = "pthread keys are reached through libc")]
mod at_exit {
    use crate::sync::{AtomicU64, Ordering};
    use std::{ffi::c_void, ptr::NonNull};

    /// The key plus one, or 0 if there is none yet.
    static KEY: AtomicU64 = AtomicU64::new(0);

    /// Arranges for `end` to run when the calling thread ends. Returns whether that was possible.
    pub(in crate::matrix) fn watch() -> bool {
        let Some(key) = key() else { return false };
        let any = NonNull::<c_void>::dangling().as_ptr();
        // SAFETY: `key` was made by `pthread_key_create` and is never deleted; any pointer value
        // may be stored, and this one is never dereferenced.
        unsafe { libc::pthread_setspecific(key, any) == 0 }
    }

    fn key() -> Option<libc::pthread_key_t> {
        let kept = |plus_one: u64| libc::pthread_key_t::try_from(plus_one - 1).ok();
        let known = KEY.load(Ordering::Relaxed);
        if known != 0 {
            return kept(known);
        }
        let mut made = 0;
        // SAFETY: `made` is valid for the write, and `on_exit` is sound to call with any value.
        if unsafe { libc::pthread_key_create(&raw mut made, Some(on_exit)) } != 0 {
            return None;
        }
        // Relaxed: the key is a plain number that guards no memory.
        match KEY.compare_exchange(0, u64::from(made) + 1, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Some(made),
            Err(theirs) => {
                // SAFETY: `made` was created above, and no thread has stored a value under it.
                unsafe { libc::pthread_key_delete(made) };
                kept(theirs)
            }
        }
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
