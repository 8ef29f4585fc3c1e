//! What every kernel, glibc and CPU must ensure, and the rare paths of the critical section,
//! forced.
//!
//! If the process has no restartable sequences (switched off, or under valgrind) there is nothing
//! to abort: those tests say so and end.

#![expect(unsafe_code, reason = "signals, affinity and registrations are reached through libc")]

mod area;
mod faults;
mod membarriers;
mod own;
mod threads;

use super::Area;
use crate::{
    Backend, Builder, Counter,
    matrix::{self, Matrix, One},
    settings::Settings,
};
use std::{
    sync::{
        Barrier, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const PER_CPU: Builder<Counter> = Counter::builder().backend(Backend::PerCpu);

/// Returns the matrix of a `PerCpu` counter, to see what has been spilled.
fn per_cpu(shards: Option<usize>) -> Matrix<One> {
    Matrix::new(One::new(), Settings::new(Backend::PerCpu, shards))
}

/// Returns where the area is that `PerCpu` by name uses, or what is missing.
fn area() -> Result<Area, &'static str> {
    matrix::area(Backend::PerCpu)
}

fn supported() -> bool {
    let area = area();
    if let Err(missing) = area {
        eprintln!("nothing to test: {missing}");
    }
    area.is_ok()
}

/// Sets the CPUs that the thread `tid` may run on; 0 is the calling thread.
fn set_affinity(tid: libc::pid_t, cpus: impl IntoIterator<Item = usize>) {
    // SAFETY: all zeros is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in cpus {
        // SAFETY: `cpu` comes from a set of the same type, so it is within it.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: `set` is a set of the size given.
    assert_eq!(unsafe { libc::sched_setaffinity(tid, size_of_val(&set), &raw const set) }, 0);
}

/// Returns the CPUs that the calling thread may run on.
fn affinity() -> Vec<usize> {
    // SAFETY: all zeros is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a set of the size given.
    assert_eq!(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) }, 0);
    (0..8 * size_of_val(&set))
        // SAFETY: `cpu` is within the set.
        .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .collect()
}

fn gettid() -> libc::pid_t {
    // SAFETY: `gettid` has no requirements.
    unsafe { libc::gettid() }
}

/// Tells threads to stop when it is dropped, also by a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets `adders` threads call `add` while `disturb` is called with their ids, `rounds` times.
/// Returns how often they called `add`.
fn adds_disturbed(
    add: impl Fn() + Sync,
    adders: usize,
    rounds: usize,
    mut disturb: impl FnMut(&[libc::pid_t]),
) -> u64 {
    let stop = AtomicBool::new(false);
    let adds = AtomicU64::new(0);
    let tids = Mutex::new(Vec::new());
    let ready = Barrier::new(adders + 1);
    thread::scope(|scope| {
        for _ in 0..adders {
            scope.spawn(|| {
                tids.lock().unwrap().push(gettid());
                ready.wait();
                let mut tally = 0;
                while !stop.load(Ordering::Relaxed) {
                    (0..64).for_each(|_| add());
                    tally += 64;
                }
                adds.fetch_add(tally, Ordering::Relaxed);
            });
        }
        let _stop = Stop(&stop);
        ready.wait();
        let tids = tids.lock().unwrap().clone();
        for _ in 0..rounds {
            disturb(&tids);
            // Lets the threads make progress between two rounds, also if CPUs are scarce.
            thread::sleep(Duration::from_micros(100));
        }
    });
    adds.into_inner()
}

/// Calls `attempt` until the fault has occurred often enough: a test that saw none proves nothing.
/// On a busy machine, faults can be rare.
fn until(fault: &str, mut attempt: impl FnMut() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(180);
    let start = Instant::now();
    while !attempt() {
        assert!(start.elapsed() < PATIENCE, "{fault}: not within {PATIENCE:?}");
    }
}
