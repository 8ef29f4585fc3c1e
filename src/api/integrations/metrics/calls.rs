//! Calls to the inner recorder.
//!
//! It may do anything: wait, count by the very macros that are served here, flush, or panic. So no
//! lock that another thread waits for is held during these calls, and what it counts itself is
//! passed on in the next flush, or it would call itself without end.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

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

/// The first panic of the inner recorder during a flush. It must not keep other keys from being
/// passed on, so the flush goes on and panics at its end. Dropping this instead ends the panic,
/// which the panic hook has reported.
#[derive(Default)]
pub(super) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    /// Calls the inner recorder, or one of its handles. Returns `None` if it panics.
    pub(super) fn catch<T>(&mut self, call: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(|| out(call))) {
            Ok(result) => Some(result),
            Err(panic) => {
                self.0.get_or_insert(panic);
                None
            }
        }
    }

    /// Panics if the inner recorder did.
    pub(super) fn resume(self) {
        if let Some(panic) = self.0 {
            resume_unwind(panic);
        }
    }
}
