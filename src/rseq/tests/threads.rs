//! More threads than shards or CPUs, and threads without a registration.

use super::{
    super::{
        arch::{SIGNATURE, thread_pointer},
        glibc::Symbols,
        inject::Faults,
    },
    PER_CPU, adds_disturbed, affinity, area, per_cpu, set_affinity, supported, until,
};
use crate::{matrix::One, testing::in_child};
use std::{ffi::c_int, sync::Barrier, thread};

#[test]
fn ids_beyond_the_last_shard_spill() {
    if !supported() || affinity().len() < 2 {
        return;
    }
    // Excludes the test whose sections are not armed.
    let _faults = Faults::alone();
    until("a tenth of the adds with another id than 0", || {
        // A thread that runs with such an id has no shard.
        let matrix = per_cpu(Some(1));
        let adds = adds_disturbed(|| matrix.add(One::COLUMN, 1), 8, 20, |_| {});
        let spilled = matrix.spilled(One::COLUMN);
        eprintln!("one shard: {spilled} of {adds} adds spilled");
        assert_eq!(matrix.sum(One::COLUMN), adds);
        assert_eq!(matrix.shards(), 1);
        // Far more than are aborted.
        spilled > adds / 10
    });
}

/// Ends the calling thread's registration by the system call. Returns whether that worked.
fn unregister() -> bool {
    const UNREGISTER: c_int = 1; // RSEQ_FLAG_UNREGISTER in the kernel's rseq.h
    let area = thread_pointer().wrapping_add(area().unwrap().distance());
    let ends = |length: u32| {
        // SAFETY: ends the registration of this very thread, on which glibc does not rely; with a
        // length other than that of the registration it does nothing.
        unsafe { libc::syscall(libc::SYS_rseq, area, length, UNREGISTER, SIGNATURE) == 0 }
    };
    let ended = lengths().into_iter().find(|&length| ends(length));
    // More than 32 bytes select the kernel's V2 mode, if it has one: see docs/internals/rseq.md.
    println!("registered with {} bytes", ended.unwrap_or(0));
    ended.is_some()
}

/// Returns the lengths that may have been registered. From 2.40 on, glibc registers `__rseq_size`
/// bytes, at least 32: for example 33 with Linux 7.3. Before, and for areas of our own, it is 32.
fn lengths() -> [u32; 6] {
    let size = Symbols::found().map_or(0, |symbols| symbols.size);
    [size.max(32), size.next_multiple_of(32), 32, 64, 96, 128]
}

#[test]
fn a_thread_that_loses_its_registration_spills() {
    if !supported() {
        return;
    }
    in_child(module_path!(), "a_thread_that_loses_its_registration_spills", || {
        const ADDS: u64 = 2_000_000;
        let matrix = per_cpu(None);
        let go = Barrier::new(4);
        thread::scope(|scope| {
            for registered in [true, true, false, false] {
                let (matrix, go) = (&matrix, &go);
                scope.spawn(move || {
                    matrix.add(One::COLUMN, ADDS / 2);
                    let as_told = registered || unregister();
                    go.wait();
                    assert!(as_told, "{}", std::io::Error::last_os_error());
                    (0..ADDS).for_each(|_| matrix.add(One::COLUMN, 1));
                });
            }
        });
        assert_eq!(matrix.sum(One::COLUMN), 4 * (ADDS + ADDS / 2));
        assert!(matrix.spilled(One::COLUMN) >= 2 * ADDS, "those of two threads");
    });
}

#[test]
fn adds_of_all_threads_on_one_cpu_are_exact() {
    if !supported() {
        return;
    }
    in_child(module_path!(), "adds_of_all_threads_on_one_cpu_are_exact", || {
        set_affinity(0, affinity().into_iter().take(1));
        let counter = PER_CPU.build();
        let adds = adds_disturbed(|| counter.inc(), 8, 20, |_| {});
        assert_eq!(counter.sum(), adds);
    });
}

#[test]
fn adds_of_fifty_threads_per_cpu_are_exact() {
    let _faults = Faults::alone();
    let counter = PER_CPU.build();
    let adds = adds_disturbed(|| counter.inc(), 50 * num_cpus::get(), 5, |_| {});
    assert_eq!(counter.sum(), adds);
}
