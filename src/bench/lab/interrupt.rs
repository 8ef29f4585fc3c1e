//! Ctrl-C as a request to end soon, with the results so far.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Returns whether an interrupt has been caught.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Catches the next interrupt or termination signal of this process. The one after that ends the
/// process as usual. Signals that were ignored before, as for a background job of a script, stay
/// ignored.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std catches no signals")]
pub fn catch() -> Result<(), &'static str> {
    extern "C" fn ask(_: libc::c_int) {
        ASKED.store(true, Ordering::Relaxed);
    }
    let handler: extern "C" fn(libc::c_int) = ask;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: all zeros is a valid action.
        let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: there is room for the old action, and no new one is set.
        unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut before) };
        if before.sa_sigaction == libc::SIG_IGN {
            continue;
        }
        // SAFETY: all zeros is a valid action.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
        // SAFETY: the action is valid, and its handler only stores to an atomic.
        if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err("the system lets no signals be caught");
        }
    }
    Ok(())
}

/// Returns an error: signals are caught on Linux only.
#[cfg(not(target_os = "linux"))]
pub fn catch() -> Result<(), &'static str> {
    Err("it is for Linux only")
}
