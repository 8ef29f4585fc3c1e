//! Linux: which area is used, and what the critical section does on every architecture.
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
//! `add_first` does the same for the first column and a stride known at compile time. `add_dense`
//! uses `mm_cid`, which the kernel keeps since Linux 6.3, and checks `cpu_id` before.
//!
//! All three have the same safety contract. The area comes from [`area`], and for `add_dense`
//! [`has_dense`] returns true. `target.first` points to as many rows as `target.limit` ever says,
//! `stride` cells apart, with `column` in each. And these cells are written only through `add` and
//! `add_first`, or only through `add_dense`.
//!
//! # Invariants
//!
//! 1. The commit is the last instruction of the section, and the only one that stores to anything
//!    but the thread's own rseq area. So an aborted section has not committed.
//! 2. The id is loaded within the section. If the thread is still in the section at the commit, it
//!    has not left the CPU since, so no other thread has that id now.
//! 3. A row is written only in such a section, with the row's id, so the commit needs no atomic
//!    read-modify-write.
//! 4. A thread whose registration has ended has a negative `cpu_id`, which as an unsigned number is
//!    beyond any limit. But its `mm_cid` is 0, which belongs to some other thread: hence the check
//!    of `cpu_id`.
//! 5. The descriptor, the section and the abort handler live as long as the code does. The area may
//!    point to the descriptor long after the section, until the kernel looks next.
//! 6. An aborted section is not retried: its add goes to the spill. That makes adds wait-free, and
//!    a debugger that steps through one, aborting it each time, does not hang.
//! 7. The commit is a release, for the acquire of a collect. The load of the limit is relaxed: the
//!    section loads nothing that the limit would have to publish (`docs/internals/ordering.md`,
//!    sections 3 and 10).

#![expect(unsafe_code, reason = "calls the kernel and the C library")]

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

    /// The size of `struct rseq` up to and including `mm_cid`, as the kernel reports it since Linux
    /// 6.3.
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

/// The result of a look-up: the number of an area, or the number of a [`Missing`] plus one, or 0
/// before the look-up.
struct Answer(AtomicU32);

impl Answer {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn known(&self) -> Option<Result<Area, Missing>> {
        // Relaxed throughout: only the number itself matters.
        Self::read(self.0.load(Ordering::Relaxed))
    }

    fn read(raw: u32) -> Option<Result<Area, Missing>> {
        if raw >= Area::LEAST {
            return Some(Ok(Area::from_raw(raw)));
        }
        let number = (raw as usize).checked_sub(1)?;
        Some(Err(Missing::ALL[number].0))
    }

    /// Returns the result, or calls `find` if there is none yet. If several threads do so at once,
    /// all return the result of the first.
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

/// Returns where the registered area of every thread is, or what is missing: the same for the life
/// of the process. Neither waits nor takes a lock.
///
/// It is glibc's, if that has areas, or else one of our own, which the calling thread then
/// registers. Where another library may want to register one, ours is only for counters that chose
/// `PerCpu` `by_name`. `watch` arranges for [`leave`] to be called when the calling thread ends,
/// and returns whether that was possible.
pub(crate) fn area(by_name: bool, watch: fn() -> bool) -> Result<Area, &'static str> {
    let found = match glibc::area() {
        Err(Missing::Glibc) if own::is_for(by_name) => own::area(watch),
        found => found,
    };
    found.map_err(Missing::text)
}

/// Registers the calling thread's area, if it is one of our own and that has not been tried;
/// `watch` is as for [`area`]. If the kernel refuses, the thread's adds miss.
pub(crate) fn enter(watch: fn() -> bool) {
    own::enter(watch);
}

/// Ends the calling thread's registration of an area of our own. From then on its adds miss.
pub(crate) fn leave() {
    own::leave();
}

/// Returns whether the kernel keeps dense numbers, below both the number of the process's threads
/// and the number of CPUs.
pub(crate) fn has_dense() -> bool {
    // SAFETY: `getauxval` has no requirements, and returns 0 for what it does not know.
    let size = unsafe { libc::getauxval(abi::AT_RSEQ_FEATURE_SIZE) };
    size >= abi::SIZE_WITH_MM_CID
}

/// Returns whether, judging by its release, the running kernel may leave a preempted section alone;
/// see `kernel.rs`. Only on aarch64.
///
/// `--cfg striped_counter_any_kernel` accepts every kernel. That is for `.ci/arm64`, which shows
/// that the tests fail on a bad one: with it, adds are lost there.
fn kernel_may_not_abort() -> bool {
    if cfg!(not(target_arch = "aarch64")) || cfg!(striped_counter_any_kernel) {
        return false;
    }
    // SAFETY: the fields are arrays of characters, for which all zeros is a valid value.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `names` is valid for the write. In glibc this is only the system call: it neither
    // allocates nor takes a lock. If it fails, the release stays empty.
    unsafe { libc::uname(&raw mut names) };
    let release = names.release.map(|char| char.to_ne_bytes()[0]);
    kernel::may_not_abort(release.split(|&byte| byte == 0).next().unwrap_or_default())
}

// Faults between the instructions, in unit tests; see `inject/`. Elsewhere these expand to nothing.
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
