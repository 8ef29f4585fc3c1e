//! What the tests share. Benchmarks and nested packages include single files of this folder.

#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]

pub(crate) mod affinity;
pub(crate) mod allocator;
mod cases;
pub(crate) mod children;
pub(crate) mod processes;
pub(crate) mod residency;
mod threads;
mod types;

pub(crate) use cases::{Case, auto, on_every_backend, per_cpu_works};
pub(crate) use threads::{Crew, Stop, together};
pub(crate) use types::{Counts, Cursor, Subject, Type, on_every_type};

use std::{env, process::Command, ptr, sync::Mutex};

/// Runs `body`, the test of that `name`, in a process of its own.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    const ALONE: &str = "STRIPED_COUNTER_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return body();
    }
    let this = env::current_exe().unwrap();
    let child = Command::new(this)
        .args(["--exact", name, "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

/// Keeps `value` for the rest of the process, for threads that may outlive the test. A pointer to it stays
/// reachable, so that leak checkers do not report it.
pub(crate) fn leaked<T>(value: T) -> &'static T {
    static LEAKED: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let value = Box::leak(Box::new(value));
    LEAKED.lock().unwrap().push(ptr::from_ref(value).addr());
    value
}

/// Returns `count` amounts, each from 1 to 1,000, that differ from thread to thread and from add to add.
pub(crate) fn amounts(thread: usize, count: u64) -> impl Iterator<Item = u64> {
    let thread = thread as u64;
    (0..count).map(move |i| (i * 7 + thread * 13) % 1_000 + 1)
}

/// Adds [`amounts`] to `counter` and returns their sum.
pub(crate) fn add_amounts(counter: &(impl Counts + ?Sized), thread: usize, count: u64) -> u64 {
    amounts(thread, count).inspect(|&n| counter.add(n)).sum()
}
