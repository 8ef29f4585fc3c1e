//! The descriptors of restartable sequences have the form that the kernel checks, in the library as it is
//! built.

#![cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little",
    target_os = "linux",
))]
#![expect(unsafe_code, reason = "the descriptors are found by the linker's symbols")]

use std::ptr;
use striped_counter::{Counter, CounterSet};

/// `RSEQ_SIG` in glibc's `bits/rseq.h`.
#[cfg(target_arch = "x86_64")]
const SIGNATURE: u32 = 0x5305_3053;
#[cfg(target_arch = "aarch64")]
const SIGNATURE: u32 = 0xd428_bc00;

/// `struct rseq_cs` in the kernel's `rseq.h`.
#[repr(C, align(32))]
struct Descriptor {
    version: u32,
    flags: u32,
    start: usize,
    length: usize,
    abort: usize,
}

unsafe extern "C" {
    #[link_name = "__start___rseq_cs"]
    static FIRST: Descriptor;
    #[link_name = "__stop___rseq_cs"]
    static END: Descriptor;
}

#[test]
fn every_descriptor_has_the_form_that_the_kernel_checks() {
    // Both sections are linked in, even where they cannot run.
    Counter::new().inc();
    CounterSet::new(2).inc(1);
    let (first, end) = (&raw const FIRST, &raw const END);
    let count = (end.addr() - first.addr()) / size_of::<Descriptor>();
    assert!(count >= 2, "{count} descriptors");
    for index in 0..count {
        let descriptor = first.wrapping_add(index);
        // SAFETY: the linker puts all descriptors between the two symbols.
        let descriptor = unsafe { &*descriptor };
        assert_eq!((descriptor.version, descriptor.flags), (0, 0));
        assert!((1..512).contains(&descriptor.length));
        let section = descriptor.start..descriptor.start + descriptor.length;
        assert!(!section.contains(&descriptor.abort), "the handler is outside of the section");
        let signature = ptr::with_exposed_provenance::<u32>(descriptor.abort - 4);
        // SAFETY: the signature is right before the handler, in readable memory.
        assert_eq!(unsafe { signature.read_unaligned() }, SIGNATURE);
    }
}
