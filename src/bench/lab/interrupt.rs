//! Ctrl-C as a wish to end soon, with what there is by then.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Whether an interrupt has been caught.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Catches the next interrupt, or request to end, of this process. The one after that ends it as usual. What was
/// ignored before, as by a job in the background of a script, stays so.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std catches no signals")]
pub fn catch() -> Result<(), &'static str> {
    extern "C" fn ask(_: libc::c_int) {
        ASKED.store(true, Ordering::Relaxed);
    }
    let handler: extern "C" fn(libc::c_int) = ask;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: all zeros are an action.
        let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: there is room for an action, and none is set.
        unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut before) };
        if before.sa_sigaction == libc::SIG_IGN {
            continue;
        }
        // SAFETY: all zeros are an action.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
        // SAFETY: the action is whole, and its handler stores to an atomic, which is all it does.
        if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err("the system lets no signals be caught");
        }
    }
    Ok(())
}

/// Catches nothing.
#[cfg(not(target_os = "linux"))]
pub fn catch() -> Result<(), &'static str> {
    Err("it is for Linux only")
}
