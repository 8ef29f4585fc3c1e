//! Restartable sequences: the safe face.
//!
//! A restartable sequence (rseq) is a short run of instructions that the kernel promises to run
//! without interruption on one CPU, or else to divert to an abort address. glibc registers an area
//! with the kernel for every thread; in it the kernel keeps the number of the thread's CPU, and
//! looks for the address of a descriptor of the sequence that the thread is in. `docs/rseq.md`
//! tells the whole story.
//!
//! `glibc.rs` finds the area, and says what a critical section does; one file per architecture
//! holds it. `kernel.rs` knows the kernels that break their promise. `unsupported.rs` has the same names and answers that there is none. Nothing is ever
//! registered over glibc: where glibc did not register, there is no restartable sequence.

// Loom and shuttle have no restartable sequences: under them this is an unsupported target. A
// big-endian aarch64 would need its signature the other way round.
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little",
    target_os = "linux",
    not(all(test, any(loom, shuttle)))
))]
#[path = "glibc.rs"]
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

// Wherever `glibc.rs` is, which asks it; and under test everywhere.
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

pub(crate) use imp::{add, area, possible_cpus};

/// Where a thread's rseq area is, seen from its thread pointer, and which of its fields is the id
/// to use: the same for all threads. Packed into a word for one atomic load, with a clear top bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area(usize);

impl Area {
    #[inline(always)]
    pub(crate) const fn raw(self) -> usize {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn from_raw(raw: usize) -> Self {
        Self(raw)
    }
}
