//! The critical section for aarch64. What it does, and why that is correct, is at the head of
//! `linux.rs`.
//!
//! An add to memory is a load, an add and a store here; the store is the commit. It cannot
//! overwrite what another thread stores to the cell in between, since no other thread does while
//! this one is in the section.
//!
//! # Why weak ordering does not break it
//!
//! 1. **No barrier is needed between the section and the kernel.** They share a CPU, and a CPU
//!    takes an interrupt between two instructions: to the kernel, all instructions before it have
//!    taken effect, and none after it. Only other CPUs can see a different order.
//! 2. **The next writer of the row sees the commit.** On the same CPU by program order; if the
//!    kernel passes the id on to another CPU (`mm_cid`), by the barriers of its context switches.
//! 3. **The commit is `stlr`, a store with release.** Otherwise a reader might see an add and miss
//!    an earlier one. `dmb ish` and `str` would give the same order at a higher price; the section
//!    would still end with the store.
//! 4. **The load of the limit is relaxed.** Rows and zeros were published with the route, which the
//!    caller has acquired. No other thread observes the loads that follow; and the commit waits for
//!    the comparison, since it is a store behind a branch.
//! 5. **A membarrier ends the section as on other machines.** The interrupt aborts it, or finds it
//!    committed, and is a full barrier: the commit is visible after the membarrier, and a section
//!    that begins after the interrupt loads the limit after it.
//!
//! # The registers
//!
//! A linker's veneer may overwrite x16 and x17: the abort handler is far from the section's end, so
//! its jump may go through one. Used as temporaries of the section, they hold nothing that is
//! needed there.

#![expect(unsafe_code, reason = "the critical section")]

use super::{Area, CELL, Target, abi, count_abort, delay, descriptor, disarm};
#[cfg(target_feature = "crt-static")]
use std::ffi::c_uint;
use std::{arch::asm, mem::offset_of};

/// `RSEQ_SIG` in glibc `sysdeps/unix/sysv/linux/aarch64/bits/rseq.h`: the four bytes before an
/// abort handler, which the kernel compares with those given at the registration.
pub(super) const SIGNATURE: u32 = 0xd428_bc00;

/// The section. Its arguments are the code that clears the carry flag if `x17` is the id of a row
/// below the limit `w16`, the code that turns the id into the cell's address, and further operands
/// for both. `{place}` is the address of the area, then of the cell, and 0 after a miss; it is 0
/// from the comparison to the branch in any case.
macro_rules! section {
    ($check_id:expr, $to_cell:expr, $area:expr, $target:expr, $n:expr, $($operands:tt)*) => {{
        let place: usize;
        // SAFETY: the row of the commit is below the limit, so the caller ensures that it has the
        // cell. The thread may write its own descriptor's address to its area, whatever another
        // library left there: that library's section has ended, or this would not run. The stack is
        // not touched.
        unsafe {
            asm!(
                descriptor!(),
                // The area.
                "mrs x16, tpidr_el0",
                "add {place}, {distance}, x16",
                delay!(0),
                // The descriptor's address.
                "adrp x16, 9b",
                "add x16, x16, :lo12:9b",
                // Arm: the kernel watches from the next instruction on.
                "str x16, [{place}, {rseq_cs}]",
                "2:",
                disarm!(),
                delay!(1),
                $check_id,
                delay!(6),
                // There is no row with this number at the moment. The flags stay as they are.
                "mov {place}, xzr",
                "b.hs 3f",
                delay!(7),
                // Compute the cell's address from the row's number.
                $to_cell,
                delay!(8),
                "ldr x16, [{place}]",
                delay!(9),
                "add x16, x16, {n}",
                delay!(10),
                // Commit.
                "stlr x16, [{place}]",
                "3:",
                delay!(11),
                // The abort handler, behind the signature, which is `brk #0x45e0`.
                ".pushsection .text.unlikely, \"ax\"",
                ".balign 4",
                ".inst {signature}",
                "4:",
                count_abort!(),
                "mov {place}, xzr",
                "b 3b",
                ".popsection",
                place = out(reg) place,
                distance = in(reg) $area.distance(),
                target = in(reg) std::ptr::from_ref::<Target>($target),
                n = in(reg) $n,
                rseq_cs = const abi::RSEQ_CS,
                cpu_id = const abi::CPU_ID,
                limit = const offset_of!(Target, limit),
                first = const offset_of!(Target, first),
                signature = const SIGNATURE,
                out("x16") _,
                out("x17") _,
                $($operands)*
                options(nostack),
            );
        }
        place != 0
    }};
}

/// The delay loops of unit tests need one more register.
#[cfg(not(test))]
use section as section_here;
#[cfg(test)]
macro_rules! section_here {
    ($($given:tt)*) => {
        section!($($given)* delay = out(reg) _,)
    };
}

/// Compares the number of the thread's CPU with the limit, which is 0 if adds are diverted. If the
/// thread is not registered the number is negative, and so beyond any limit as an unsigned number.
macro_rules! check_cpu {
    () => {
        concat!(
            "ldr w17, [{place}, {cpu_id}]\n",
            delay!(2),
            "\nldr w16, [{target}, {limit}]\n",
            delay!(5),
            "\ncmp w17, w16"
        )
    };
}

/// Compares the dense number with the limit, if the number of the CPU is not negative; otherwise
/// sets the carry flag, as if the number were beyond the limit. If the thread is not registered,
/// its dense number belongs to some other thread.
macro_rules! check_dense_cpu {
    () => {
        concat!(
            "ldr w16, [{place}, {cpu_id}]\n",
            delay!(2),
            "\nldr w17, [{place}, {mm_cid}]\n",
            delay!(3),
            "\ncmp w16, #0\n",
            delay!(4),
            "\nldr w16, [{target}, {limit}]\n",
            delay!(5),
            "\nccmp w17, w16, #2, pl"
        )
    };
}

/// Computes the address for rows at a distance known at compile time, a power of two bytes, and the
/// first column. x16 is no longer needed.
macro_rules! to_cell {
    () => {
        "ldr x16, [{target}, {first}]\nadd {place}, x16, x17, lsl {shift}"
    };
}

/// Computes the address for rows at any distance, and any column.
macro_rules! to_cell_of_column {
    () => {
        "ldr x16, [{target}, {first}]\nmadd x17, x17, {stride}, x16\nadd {place}, x17, {column}, lsl #3"
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
        check_cpu!(), to_cell!(), area, target, n,
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
        check_cpu!(), to_cell_of_column!(), area, target, n,
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
        check_dense_cpu!(), to_cell_of_column!(), area, target, n,
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
            "adrp {offset}, :got:__rseq_offset",
            "ldr {offset}, [{offset}, :got_lo12:__rseq_offset]",
            "adrp {size}, :got:__rseq_size",
            "ldr {size}, [{size}, :got_lo12:__rseq_size]",
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
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem)) };
    pointer
}
