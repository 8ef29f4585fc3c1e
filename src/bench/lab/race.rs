//! Threads that start together and run until they are stopped.
//!
//! Spawning and joining are not measured: each thread reads its own clocks around its own loop.

use super::clock;
use crossbeam_utils::CachePadded;
use std::{
    io,
    panic::resume_unwind,
    sync::{
        PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, Builder, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

/// What one thread did.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// The operations before its clocks were started: the first touch of a counter may allocate.
    pub before: u64,
    /// The operations between the readings of its clocks.
    pub timed: u64,
    pub start: Instant,
    pub end: Instant,
    pub cpu: Duration,
}

/// The number of batches between two looks at the clock.
const PATIENCE: u64 = 64;

/// A gate at which threads assemble, and a flag that stops them.
pub struct Race {
    window: Duration,
    gate: RwLock<()>,
    assembled: AtomicUsize,
    stop: CachePadded<AtomicBool>,
}

impl Race {
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            gate: RwLock::default(),
            assembled: AtomicUsize::default(),
            stop: CachePadded::default(),
        }
    }

    /// Closes the gate. Threads may now be spawned.
    pub fn hold(&self) -> Start<'_> {
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        Start { race: self, gate: Some(gate) }
    }

    /// Does one thread's part: as many batches as there is time for, at least one of them timed. A
    /// call of `batch` performs `size` operations, so that the cost of the call does not matter.
    #[inline(always)]
    pub fn run(&self, size: u64, mut batch: impl FnMut()) -> Tally {
        self.assembled.fetch_add(1, Ordering::Relaxed);
        drop(self.gate.read());
        batch();
        let mut timed = 0;
        let (cpu, start) = (clock::thread_time(), Instant::now());
        while timed == 0 || !self.stop.load(Ordering::Relaxed) {
            batch();
            timed += size;
            if timed % (PATIENCE * size) == 0 && start.elapsed() > self.window {
                // Among thousands of threads, the sleeping one may be slow to wake.
                self.stop();
            }
        }
        let (end, cpu) = (Instant::now(), clock::thread_time().saturating_sub(cpu));
        Tally { before: size, timed, start, end, cpu }
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A closed gate. Dropping it stops the race, so that all threads end if one could not be spawned.
pub struct Start<'a> {
    race: &'a Race,
    gate: Option<RwLockWriteGuard<'a, ()>>,
}

impl Start<'_> {
    /// Opens the gate as soon as `threads` threads are there, and stops them after the window.
    pub fn go(mut self, threads: usize) {
        while self.race.assembled.load(Ordering::Relaxed) < threads {
            thread::yield_now();
        }
        self.gate = None;
        thread::sleep(self.race.window);
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        self.race.stop();
    }
}

/// Spawns `threads` threads with the same job, which gets the number of each.
pub fn team<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    threads: usize,
    job: impl Fn(usize) -> T + Copy + Send + 'scope,
) -> io::Result<Vec<ScopedJoinHandle<'scope, T>>> {
    let spawn = |number| {
        Builder::new().spawn_scoped(scope, move || job(number)).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start another thread: {error}"))
        })
    };
    (0..threads).map(spawn).collect()
}

/// Returns what the thread returned, or resumes its panic.
pub fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

pub fn join_all<T>(team: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    team.into_iter().map(join).collect()
}
