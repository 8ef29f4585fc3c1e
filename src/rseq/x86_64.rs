//! The critical section for `x86_64` Linux.
//!
//! ```text
//! add(column, n):
//!     thread.rseq_cs = &descriptor              // arm: the kernel now watches start..commit
//! start:
//!     if thread.cpu_id < 0:    goto missed      // not registered (any more)
//!     row = thread.id                           // mm_cid, or cpu_id before Linux 6.3
//!     if row >= limit:         goto missed
//!     cell = column + row * stride
//!     *cell += n                                // commit: one instruction
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
//!    lock prefix.
//! 4. A thread whose registration is gone has `cpu_id < 0`, but its `mm_cid` reads 0, which is some
//!    other thread's: hence the compare.
//! 5. The descriptor, the section and the abort handler live as long as the code does. The area may
//!    point to the descriptor long after the section: until the kernel next looks.
//! 6. An aborted section does not try again: its add goes to the spill. That makes adds wait-free,
//!    and stepping through one in a debugger, which aborts it each time, does not hang.

#![expect(unsafe_code, reason = "the critical section and the look-up of glibc's area")]

use super::Area;
use crate::{
    shards::Width,
    sync::{AtomicU64, AtomicUsize, Ordering},
};
use std::{
    arch::asm,
    ffi::{CStr, c_uint},
};

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

    /// `RSEQ_SIG` in glibc `sysdeps/unix/sysv/linux/x86/bits/rseq.h`: the four bytes before an
    /// abort handler that the kernel checks against those given at the registration.
    pub(super) const SIGNATURE: u32 = 0x5305_3053;
}

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
    let offset = i32::try_from(offset).map_err(|_| "__rseq_offset is out of the expected range")?;
    Ok(Area::new(offset, if has_mm_cid() { abi::MM_CID } else { abi::CPU_ID }))
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

// Faults between the instructions, in unit tests; see `inject.rs`. Elsewhere these are nothing.
#[cfg(test)]
#[path = "inject.rs"]
mod inject;
#[cfg(test)]
#[path = "tests.rs"]
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

/// The section, with the instruction that turns the row into an offset, and any further operands.
macro_rules! section {
    ($to_offset:literal, ($area:expr, $limit:expr, $column:expr, $n:expr), $($operands:tt)*) => {
        // SAFETY: the caller's, for the commit: `row < limit`, so `column + row * stride` is a
        // cell. `area` is where the thread's rseq area is, which the thread may write its own
        // descriptor's address to, whatever another library left there: that one's section is
        // over, or we would not run. The stack is not touched.
        unsafe {
            asm!(
                // The descriptor: version, flags, start, length, abort address.
                ".pushsection __rseq_cs, \"aw\"",
                ".balign 32",
                "9:",
                ".long 0, 0",
                ".quad 2f, 3f - 2f, 4f",
                ".popsection",
                delay!(0),
                // The descriptor's address, for a store that needs it in a register.
                "lea {row}, [rip + 9b]",
                // Arm: from the very next instruction on, the kernel knows.
                "mov fs:[{area} + {rseq_cs}], {row}",
                "2:",
                disarm!(),
                delay!(1),
                // A thread that is not registered has a negative number here.
                "cmp dword ptr fs:[{area} + {cpu_id}], 0",
                delay!(2),
                // If so, its id is not its own.
                "js {missed}",
                delay!(3),
                // The id; the upper half of the register becomes 0.
                "mov {row:e}, fs:[{area} + {id}]",
                delay!(4),
                // Against the number of rows: 0 if adds are diverted.
                "cmp {row}, [{limit}]",
                delay!(5),
                // No row of this number just now.
                "jae {missed}",
                delay!(6),
                // From the row's number to its place.
                $to_offset,
                delay!(7),
                // Commit.
                "add [{column} + {row}], {n}",
                "3:",
                delay!(8),
                // The abort handler, behind the signature, which disassembles as an operand of `ud1`.
                ".pushsection .text.unlikely, \"ax\"",
                ".byte 0x0f, 0xb9, 0x3d",
                ".long {signature}",
                "4:",
                count_abort!(),
                "jmp {missed}",
                ".popsection",
                row = out(reg) _,
                area = in(reg) $area.offset(),
                id = in(reg) $area.id(),
                limit = in(reg) std::ptr::from_ref::<AtomicUsize>($limit),
                column = in(reg) $column,
                $($operands)*
                n = in(reg) $n,
                rseq_cs = const abi::RSEQ_CS,
                cpu_id = const abi::CPU_ID,
                signature = const abi::SIGNATURE,
                missed = label { return false },
                options(nostack),
            );
        }
    };
}

/// The section as it is built here: the delay loops of unit tests need a register of their own.
#[cfg(not(test))]
use section as section_here;
#[cfg(test)]
macro_rules! section_here {
    ($($given:tt)*) => {
        section!($($given)* out("rcx") _,)
    };
}

/// Adds `n` to the cell of the row that is the calling thread's for as long as it stays on its CPU,
/// at `column + row * stride` bytes. False if it has not: then nothing has been added.
///
/// # Safety
/// `column + row * stride` is a valid, aligned cell for every `row` below any value that `limit`
/// ever holds, and nobody writes to such a cell but through here with the same `area`.
#[inline(always)]
pub(crate) unsafe fn add<W: Width>(
    area: Area,
    limit: &AtomicUsize,
    column: *mut AtomicU64,
    stride: usize,
    n: u64,
) -> bool {
    if W::ONE_LINE {
        // One instruction of shorter latency: `per_cpu.rs` asserts the size of a line.
        section_here!("shl {row}, 7", (area, limit, column, n),);
        return true;
    }
    section_here!("imul {row}, {stride}", (area, limit, column, n), stride = in(reg) stride,);
    true
}
