//! An area of our own, for threads of a C library that registers none: musl, and glibc before 2.35.
//!
//! The kernel accepts one area per thread, from whichever library registers first. So the crate
//! registers one only where the C library never does, and no other library is expected to: by
//! default with musl; with an old glibc, where Google's tcmalloc may want to, only for a counter
//! that chose `PerCpu` by name.
//!
//! The area is a thread-local. Like glibc's it has to be at the same distance from the thread
//! pointer in every thread, since a section also accesses it in threads that have registered
//! nothing. Thread-locals of the executable are; those of a library that was loaded later are not.
//! So the area is used only if it is within the executable's segment of thread-locals.
//!
//! # No area stays registered in memory that is gone
//!
//! The kernel writes to a thread's area whenever it has interrupted the thread, and kills the
//! process if the memory is gone. An area is part of its thread's memory, and so:
//!
//! 1. With musl, a thread registers its area only after its end is being [watched](super::area), and
//!    not if it is already ending, so that `leave` runs before the C library releases the thread's
//!    memory: musl unmaps the memory of a detached thread while that is still running; see
//!    [`is_ending`]. glibc never does: it keeps the memory until the kernel says that the thread
//!    has ended, and then the kernel no longer uses the area either. So there a thread whose end
//!    cannot be watched registers as well.
//! 2. [`leave`] bars the thread before it unregisters the area. Later adds go to the spill.
//! 3. Signal handlers may interrupt any of this, and never return. They find the thread barred; and
//!    if they end the thread, its end has been watched, where it has to be, since before there was
//!    anything to unregister.
//! 4. The child of a fork has its thread's area, registered, and the flag that says so; its other
//!    threads are gone. A process that shares the memory, after vfork(2), has none registered, and
//!    must not count.
//!
//! One case remains: a filter of system calls that is installed later and does not let the thread
//! unregister the area.

#![expect(unsafe_code, reason = "the system call, and a function of the C library")]

use super::{Answer, Area, Missing, abi, arch, elf::Segments, kernel_may_not_abort};
use crate::{errno, sync::AtomicU32};
use std::{
    ffi::c_int,
    ptr,
    sync::atomic::{AtomicBool, Ordering, compiler_fence},
};

/// `struct rseq` with its original length, which every kernel accepts, and which selects the
/// compatible mode of kernels that have two modes. `mm_cid` lies within it, if the kernel keeps
/// one.
#[repr(C, align(32))]
pub(super) struct Own([AtomicU32; SIZE / 4]);

pub(super) const SIZE: usize = 32;
/// `RSEQ_CPU_ID_UNINITIALIZED` in Linux `include/uapi/linux/rseq.h`: beyond any limit.
const UNREGISTERED: u32 = u32::MAX;
/// `RSEQ_FLAG_UNREGISTER` there.
const UNREGISTER: c_int = 1;

impl Own {
    pub(super) const fn new() -> Self {
        let mut words = [const { AtomicU32::new(0) }; SIZE / 4];
        words[abi::CPU_ID as usize / 4] = AtomicU32::new(UNREGISTERED);
        Self(words)
    }
}

// Both without a destructor, so that they exist to the very end of the thread. Atomic, since signal
// handlers of this thread may count; relaxed, since no other thread sees them.
thread_local! {
    static OWN: Own = const { Own::new() };
    /// Whether the thread has tried to register, or is barred from it.
    static ASKED: AtomicBool = const { AtomicBool::new(false) };
}

/// Where the areas are, once that is known.
static ANSWER: Answer = Answer::new();

/// Returns whether counters may use an area of our own, depending on whether they chose `PerCpu`
/// `by_name`.
pub(super) const fn is_for(by_name: bool) -> bool {
    cfg!(target_env = "musl") || cfg!(target_env = "gnu") && by_name
}

