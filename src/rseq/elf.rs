//! Program headers in memory, which the kernel and the loader use, too (System V ABI, chapter 5,
//! for 64 bits).

#![expect(unsafe_code, reason = "headers are read by address")]

use std::ptr;

// The offsets of fields, and a value of one.
pub(super) const SEGMENT_VADDR: usize = 16;
const SEGMENT_MEMSZ: usize = 40;
const SEGMENT_ALIGN: usize = 48;
const PT_TLS: u32 = 7;

/// Program headers.
pub(super) struct Segments {
    pub(super) first: usize,
    pub(super) size: usize,
    pub(super) count: usize,
}

impl Segments {
    /// Returns the headers of the program, from the kernel.
    pub(super) fn of_executable() -> Self {
        Self {
            first: auxiliary(libc::AT_PHDR),
            size: auxiliary(libc::AT_PHENT),
            count: auxiliary(libc::AT_PHNUM),
        }
    }

    /// Returns the address of the first header of that type.
    pub(super) fn header(&self, kind: u32) -> Option<usize> {
        let mut headers = (0..self.count).map(|index| self.first + index * self.size);
        headers.find(|&header| read::<u32>(header) == kind)
    }

    /// Returns whether `bytes` at that distance from the thread pointer are thread-locals of the
    /// executable with these headers.
    ///
    /// Such distances are constants in the program's code, so they are the same in every thread.
    pub(super) fn have_locals(&self, distance: usize, bytes: usize) -> bool {
        let Some(header) = self.header(PT_TLS) else { return false };
        let [address, size, align] =
            [SEGMENT_VADDR, SEGMENT_MEMSZ, SEGMENT_ALIGN].map(|at| read::<usize>(header + at));
        // The block of a thread begins as far from a boundary as the segment does. ELF has two
        // variants of where a block is.
        let beyond_boundary = |at: usize| at & (align.max(1) - 1);
        let start = if cfg!(target_arch = "aarch64") {
            // Above the thread pointer, which points to two words.
            let words = 2 * size_of::<usize>();
            words + beyond_boundary(address.wrapping_sub(words))
        } else {
            // Below it.
            let padding = beyond_boundary(address.wrapping_add(size).wrapping_neg());
            (size + padding).wrapping_neg()
        };
        distance.wrapping_sub(start).checked_add(bytes).is_some_and(|end| end <= size)
    }
}

/// Returns a value of the auxiliary vector, from the kernel.
pub(super) fn auxiliary(kind: libc::c_ulong) -> usize {
    // SAFETY: `getauxval` has no requirements, and returns 0 for what it does not know.
    usize::try_from(unsafe { libc::getauxval(kind) }).unwrap_or(0)
}

/// Reads a value from an image, of a type for which any bytes are valid.
pub(super) fn read<T: Copy>(address: usize) -> T {
    // SAFETY: callers take addresses from the image's own tables, which the kernel and the loader
    // have mapped and never unmap.
    unsafe { ptr::with_exposed_provenance::<T>(address).read_unaligned() }
}
