//! The critical section for `x86_64`. What it does, and why that is correct, is at the head of
//! `linux.rs`.
//!
//! One add instruction to memory could be the commit, but the processors measured so far forward a
//! store to the next load of the same address at once only if both have their address in one
//! register (see `docs/guide/benchmarks.md`). So the cell's address is computed first, and then
//! loaded from, added to and stored to; the store is the commit. As every store of `x86_64`, it is
//! a release.
//!
//! In [`add_first`] that load and that store are encoded with a displacement of four bytes, which is
//! 0. That makes them longer and nothing else: Zen 5 loses a cycle or two on 64 aligned bytes of code
//! with more than twelve instructions, and a loop around the shorter section has them in one build of
//! four. See `docs/internals/rseq.md`.
//!
//! To read the macro: `descriptor!` puts the section's descriptor elsewhere; `delay!`, `disarm!`
//! and `count_abort!` are faults for unit tests, and otherwise expand to nothing; labels 2 and 3
//! are the section's start and end, 4 is the abort address, behind the signature, 7 is for misses,
//! and 9 is the descriptor. The result is the cell's address, or 0 after a miss.

#![expect(unsafe_code, reason = "the critical section")]

use super::{Area, CELL, Target, abi, count_abort, delay, descriptor, disarm};
#[cfg(target_feature = "crt-static")]
use std::ffi::c_uint;
use std::{arch::asm, mem::offset_of};

/// `RSEQ_SIG` in glibc `sysdeps/unix/sysv/linux/x86/bits/rseq.h`: the four bytes before an abort
/// handler, which the kernel compares with those given at the registration.
pub(super) const SIGNATURE: u32 = 0x5305_3053;

/// The section. Its arguments are the code that loads the id into `{cell}`, the code that turns
/// that into the cell's address, a prefix for the assembler to the load and the store of the cell,
/// and further operands.
macro_rules! section {
    (
        $load_id:expr, $to_cell:expr, $encoding:literal, $area:expr, $target:expr, $n:expr,
        $($operands:tt)*
    ) => {{
        let cell: usize;
        // SAFETY: the row of the commit is below the limit, so the caller ensures that it has the
        // cell. The thread may write its own descriptor's address to its area, whatever another
        // library left there: that library's section has ended, or this would not run. The stack is
        // not touched.
        unsafe {
            asm!(
                descriptor!(),
                delay!(0),
                // The descriptor's address, for a store that needs it in a register.
                "lea {cell}, [rip + 9b]",
                // Arm: the kernel watches from the next instruction on.
                "mov fs:[{area} + {rseq_cs} - {bias}], {cell}",
                "2:",
                disarm!(),
                delay!(1),
                // The upper half of the register becomes 0.
                $load_id,
                delay!(4),
                // Compare with the number of rows, which is 0 if adds are diverted.
                "cmp {cell:e}, [{target} + {limit}]",
                delay!(5),
                // There is no row with this number at the moment.
                "jae 7f",
                delay!(6),
                // Compute the cell's address from the row's number.
                $to_cell,
                delay!(8),
                // The register of the area is no longer needed.
                concat!($encoding, "mov {area}, [{cell}]"),
                delay!(9),
                "add {area}, {n}",
                delay!(10),
                // Commit.
                concat!($encoding, "mov [{cell}], {area}"),
                "3:",
                delay!(11),
                // The abort handler, behind the signature, which disassembles as an operand of `ud1`.
                ".pushsection .text.unlikely, \"ax\"",
                ".byte 0x0f, 0xb9, 0x3d",
                ".long {signature}",
                "4:",
                count_abort!(),
                "7:",
                "xor {cell:e}, {cell:e}",
                "jmp 3b",
                ".popsection",
                cell = out(reg) cell,
                area = inout(reg) $area.raw() as usize => _,
                target = in(reg) std::ptr::from_ref::<Target>($target),
                n = in(reg) $n,
                bias = const Area::BIAS,
                rseq_cs = const abi::RSEQ_CS,
                cpu_id = const abi::CPU_ID,
                limit = const offset_of!(Target, limit),
                first = const offset_of!(Target, first),
                signature = const SIGNATURE,
                $($operands)*
                options(nostack),
            );
        }
        cell != 0
    }};
}