/// Returns where the areas are, or what is missing: the same for the life of the process. To find
/// out, the calling thread [`enter`]s.
pub(super) fn area(watch: fn() -> bool) -> Result<Area, Missing> {
    ANSWER.or_find(|| {
        let area = place().ok_or(Missing::Executable)?;
        if kernel_may_not_abort() {
            return Err(Missing::Abort);
        }
        // The kernel rejects a null area as invalid, unless it rejects the system call itself.
        if rseq(ptr::null(), 0, 0) != Err(libc::EINVAL) {
            return Err(Missing::Kernel);
        }
        register(watch).map_err(|_| Missing::Taken)?;
        Ok(area)
    })
}

/// Registers the calling thread's area, if there are areas of our own and the thread has not tried
/// before.
pub(super) fn enter(watch: fn() -> bool) {
    if let Some(Ok(_)) = ANSWER.known() {
        // If the kernel refuses, the thread's adds go to the spill.
        let _ = register(watch);
    }
}

/// Registers the calling thread's area, if it has not tried before. Returns the kernel's error.
fn register(watch: fn() -> bool) -> Result<(), c_int> {
    // A signal handler that counts in the middle of this finds that the thread has tried, and its
    // add goes to the spill.
    if ASKED.with(|asked| asked.swap(true, Ordering::Relaxed)) {
        return Ok(());
    }
    compiler_fence(Ordering::SeqCst);
    if is_ending() {
        // It may try again later: a thread that has disabled its cancellation looks the same.
        ASKED.with(|asked| asked.store(false, Ordering::Relaxed));
        return Ok(());
    }
    let may_register = watch() || cfg!(target_env = "gnu");
    if may_register { OWN.with(|own| rseq(own, SIZE, 0)) } else { Ok(()) }
}

/// Ends the calling thread's registration, for good.
pub(super) fn leave() {
    let asked = ASKED.with(|asked| asked.swap(true, Ordering::Relaxed));
    compiler_fence(Ordering::SeqCst);
    if asked {
        // Fails if the area is not registered, which is fine.
        let _ = OWN.with(|own| rseq(own, SIZE, UNREGISTER));
    }
}

/// Makes the system call, for the calling thread.
pub(super) fn rseq(own: *const Own, size: usize, flags: c_int) -> Result<(), c_int> {
    // SAFETY: the kernel writes to the area, which consists of atomics, until it is unregistered;
    // the head of this file says why that is before its memory is gone. A null area is rejected.
    let failed = unsafe { libc::syscall(libc::SYS_rseq, own, size, flags, arch::SIGNATURE) } != 0;
    if failed { Err(errno::get()) } else { Ok(()) }
}

pub(super) fn address() -> usize {
    OWN.with(|own| ptr::from_ref(own).addr())
}

/// Returns whether the kernel keeps the number of the CPU in the calling thread's area.
#[cfg(test)]
pub(super) fn is_registered() -> bool {
    OWN.with(|own| own.0[abi::CPU_ID as usize / 4].load(Ordering::Relaxed)) < UNREGISTERED - 1
}

/// Returns where the area is, if it is among the thread-locals of the executable.
fn place() -> Option<Area> {
    let distance = address().wrapping_sub(arch::thread_pointer());
    if Segments::of_executable().have_locals(distance, SIZE) { Area::new(distance) } else { None }
}

/// Returns whether the calling thread is ending, so that a key's destructor may no longer be called
/// if its value is set now.
///
/// POSIX requires that a thread that ends disable its cancellation before anything else (2.9.5,
/// "Thread Cancellation Cleanup Handlers"), and musl does since 1.1.7. If a thread has disabled it
/// for other reasons, its adds go to the spill until it enables it again.
#[cfg(target_env = "musl")]
fn is_ending() -> bool {
    const DISABLE: c_int = 1;
    const ENABLE: c_int = 0;
    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }
    let mut before = DISABLE;
    // SAFETY: `before` is valid for the write. A thread may disable its cancellation at any time.
    unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
    // SAFETY: this is the state that it had; musl accepts null if the old state is not wanted.
    unsafe { pthread_setcancelstate(before, ptr::null_mut()) };
    before != ENABLE
}

/// Returns `false`: with glibc it does not matter, as the head of this file explains.
#[cfg(not(target_env = "musl"))]
const fn is_ending() -> bool {
    false
}
