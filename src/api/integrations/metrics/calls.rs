//! Calls to the inner recorder.
//!
//! It may do anything: wait, count by the very macros that are served here, or flush. So no lock is
//! held during these calls, and what it counts itself is passed on in the next flush, or it would
//! call itself without end.

use std::cell::Cell;

thread_local! {
    /// Whether this thread is in such a call.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Calls the inner recorder, or one of its handles.
pub(super) fn out<T>(call: impl FnOnce() -> T) -> T {
    struct Back(bool);

    impl Drop for Back {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }

    let _back = Back(INSIDE.replace(true));
    call()
}

/// Returns whether the inner recorder is the caller.
pub(super) fn from_inside() -> bool {
    INSIDE.get()
}
