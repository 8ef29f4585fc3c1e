//! The critical section for `x86_64`. What it does, and why that is right, heads `glibc.rs`.
//!
//! The commit is one `add` to memory. It needs no lock prefix, and being a store of `x86_64` it is a
//! release.

#![expect(unsafe_code, reason = "the critical section")]

use super::{Area, abi, count_abort, delay, descriptor, disarm};
use crate::{
    shards::Width,
    sync::{AtomicU64, AtomicUsize},
};
use std::arch::asm;

/// `RSEQ_SIG` in glibc `sysdeps/unix/sysv/linux/x86/bits/rseq.h`: the four bytes before an abort
/// handler that the kernel checks against those given at the registration.
pub(super) const SIGNATURE: u32 = 0x5305_3053;

/// The section, with the instruction that turns the row into an offset, and any further operands.
macro_rules! section {
    ($to_offset:literal, ($area:expr, $limit:expr, $column:expr, $n:expr), $($operands:tt)*) => {
        // SAFETY: the caller's, for the commit: `row < limit`, so `column + row * stride` is a
        // cell. `area` is where the thread's rseq area is, which the thread may write its own
        // descriptor's address to, whatever another library left there: that one's section is
        // over, or we would not run. The stack is not touched.
        unsafe {
            asm!(
                descriptor!(),
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
                signature = const SIGNATURE,
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

/// Where the calling thread's control block is.
#[cfg(test)]
pub(super) fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: reads the thread control block's pointer to itself.
    unsafe { asm!("mov {}, fs:[0]", out(reg) pointer, options(nostack, readonly)) };
    pointer
}
