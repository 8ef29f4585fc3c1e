//! More threads than shards or CPUs, and threads without a registration.

use super::{
    super::{
        arch::{SIGNATURE, thread_pointer},
        inject::Faults,
    },
    PER_CPU, adds_disturbed, affinity, area, set_affinity, supported,
};
use crate::child::in_child;
use std::{ffi::c_int, sync::Barrier, thread};

#[test]
fn ids_beyond_the_shards_spill() {
    if !supported() {
        return;
    }
    // Alone: not beside the test whose sections are not armed.
    let _faults = Faults::alone();
    // Whoever runs with another id than 0 has no shard.
    let counter = PER_CPU.shards(1).build();
    let adds = adds_disturbed(|| counter.inc(), 8, 20, |_| {});
    assert_eq!(counter.sum(), adds);
    assert_eq!(counter.shards(), 1);
}

/// The `rseq` system call that ends the calling thread's registration.
fn unregister() {
    const UNREGISTER: c_int = 1; // RSEQ_FLAG_UNREGISTER in the kernel's rseq.h
    // What glibc registers: 32 up to 2.39 at least, and what the kernel asks for later.
    const LENGTHS: [u32; 4] = [32, 64, 96, 128];
    let area = thread_pointer().wrapping_add_signed(area().unwrap().offset());
    let ends = |length: u32| {
        // SAFETY: ends glibc's registration of this very thread, which glibc never asks after; with
        // another length than that of the registration it does nothing.
        unsafe { libc::syscall(libc::SYS_rseq, area, length, UNREGISTER, SIGNATURE) == 0 }
    };
    assert!(LENGTHS.into_iter().any(ends), "{}", std::io::Error::last_os_error());
}

#[test]
fn a_thread_that_loses_its_registration_spills() {
    if !supported() {
        return;
    }
    in_child(module_path!(), "a_thread_that_loses_its_registration_spills", || {
        const ADDS: u64 = 2_000_000;
        let counter = PER_CPU.build();
        let go = Barrier::new(4);
        thread::scope(|scope| {
            for registered in [true, true, false, false] {
                let (counter, go) = (&counter, &go);
                scope.spawn(move || {
                    counter.add(ADDS / 2);
                    if !registered {
                        unregister();
                    }
                    go.wait();
                    (0..ADDS).for_each(|_| counter.inc());
                });
            }
        });
        assert_eq!(counter.sum(), 4 * (ADDS + ADDS / 2));
    });
}

#[test]
fn one_cpu_for_all_threads() {
    if !supported() {
        return;
    }
    in_child(module_path!(), "one_cpu_for_all_threads", || {
        set_affinity(0, affinity().into_iter().take(1));
        let counter = PER_CPU.build();
        let adds = adds_disturbed(|| counter.inc(), 8, 20, |_| {});
        assert_eq!(counter.sum(), adds);
    });
}

#[test]
fn fifty_threads_a_cpu() {
    let _faults = Faults::alone();
    let counter = PER_CPU.build();
    let adds = adds_disturbed(|| counter.inc(), 50 * num_cpus::get(), 5, |_| {});
    assert_eq!(counter.sum(), adds);
}
