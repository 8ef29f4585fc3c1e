//! Signals and migrations within the section.

use super::{
    super::inject::{BOUNDARIES, Faults, WITHIN},
    PER_CPU, adds_disturbed, affinity, set_affinity, supported, until,
};
use crate::{Backend, Counter, CounterSet};
use std::{
    ffi::c_int,
    sync::atomic::{AtomicU64, Ordering},
};

static HANDLED: AtomicU64 = AtomicU64::new(0);
/// One counter for each section: `add_first`, `add`, and `add_dense`, which is used with fewer
/// shards than CPUs.
static FROM_HANDLER: Counter = PER_CPU.build();
static SET_FROM_HANDLER: CounterSet = CounterSet::builder(40).backend(Backend::PerCpu).build();
static DENSE_FROM_HANDLER: Counter = PER_CPU.shards(1).build();
const COLUMN: usize = 37;

fn sums() -> [u64; 3] {
    [FROM_HANDLER.sum(), SET_FROM_HANDLER.sum(COLUMN), DENSE_FROM_HANDLER.sum()]
}

fn add_to_all() {
    FROM_HANDLER.inc();
    SET_FROM_HANDLER.inc(COLUMN);
    DENSE_FROM_HANDLER.inc();
}

extern "C" fn add_in_handler(_: c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    add_to_all();
}

/// Makes `add_in_handler` handle `SIGUSR1`. The counters have their shards by then.
fn handle_signal() {
    add_to_all();
    assert_eq!(sums(), [1; 3]);
    let handler: extern "C" fn(c_int) = add_in_handler;
    // SAFETY: all zeros is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is valid, and the handler is async-signal-safe.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Sends `SIGUSR1` to the thread `tid` of this process.
fn signal(tid: libc::pid_t) {
    let process = std::process::id();
    // SAFETY: `tgkill` accepts any numbers; the signal has a handler.
    unsafe { libc::syscall(libc::SYS_tgkill, process, tid, libc::SIGUSR1) };
}

#[test]
fn a_signal_at_every_boundary_of_the_section_loses_and_doubles_nothing() {
    if !supported() {
        return;
    }
    let faults = Faults::alone();
    handle_signal();
    for boundary in 0..BOUNDARIES {
        until(&format!("a signal, and an abort if within, at boundary {boundary}"), || {
            let [aborts, handled] = signals_at(&faults, boundary);
            eprintln!("boundary {boundary}: {handled} signals, {aborts} aborts");
            handled > 0 && (aborts > 0 || !WITHIN.contains(&boundary))
        });
    }
}

/// Sends signals to threads that add and mostly are at `boundary`, and checks that nothing is lost.
/// Returns how many sections were aborted, and how many signals were handled.
fn signals_at(faults: &Faults, boundary: usize) -> [u64; 2] {
    let counts = || [faults.aborts, &HANDLED].map(|count| count.load(Ordering::SeqCst));
    let (before, [sum, ..]) = (counts(), sums());
    assert_eq!(sums(), [sum; 3]);
    faults.delays[boundary].store(2_000, Ordering::SeqCst);
    // The handler adds to the very counters whose adds it interrupts.
    let adds = adds_disturbed(add_to_all, 2, 100, |tids| {
        for &tid in tids {
            signal(tid);
        }
    });
    faults.delays[boundary].store(0, Ordering::SeqCst);
    let after = counts();
    let [aborts, handled] = [0, 1].map(|index| after[index] - before[index]);
    assert_eq!(sums(), [sum + adds + handled; 3], "boundary {boundary}");
    [aborts, handled]
}

/// Returns how many adds are lost while the threads that add are moved from CPU to CPU in their
/// sections, where they wait for `delay` turns right before the commit.
fn lost_to_migrations(faults: &Faults, delay: u64) -> u64 {
    let counter = PER_CPU.build();
    let cpus = affinity();
    faults.delays[WITHIN.end - 1].store(delay, Ordering::SeqCst);
    let mut turn = 0;
    let adds = adds_disturbed(
        || counter.inc(),
        4,
        200,
        |tids| {
            turn += 1;
            for (index, &tid) in tids.iter().enumerate() {
                set_affinity(tid, [cpus[(turn + index) % cpus.len()]]);
            }
        },
    );
    adds - counter.sum()
}

#[test]
fn a_thread_moved_within_its_section_loses_nothing() {
    if !supported() {
        return;
    }
    let faults = Faults::alone();
    let before = faults.aborts.load(Ordering::SeqCst);
    until("20 aborts", || {
        // Long, so that most migrations occur there.
        assert_eq!(lost_to_migrations(&faults, 2_000), 0);
        // Short, so that a thread on the other CPU is about to commit, too.
        assert_eq!(lost_to_migrations(&faults, 4), 0);
        let aborts = faults.aborts.load(Ordering::SeqCst) - before;
        eprintln!("moved: {aborts} aborts");
        aborts >= 20
    });
}

#[test]
fn seeded_a_section_that_is_not_armed_is_noticed() {
    if !supported() || affinity().len() < 2 {
        return;
    }
    let faults = Faults::alone();
    faults.disarmed.store(1, Ordering::SeqCst);
    until("the seeded bug is noticed", || {
        let lost = lost_to_migrations(&faults, 4);
        eprintln!("not armed: {lost} adds lost");
        lost > 0
    });
}
