//! One test body for every backend.

#![allow(dead_code, reason = "every test file takes what it needs")]

pub(crate) mod affinity;

use std::{
    env, fmt,
    process::Command,
    ptr,
    sync::{Barrier, Mutex},
    thread,
};
use striped_counter::{Backend, Builder, Counter};

/// Settings to test with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    asked: Backend,
    shards: Option<usize>,
    pub(crate) read_lock: bool,
}

/// Runs `body` for every backend, each with the default number of shards and, where it can be set,
/// with one for all threads, and each with the read lock off and on.
///
/// Where `PerCpu` cannot work, its cases are not left out: they are run on what the builder falls
/// back to.
pub(crate) fn on_every_backend(body: impl Fn(&Case)) {
    for case in Case::all() {
        let _named = Named(case);
        body(&case);
    }
}

impl Case {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let asked = [
            (Backend::PerCpu, None),
            (Backend::PerCpu, Some(1)),
            (Backend::PerThread, None),
            (Backend::Striped, None),
            (Backend::Striped, Some(1)),
        ];
        asked.into_iter().flat_map(|(asked, shards)| {
            [false, true].map(|read_lock| Self { asked, shards, read_lock })
        })
    }

    /// These settings, on any type of counter. Without a read lock, as the type has it by default.
    pub(crate) fn set<T>(&self, builder: Builder<T>) -> Builder<T> {
        let builder = builder.backend(self.asked);
        let builder = if self.read_lock { builder.read_lock(true) } else { builder };
        match self.shards {
            Some(shards) => builder.shards(shards),
            None => builder,
        }
    }

    /// A counter of these settings, on the backend that was to be expected of them.
    pub(crate) fn counter(&self) -> Counter {
        let counter = self.set(Counter::builder()).build();
        assert_eq!(counter.backend(), self.backend());
        counter
    }

    /// The backend that these settings come to on this machine.
    pub(crate) fn backend(&self) -> Backend {
        match self.asked {
            Backend::PerCpu if !per_cpu_works() => Backend::Striped,
            asked => asked,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.asked)?;
        if self.asked != self.backend() {
            write!(f, " (here: {})", self.backend())?;
        }
        if let Some(shards) = self.shards {
            write!(f, ", shards {shards}")?;
        }
        write!(f, ", read_lock {}", self.read_lock)
    }
}

/// Names the case that a panic passes through.
struct Named(Case);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("this was with {}", self.0);
        }
    }
}

/// Whether this machine has what `PerCpu` needs.
pub(crate) fn per_cpu_works() -> bool {
    Counter::builder().backend(Backend::PerCpu).try_build().is_ok()
}

/// What `Auto` comes to on this machine. With a C library that registers no restartable sequences, and where
/// another library might want to, that is not what `PerCpu` by name comes to.
pub(crate) fn auto() -> Backend {
    if per_cpu_works() && !cfg!(striped_counter_old_glibc) {
        Backend::PerCpu
    } else {
        Backend::Striped
    }
}

/// Runs `body`, the test of that `name`, in a process where there is nobody else.
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

/// Runs `body` on so many threads, which start together, each told its index. Returns what they
/// return, after the last of them has ended with all its thread-local destructors.
pub(crate) fn together<T: Send>(threads: usize, body: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (start, body) = (&Barrier::new(threads), &body);
    thread::scope(|scope| {
        let run = |index| {
            move || {
                start.wait();
                body(index)
            }
        };
        let running: Vec<_> = (0..threads).map(|index| scope.spawn(run(index))).collect();
        // `join` waits for the end of the thread; the scope by itself only for that of `body`.
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// `value` for the rest of the process: for what outlives its test, as the end of a thread may. Where it
/// is stays noted, so that a leak checker takes it for what it is.
pub(crate) fn lasting<T>(value: T) -> &'static T {
    static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let value = Box::leak(Box::new(value));
    KEPT.lock().unwrap().push(ptr::from_ref(value).addr());
    value
}

/// `count` amounts that differ from thread to thread and from add to add.
pub(crate) fn amounts(thread: usize, count: u64) -> impl Iterator<Item = u64> {
    let thread = thread as u64;
    (0..count).map(move |i| (i * 7 + thread * 13) % 1_000 + 1)
}

/// Adds [`amounts`] to `counter` and returns their sum.
pub(crate) fn add_amounts(counter: &Counter, thread: usize, count: u64) -> u64 {
    amounts(thread, count).inspect(|&n| counter.add(n)).sum()
}
