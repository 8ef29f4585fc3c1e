//! Adds from threads that move between CPUs: the same code for a program and for a shared library, of which a
//! program may load several.

use std::thread;
use striped_counter::{Backend, Builder, Counter, CounterSet, UpDownCounter};

const THREADS: usize = 4;
const ADDS: u64 = 20_000;

/// Moves the calling thread to another CPU, if it may use several.
#[cfg(target_os = "linux")]
fn hop(step: u64) {
    // SAFETY: a set of CPUs is plain numbers, for which zeros do.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `step % 2` is less than a set has room for.
    unsafe { libc::CPU_SET(usize::from(step % 2 == 1), &mut set) };
    // SAFETY: the set has the size given. A refusal leaves the thread where it is.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

#[cfg(not(target_os = "linux"))]
fn hop(_step: u64) {}

fn on_threads(body: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for step in 0..ADDS {
                    if step % 64 == 0 {
                        hop(step / 64);
                    }
                    body();
                }
            });
        }
    });
}

fn built<T>(builder: Builder<T>, backend: Backend, read_lock: bool) -> Builder<T> {
    builder.backend(backend).read_lock(read_lock)
}

/// Returns whether counters of each type, on each backend, have the adds of all threads.
#[must_use]
pub fn is_exact() -> bool {
    let expected = THREADS as u64 * ADDS;
    let backends = [Backend::PerCpu, Backend::PerThread, Backend::Striped];
    backends.into_iter().flat_map(|backend| [(backend, false), (backend, true)]).all(
        |(backend, lock)| {
            let counter = built(Counter::builder(), backend, lock).build();
            let level = built(UpDownCounter::builder(), backend, lock).build();
            let set = built(CounterSet::builder(3), backend, lock).build();
            on_threads(|| {
                counter.inc();
                level.add(2);
                level.sub(1);
                set.add_many(&[(0, 1), (2, 3)]);
            });
            counter.sum() == expected
                && level.sum() == expected.cast_signed()
                && set.sums() == [expected, 0, 3 * expected]
        },
    )
}

/// For programs that load this as a library: the number of the backend at work, or -1 if a count was wrong.
#[unsafe(no_mangle)]
pub extern "C" fn striped_counter_builds_backend() -> libc::c_int {
    match Counter::new().backend() {
        _ if !is_exact() => -1,
        Backend::PerCpu => 1,
        Backend::PerThread => 2,
        _ => 3,
    }
}
