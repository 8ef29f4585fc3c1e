//! Restartable sequences: an unsafe add, and where the kernel's area is.
//!
//! A restartable sequence (rseq) is a short run of instructions. The kernel either lets a thread
//! run it without interruption on one CPU, or diverts the thread to an abort address. Every thread
//! has an area that is registered with the kernel. There the kernel keeps the number of the
//! thread's CPU, and looks for the address of the descriptor of the sequence that the thread is in.
//! `docs/internals/rseq.md` has the details.
//!
//! `linux.rs` says what a critical section does; one file per architecture has it: [`add`], and two
//! variants. `glibc.rs` finds the area that glibc has registered, by the symbols that `image.rs`
//! finds. `own.rs` registers one of our own if the C library has none, but never over glibc's.
//! `kernel.rs` knows the kernels that do not abort sequences as they should. `unsupported.rs` has
//! the same names for all other targets, without an area.

// Loom and shuttle have no restartable sequences, so they are an unsupported target. A big-endian
// aarch64 would need its signature in the other byte order.
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little",
    target_os = "linux",
    not(all(test, any(loom, shuttle)))
))]
#[path = "linux.rs"]
mod imp;
#[cfg(not(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little",
    target_os = "linux",
    not(all(test, any(loom, shuttle)))
)))]
#[path = "unsupported.rs"]
mod imp;
#[cfg(test)]
#[expect(dead_code, reason = "compiled everywhere so that it cannot rot")]
mod unsupported;

// Used by `linux.rs`, and tested everywhere.
#[cfg(any(
    test,
    all(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        target_pointer_width = "64",
        target_endian = "little",
        target_os = "linux",
    )
))]
mod kernel;

use crate::sync::{AtomicPtr, AtomicU32, AtomicU64};

pub(crate) use imp::{add, add_dense, add_first, area, enter, has_dense, leave};

/// The bytes of a cell.
#[allow(dead_code, reason = "used where there is a critical section")]
const CELL: usize = 8;

/// Where a thread's area is, relative to its thread pointer, which is the same for all threads. As
/// a number it is at least [`Area::LEAST`], and its top bit is clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area(u32);

impl Area {
    /// Added to the distance, so that the number is positive.
    const BIAS: u32 = 1 << 30;
    /// The distance from the thread pointer, in bytes, is less than this.
    const FAR: u32 = 1 << 28;
    /// The smallest number of an area, which is more than half of the largest.
    pub(crate) const LEAST: u32 = Self::BIAS - Self::FAR;

    /// Returns the area at that distance from the thread pointer, in bytes, where negative
    /// distances wrap around, or `None` if that is 256 MiB or more away.
    #[allow(dead_code, reason = "used where there is a critical section")]
    const fn new(distance: usize) -> Option<Self> {
        let far = Self::FAR as usize;
        if distance.wrapping_add(far) < 2 * far {
            #[expect(clippy::cast_possible_truncation, reason = "just compared")]
            let biased = distance.wrapping_add(Self::BIAS as usize) as u32;
            Some(Self(biased))
        } else {
            None
        }
    }

    #[inline(always)]
    pub(crate) const fn raw(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the distance from the thread pointer to the area, in bytes, where negative distances
    /// wrap around.
    #[allow(dead_code, reason = "used where there is a critical section")]
    #[cfg(any(test, target_arch = "aarch64"))]
    #[inline(always)]
    const fn distance(self) -> usize {
        (self.0 as usize).wrapping_sub(Self::BIAS as usize)
    }
}

/// What a section loads of a counter, in 16 bytes. The caller writes the fields.
#[repr(C)]
pub(crate) struct Target {
    /// The cell of the first row and column.
    pub(crate) first: AtomicPtr<AtomicU64>,
    /// The number of rows that adds may go to.
    pub(crate) limit: AtomicU32,
    /// Not used by the section.
    pub(crate) tag: AtomicU32,
}
