//! Guarantee 1 with a seeded bug: `PerCpu` as it would be if its section ended between the load of the cell
//! and the store. The body that finds the bug finds nothing in the real counters.

#![cfg(target_os = "linux")]

use crate::support::{affinity::Hopper, on_every_backend, together};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

const THREADS: usize = 8;
const ROUNDS: u64 = 50;
const ADDS: u64 = 32;

/// Returns how many adds are missing after migrating threads have called `add`.
fn lost(add: impl Fn() + Sync, sum: impl Fn() -> u64) -> u64 {
    together(THREADS, |thread| {
        let mut hopper = Hopper::pinned(thread);
        for _ in 0..ROUNDS {
            hopper.hop();
            (0..ADDS).for_each(|_| add());
        }
    });
    THREADS as u64 * ROUNDS * ADDS - sum()
}

/// One cell per CPU.
struct Split(Vec<AtomicU64>);

impl Split {
    fn new() -> Self {
        Self((0..libc::CPU_SETSIZE).map(|_| AtomicU64::new(0)).collect())
    }

    fn add(&self) {
        let cell = &self.0[this_cpu()];
        let before = cell.load(Relaxed);
        // Here the section would end: a thread preempted from here on is not aborted.
        thread::yield_now();
        cell.store(before + 1, Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|cell| cell.load(Relaxed)).sum()
    }
}

#[expect(unsafe_code, reason = "the kernel is asked through libc")]
fn this_cpu() -> usize {
    // SAFETY: `sched_getcpu` has no requirement.
    usize::try_from(unsafe { libc::sched_getcpu() }).unwrap()
}

#[test]
fn adds_of_migrating_threads_are_not_split() {
    on_every_backend(|case| {
        let counter = case.counter();
        assert_eq!(lost(|| counter.inc(), || counter.sum()), 0);
    });
}

#[test]
fn seeded_a_store_split_from_its_load_is_noticed() {
    let split = Split::new();
    let lost = lost(|| split.add(), || split.sum());
    println!("{lost} of {} adds lost", THREADS as u64 * ROUNDS * ADDS);
    assert_ne!(lost, 0);
}
