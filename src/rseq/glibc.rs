//! Linux with glibc: where the area is, and what the critical section of every architecture does.
//!
//! ```text
//! add(column, n):
//!     thread.rseq_cs = &descriptor              // arm: the kernel now watches start..end
//! start:
//!     if thread.cpu_id < 0:    goto missed      // not registered (any more)
//!     row = thread.id                           // mm_cid, or cpu_id before Linux 6.3
//!     if row >= limit:         goto missed
//!     cell = column + row * stride
//!     *cell += n                                // ends with the commit: one instruction
//! end:
//!     return true
//! abort:                                        // preempted, migrated, or a signal, within start..end
//! missed:
//!     return false                              // nothing has been added
//! ```
//!
//! # Invariants
//!
//! 1. The commit is the last instruction of the section, and the only one that stores to anything
//!    but the thread's own rseq area. Aborted means not committed.
//! 2. The id is loaded within the section. If the thread is still in the section at the commit, it
//!    has not left the CPU since, so nobody else has that id now.
//! 3. Whoever writes to a row does it in such a section with the row's id, so the commit needs no
//!    atomic read-modify-write.
//! 4. A thread whose registration is gone has `cpu_id < 0`, but its `mm_cid` reads 0, which is some
//!    other thread's: hence the compare.
//! 5. The descriptor, the section and the abort handler live as long as the code does. The area may
//!    point to the descriptor long after the section: until the kernel next looks.
//! 6. An aborted section does not try again: its add goes to the spill. That makes adds wait-free,
//!    and stepping through one in a debugger, which aborts it each time, does not hang.
//! 7. The commit is a release, for the acquire of a collect. The load of the limit is relaxed: the
//!    section loads nothing that the limit would have to bring (`docs/ordering.md`, sections 3 and 10).

#![expect(unsafe_code, reason = "the look-up of glibc's area")]

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod arch;

pub(crate) use arch::add;

use super::{Area, kernel};
use crate::sync::{AtomicUsize, Ordering};
use std::ffi::{CStr, c_uint};

/// What the ABI fixes.
mod abi {
    /// `struct rseq` in Linux `include/uapi/linux/rseq.h`: the offsets of its fields.
    pub(super) const CPU_ID: u32 = 4;
    pub(super) const RSEQ_CS: u32 = 8;
    pub(super) const MM_CID: u32 = 24;

    /// `struct rseq` up to and with `mm_cid`, as the kernel reports it since Linux 6.3.
    pub(super) const SIZE_WITH_MM_CID: u64 = 28;
    const _: () = assert!(SIZE_WITH_MM_CID == MM_CID as u64 + 4);

    /// `AT_RSEQ_FEATURE_SIZE` in Linux `include/uapi/linux/auxvec.h`.
    pub(super) const AT_RSEQ_FEATURE_SIZE: u64 = 27;
}

/// The section's descriptor at label 9: version, flags, start, length, abort address.
macro_rules! descriptor {
    () => {
        ".pushsection __rseq_cs, \"aw\"\n.balign 32\n9:\n.long 0, 0\n.quad 2f, 3f - 2f, 4f\n.popsection"
    };
}
use descriptor;

impl Area {
    /// The area's offset in the low half, that of the id within the area in the high half: never 0.
    const fn new(offset: i32, id: u32) -> Self {
        Self(offset.cast_unsigned() as usize | (id as usize) << 32)
    }

    /// From the thread pointer to the area.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the low half is the offset"
    )]
    const fn offset(self) -> isize {
        self.0 as i32 as isize
    }

    /// From the area to the id.
    #[inline(always)]
    const fn id(self) -> usize {
        self.0 >> 32
    }
}

/// The area that glibc registers for every thread, or what is missing: the same for the life of the
/// process.
pub(crate) fn area() -> Result<Area, &'static str> {
    // Relaxed: the number is all there is. Whoever finds none looks for itself, and waits for nobody.
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    match FOUND.load(Ordering::Relaxed) {
        0 => find_area().inspect(|area| FOUND.store(area.raw(), Ordering::Relaxed)),
        raw => Ok(Area::from_raw(raw)),
    }
}

