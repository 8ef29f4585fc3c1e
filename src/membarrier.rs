//! An asymmetric fence: free on the frequent side, a system call on the rare one.
//!
//! [`light`] and [`heavy`] together act as two sequentially consistent fences: of a thread that
//! stores, calls `light` and loads, and one that stores, calls `heavy` and loads, at least one sees
//! the other's store. On Linux `heavy` is the system call membarrier(2), which makes every running
//! thread of the process execute a fence, and `light` only keeps the compiler from reordering.
//! Elsewhere, or if the system call is unavailable, both are ordinary fences.
//!
//! If [`ends_sections`] returns `true`, `heavy` also ends every restartable sequence in progress in
//! the process: each has committed, or will abort.

use crate::sync::{Ordering, fence};

#[cfg(all(target_os = "linux", not(all(test, loom))))]
pub(crate) use linux::{ends_sections, heavy, light, register};

#[cfg(all(target_os = "linux", not(all(test, loom))))]
#[expect(unsafe_code, reason = "a system call")]
mod linux {
    use super::{Ordering, fence};
    pub(super) use libc::{
        MEMBARRIER_CMD_PRIVATE_EXPEDITED as PRIVATE_EXPEDITED,
        MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ as PRIVATE_EXPEDITED_RSEQ,
    };
    use std::{
        ffi::c_int,
        sync::atomic::{AtomicI32, compiler_fence},
    };

    /// The commands, one bit each. The command that registers for another is its next bit.
    pub(super) const COMMANDS: [c_int; 2] = [PRIVATE_EXPEDITED, PRIVATE_EXPEDITED_RSEQ];

    /// The commands for which this process is registered. Bits are only ever set, after the kernel
    /// has agreed, so a thread that sees one may rely on `heavy`.
    pub(super) static REGISTERED: AtomicI32 = AtomicI32::new(0);

    /// Registers the process with the kernel, once, which may take milliseconds.
    pub(crate) fn register() {
        for command in COMMANDS {
            if !is_registered(command) && membarrier(command << 1) {
                // Relaxed: the kernel has prepared all threads before it returns.
                REGISTERED.fetch_or(command, Ordering::Relaxed);
            }
        }
    }

    #[inline(always)]
    pub(super) fn is_registered(command: c_int) -> bool {
        REGISTERED.load(Ordering::Relaxed) & command != 0
    }

    /// Returns whether [`heavy`] ends the restartable sequences in progress.
    #[inline(always)]
    pub(crate) fn ends_sections() -> bool {
        is_registered(PRIVATE_EXPEDITED_RSEQ)
    }

    /// Performs the fence of the frequent side.
    #[inline(always)]
    pub(crate) fn light() {
        if is_registered(PRIVATE_EXPEDITED) {
            // Partners the kernel's fence on this CPU, on behalf of `heavy`.
            compiler_fence(Ordering::SeqCst);
        } else {
            // Partners the fence in `heavy`.
            fence(Ordering::SeqCst);
        }
    }

    /// Performs the fence of the rare side, in some microseconds.
    ///
    /// # Panics
    ///
    /// Panics if the kernel refuses what it agreed to before.
    pub(crate) fn heavy() {
        register();
        // Partners the fence in `light`.
        fence(Ordering::SeqCst);
        for command in COMMANDS {
            if is_registered(command) {
                // A fork may have lost the registration: register again.
                let done = membarrier(command) || membarrier(command << 1) && membarrier(command);
                assert!(done, "membarrier: the kernel withdrew command {command}");
            }
        }
    }

    pub(super) fn membarrier(command: c_int) -> bool {
        const NO_FLAGS: c_int = 0;
        const ANY_CPU: c_int = 0;
        // SAFETY: membarrier(2) accepts any numbers, and touches no memory of the process.
        unsafe { libc::syscall(libc::SYS_membarrier, command, NO_FLAGS, ANY_CPU) == 0 }
    }
}

#[cfg(all(test, target_os = "linux", not(any(loom, shuttle))))]
mod tests;

#[cfg(not(all(target_os = "linux", not(all(test, loom)))))]
pub(crate) use elsewhere::{ends_sections, heavy, light, register};

#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(not(loom), allow(dead_code, reason = "compiled everywhere so that it cannot rot"))]
mod elsewhere {
    use super::{Ordering, fence};

    pub(crate) fn register() {}

    pub(crate) fn ends_sections() -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn light() {
        // Partners the fence in `heavy`.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        // Partners the fence in `light`.
        fence(Ordering::SeqCst);
    }
}
