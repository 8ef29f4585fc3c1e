//! Linux: whose area is used, and what the critical section of every architecture does.
//!
//! ```text
//! add(area, target, column, stride, n):
//!     thread.rseq_cs = &descriptor              // arm: the kernel now watches start..end
//! start:
//!     row = thread.cpu_id                       // huge if the thread is not registered (any more)
//!     if row >= target.limit:  goto missed
//!     cell = target.first + column + row * stride
//!     sum = *cell + n
//!     *cell = sum                               // the commit: one instruction
//! end:
//!     return true
//! abort:                                        // preempted, migrated, or a signal, within start..end
//! missed:
//!     return false                              // nothing has been added
//! ```
//!
//! `add_first` is the same for the first column and a stride known at compile time. `add_dense` goes by
//! `mm_cid`, which the kernel keeps since Linux 6.3, and looks at `cpu_id` before.
//!
//! The safety contract is that of all three: the area is from [`area`], and for `add_dense`
//! [`has_dense`] is true; `target.first` points to as many rows as `target.limit` ever says,
//! `stride` cells apart, with `column` in each; and these cells are written in no other way than through
//! the same one of `add` or `add_first` on the one hand, and `add_dense` on the other.
//!
//! # Invariants
//!
//! 1. The commit is the last instruction of the section, and the only one that stores to anything
//!    but the thread's own rseq area. Aborted means not committed.
//! 2. The id is loaded within the section. If the thread is still in the section at the commit, it
//!    has not left the CPU since, so no other thread has that id now.
//! 3. A row is written in such a section only, with the row's id, so the commit needs no
//!    atomic read-modify-write.
//! 4. A thread whose registration is gone has a negative `cpu_id`, beyond any limit as an unsigned
//!    number; but its `mm_cid` reads 0, which is some other thread's: hence the look at `cpu_id`.
//! 5. The descriptor, the section and the abort handler live as long as the code does. The area may
//!    point to the descriptor long after the section: until the kernel next looks.
//! 6. An aborted section does not try again: its add goes to the spill. That makes adds wait-free,
//!    and stepping through one in a debugger, which aborts it each time, does not hang.
//! 7. The commit is a release, for the acquire of a collect. The load of the limit is relaxed: the
//!    section loads nothing that the limit would have to bring (`docs/internals/ordering.md`, sections 3 and 10).

#![expect(unsafe_code, reason = "asks the kernel and the C library")]

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod arch;
mod elf;
mod glibc;
#[cfg(not(target_feature = "crt-static"))]
mod image;
mod own;

pub(crate) use arch::{add, add_dense, add_first};

use super::{Area, CELL, Target, kernel};
use crate::sync::{AtomicU32, Ordering};

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

/// Why there is no area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Glibc,
    Registration,
    Range,
    Abort,
    Executable,
    Kernel,
    Taken,
}

impl Missing {
    const ALL: [(Self, &str); 7] = [
        (Self::Glibc, "restartable sequences need glibc or musl"),
        (
            Self::Registration,
            "glibc has not registered restartable sequences: the kernel lacks them, or GLIBC_TUNABLES=glibc.pthread.rseq=0",
        ),
        (Self::Range, "__rseq_offset is out of the expected range"),
        (
            Self::Abort,
            "aarch64 Linux from 6.19 to 7.0.13 does not abort restartable sequences on preemption, which would lose adds: 7.0.14 and 7.1 are the first good versions",
        ),
        (
            Self::Executable,
            "the C library registers no restartable sequences, as glibc does from 2.35 on, and code of a shared library cannot",
        ),
        (Self::Kernel, "the kernel or a filter of system calls refuses rseq(2)"),
        (Self::Taken, "another library has registered restartable sequences for its own use"),
    ];

    fn text(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// What a look-up has found, kept: the number of an area, or that of a [`Missing`] plus one; 0 before.
struct Answer(AtomicU32);

impl Answer {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn known(&self) -> Option<Result<Area, Missing>> {
        // Relaxed throughout: the number is all there is.
        Self::read(self.0.load(Ordering::Relaxed))
    }

    fn read(raw: u32) -> Option<Result<Area, Missing>> {
        if raw >= Area::LEAST {
            return Some(Ok(Area::from_raw(raw)));
        }
        let number = (raw as usize).checked_sub(1)?;
        Some(Err(Missing::ALL[number].0))
    }

    /// Of several that `find` at once, all get the answer of the first.
    fn or_find(&self, find: impl FnOnce() -> Result<Area, Missing>) -> Result<Area, Missing> {
        self.known().unwrap_or_else(|| {
            let found = find();
            let raw = found.map_or_else(|missing| missing as u32 + 1, Area::raw);
            match self.0.compare_exchange(0, raw, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => found,
                Err(theirs) => Self::read(theirs).unwrap_or(found),
            }
        })
    }
}

/// Returns where the area is that is registered for every thread, or what is missing: the same for the life of the
/// process. Neither waits nor takes a lock.
///
/// It is glibc's, if that knows of areas; else one of our own, for those that ask `by_name` where another
/// library may want one, which the calling thread then registers. `watch` has [`leave`] called when the calling
/// thread ends, and returns whether it will be.
pub(crate) fn area(by_name: bool, watch: fn() -> bool) -> Result<Area, &'static str> {
    let found = match glibc::area() {
        Err(Missing::Glibc) if own::is_for(by_name) => own::area(watch),
        found => found,
    };
    found.map_err(Missing::text)
}

/// Registers the calling thread's area if it is one of our own, and if that has not been tried; `watch` is as for
/// [`area`]. Refused, the thread's adds miss.
pub(crate) fn enter(watch: fn() -> bool) {
    own::enter(watch);
}

/// Ends the calling thread's registration of an area of our own. From then on its adds miss.
pub(crate) fn leave() {
    own::leave();
}

/// Whether the kernel keeps dense numbers, below both the number of the process's threads and that of
/// CPUs.
pub(crate) fn has_dense() -> bool {
    // SAFETY: `getauxval` has no requirement, and answers 0 for what it does not know.
    let size = unsafe { libc::getauxval(abi::AT_RSEQ_FEATURE_SIZE) };
    size >= abi::SIZE_WITH_MM_CID
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