/// The delay loops of unit tests need one more register.
#[cfg(not(test))]
use section as section_here;
#[cfg(test)]
macro_rules! section_here {
    ($($given:tt)*) => {
        section!($($given)* out("rcx") _,)
    };
}

/// Loads the number of the thread's CPU. If the thread is not registered it is negative, and so
/// beyond any limit as an unsigned number.
macro_rules! load_cpu {
    () => {
        "mov {cell:e}, fs:[{area} + {cpu_id} - {bias}]"
    };
}

/// Loads the dense number. If the thread is not registered it belongs to some other thread, so the
/// number of the CPU is checked first.
macro_rules! load_dense_cpu {
    () => {
        concat!(
            "cmp dword ptr fs:[{area} + {cpu_id} - {bias}], 0\n",
            delay!(2),
            "\njs 7f\n",
            delay!(3),
            "\nmov {cell:e}, fs:[{area} + {mm_cid} - {bias}]"
        )
    };
}

/// Computes the address for rows at a distance known at compile time, a power of two bytes, and the
/// first column.
macro_rules! to_cell {
    () => {
        concat!("shl {cell}, {shift}\n", delay!(7), "\nadd {cell}, [{target} + {first}]")
    };
}

/// Computes the address for rows at any distance, and any column.
macro_rules! to_cell_of_column {
    () => {
        concat!(
            "imul {cell}, {stride}\n",
            delay!(7),
            "\nadd {cell}, [{target} + {first}]\nlea {cell}, [{cell} + 8 * {column}]"
        )
    };
}

/// Does what [`add`] does for the first column, with rows `STRIDE` cells apart, a power of two.
///
/// # Safety
///
/// As for [`add`].
#[inline(always)]
pub(crate) unsafe fn add_first<const STRIDE: usize>(area: Area, target: &Target, n: u64) -> bool {
    section_here!(
        load_cpu!(), to_cell!(), "{{disp32}} ", area, target, n,
        shift = const (STRIDE * CELL).ilog2(),
    )
}

/// Adds `n` to the cell of `column` in the row of the calling thread's CPU, if the thread stays on
/// it during the add. Rows are `stride` cells apart. Returns false if the thread has not stayed
/// there, or if there is no such row: then nothing has been added.
///
/// # Safety
///
/// The contract at the head of `linux.rs`.
#[inline(always)]
pub(crate) unsafe fn add(
    area: Area,
    target: &Target,
    column: usize,
    stride: usize,
    n: u64,
) -> bool {
    section_here!(
        load_cpu!(), to_cell_of_column!(), "", area, target, n,
        column = in(reg) column, stride = in(reg) stride * CELL,
    )
}

/// Does what [`add`] does for the row of the dense number.
///
/// # Safety
///
/// As for [`add`].
#[inline(always)]
pub(crate) unsafe fn add_dense(
    area: Area,
    target: &Target,
    column: usize,
    stride: usize,
    n: u64,
) -> bool {
    section_here!(
        load_dense_cpu!(), to_cell_of_column!(), "", area, target, n,
        column = in(reg) column, stride = in(reg) stride * CELL, mm_cid = const abi::MM_CID,
    )
}

/// Returns the addresses of `__rseq_offset` and `__rseq_size` in a static program, or null if the C
/// library has none.
#[cfg(target_feature = "crt-static")]
pub(super) fn weak_symbols() -> (*const isize, *const c_uint) {
    let (offset, size);
    // SAFETY: loads two addresses that the linker has filled in.
    unsafe {
        asm!(
            ".weak __rseq_offset",
            ".weak __rseq_size",
            "mov {offset}, [rip + __rseq_offset@GOTPCREL]",
            "mov {size}, [rip + __rseq_size@GOTPCREL]",
            offset = out(reg) offset,
            size = out(reg) size,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    (offset, size)
}

/// Returns the address of the calling thread's control block.
pub(super) fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: reads the thread control block's pointer to itself.
    unsafe { asm!("mov {}, fs:[0]", out(reg) pointer, options(nostack, readonly)) };
    pointer
}
