//! The critical section for aarch64. What it does, and why that is right, heads `glibc.rs`.
//!
//! An add to memory is a load, an add and a store here; the store is the commit. What another
//! thread stores to the cell in between is not overwritten: no other thread does, as long as this one
//! is in the section.
//!
//! # Why a weakly ordered machine does not break it
//!
//! 1. **Between the section and the kernel no barrier is needed.** They share a CPU, and a CPU takes
//!    an interrupt between two instructions: all before have taken effect for the kernel's eyes, and
//!    none after. Whatever else is reordered, only other CPUs can see.
//! 2. **The next writer of the row sees the commit.** On the same CPU by program order; where the
//!    kernel hands the id on to another CPU (`mm_cid`), by the barriers of its switches.
//! 3. **The commit is `stlr`, a store with release.** Without it a reader might see an add and miss one
//!    that came before it. `dmb ish` and `str` would order as much, and dearer; the section would
//!    still end with the store.
//! 4. **The load of the limit is relaxed.** Rows and zeroes came with the route, which the caller has
//!    acquired. Nobody else sees the loads that follow; and the commit waits for the compare, being a
//!    store behind a branch.
//! 5. **A membarrier ends the section as anywhere.** The interrupt aborts it, or finds it committed, and
//!    is a full barrier: the commit is seen after the membarrier, and a section that begins after
//!    the interrupt loads the limit after it.
//!
//! # The registers
//!
//! x16 and x17 are those that a linker's veneer may spoil: the abort handler is far from `missed`,
//! so its jump may go through one. Taken as the section's own, they hold nothing that `missed` needs.

#![expect(unsafe_code, reason = "the critical section")]

use super::{Area, abi, count_abort, delay, descriptor, disarm};
use crate::{
    shards::Width,
    sync::{AtomicU64, AtomicUsize},
};
use std::arch::asm;

/// `RSEQ_SIG` in glibc `sysdeps/unix/sysv/linux/aarch64/bits/rseq.h`: the four bytes before an abort
/// handler that the kernel checks against those given at the registration.
pub(super) const SIGNATURE: u32 = 0xd428_bc00;

/// The section, with the instruction that turns the row into the cell's address, and any further
/// operands. One branch serves both reasons to miss, and reaches 1 MB: `tbnz`, which would do for the
/// first, reaches 32 KB. LLVM leaves `missed` in the section of the function.
macro_rules! section {
    ($to_cell:literal, ($area:expr, $limit:expr, $column:expr, $n:expr), $($operands:tt)*) => {
        // SAFETY: the caller's, for the commit: `row < limit`, so `column + row * stride` is a
        // cell. `area` is where the thread's rseq area is, which the thread may write its own
        // descriptor's address to, whatever another library left there: that one's section is
        // over, or we would not run. The stack is not touched.
        unsafe {
            asm!(
                descriptor!(),
                // The area.
                "mrs x16, tpidr_el0",
                "add {area}, {offset}, x16",
                delay!(0),
                // The descriptor's address.
                "adrp x16, 9b",
                "add x16, x16, :lo12:9b",
                // Arm: from the very next instruction on, the kernel knows.
                "str x16, [{area}, {rseq_cs}]",
                "2:",
                disarm!(),
                delay!(1),
                // Negative for a thread that is not registered.
                "ldr w16, [{area}, {cpu_id}]",
                delay!(2),
                // The id; the upper half of the register becomes 0.
                "ldr w17, [{area}, {id}]",
                delay!(3),
                "cmp w16, #0",
                delay!(4),
                // The number of rows: 0 if adds are diverted.
                "ldr x16, [{limit}]",
                delay!(5),
                // If registered, the id against the limit; else, as if it were beyond: carry set.
                "ccmp x17, x16, #2, pl",
                delay!(6),
                // Not registered, or no row of this number just now.
                "b.hs {missed}",
                delay!(7),
                // From the row's number to the cell.
                $to_cell,
                delay!(8),
                "ldr x16, [x17]",
                delay!(9),
                "add x16, x16, {n}",
                delay!(10),
                // Commit.
                "stlr x16, [x17]",
                "3:",
                delay!(11),
                // The abort handler, behind the signature, which is `brk #0x45e0`.
                ".pushsection .text.unlikely, \"ax\"",
                ".balign 4",
                ".inst {signature}",
                "4:",
                count_abort!(),
                "b {missed}",
                ".popsection",
                area = out(reg) _,
                offset = in(reg) $area.offset(),
                id = in(reg) $area.id(),
                limit = in(reg) std::ptr::from_ref::<AtomicUsize>($limit),
                column = in(reg) $column,
                $($operands)*
                n = in(reg) $n,
                rseq_cs = const abi::RSEQ_CS,
                cpu_id = const abi::CPU_ID,
                signature = const SIGNATURE,
                missed = label { return false },
                out("x16") _,
                out("x17") _,
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
    ($to_cell:literal, $given:tt, $($operands:tt)*) => {
        section!($to_cell, $given, $($operands)* delay = out(reg) _,)
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
        section_here!("add x17, {column}, x17, lsl #7", (area, limit, column, n),);
        return true;
    }
    section_here!(
        "madd x17, x17, {stride}, {column}",
        (area, limit, column, n),
        stride = in(reg) stride,
    );
    true
}

/// Where the calling thread's control block is.
#[cfg(test)]
pub(super) fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem)) };
    pointer
}