fn find_area() -> Result<Area, &'static str> {
    // By name at run time, since glibc before 2.35 and musl lack these: see rseq(2) and glibc's
    // manual, "Restartable Sequences".
    let (Some(offset), Some(size)) =
        (symbol::<isize>(c"__rseq_offset"), symbol::<c_uint>(c"__rseq_size"))
    else {
        return Err("restartable sequences need glibc 2.35 or later, dynamically linked");
    };
    if size == 0 {
        return Err(
            "glibc has not registered restartable sequences: the kernel lacks them, or GLIBC_TUNABLES=glibc.pthread.rseq=0",
        );
    }
    if kernel_may_not_abort() {
        return Err(
            "aarch64 Linux from 6.19 to 7.0.13 does not abort restartable sequences on preemption, which would lose adds: 7.0.14 and 7.1 are the first good versions",
        );
    }
    let offset = i32::try_from(offset).map_err(|_| "__rseq_offset is out of the expected range")?;
    Ok(Area::new(offset, if has_mm_cid() { abi::MM_CID } else { abi::CPU_ID }))
}

/// Whether the running kernel is one that may leave a preempted section alone, as far as its release
/// tells: see `kernel.rs`. Only on aarch64.
///
/// `--cfg striped_counter_any_kernel` believes every kernel. That is for `.ci/arm64`, which shows
/// that the tests fail on a bad one: with it, adds are lost there.
fn kernel_may_not_abort() -> bool {
    if cfg!(not(target_arch = "aarch64")) || cfg!(striped_counter_any_kernel) {
        return false;
    }
    // SAFETY: arrays of characters, of which all zeroes is a valid value.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `names` is valid for the write. In glibc this is the system call and nothing else: it
    // neither allocates nor takes a lock. Where it fails, the release stays empty.
    unsafe { libc::uname(&raw mut names) };
    let release = names.release.map(|char| char.to_ne_bytes()[0]);
    kernel::may_not_abort(release.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// The value of one of glibc's variables, if this process has it.
fn symbol<T: Copy>(name: &CStr) -> Option<T> {
    // SAFETY: `name` is a C string; `dlsym` has no other requirement.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: glibc documents each name as a variable of the type asked for, initialised before
    // `main` and constant thereafter; `dlsym` returned null or its address.
    unsafe { found.cast::<T>().as_ref() }.copied()
}

/// Whether the kernel keeps `mm_cid`: an id below both the number of threads and that of CPUs.
fn has_mm_cid() -> bool {
    // SAFETY: `getauxval` has no requirement, and answers 0 for what it does not know.
    unsafe { libc::getauxval(abi::AT_RSEQ_FEATURE_SIZE) >= abi::SIZE_WITH_MM_CID }
}

/// How many CPUs this machine can ever have, as far as glibc can find out. Every id is below this,
/// but for `cpu_id`s of a machine that leaves numbers out.
pub(crate) fn possible_cpus() -> usize {
    // Remembered, since glibc opens files to find out. Relaxed: as in `area`.
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    match FOUND.load(Ordering::Relaxed) {
        0 => {
            let cpus = ask_for_cpus();
            FOUND.store(cpus, Ordering::Relaxed);
            cpus
        }
        cpus => cpus,
    }
}

fn ask_for_cpus() -> usize {
    // SAFETY: `sysconf` has no requirement.
    let configured = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
    usize::try_from(configured).unwrap_or(1).max(1)
}

// Faults between the instructions, in unit tests; see `inject/`. Elsewhere these are nothing.
#[cfg(test)]
mod inject;
#[cfg(test)]
mod tests;
#[cfg(test)]
use inject::{count_abort, delay, disarm};
#[cfg(not(test))]
macro_rules! nothing {
    ($($boundary:literal)?) => {
        ""
    };
}
#[cfg(not(test))]
use {nothing as count_abort, nothing as delay, nothing as disarm};
