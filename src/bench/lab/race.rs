//! Threads that start together and run until they are told to stop.
//!
//! Neither spawning nor joining is in the time that is taken: each thread reads its own clocks
//! around its own loop.

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
    /// Operations before its clocks were started: the first touch of a counter may allocate.
    pub before: u64,
    /// Operations between its clocks' readings.
    pub timed: u64,
    pub start: Instant,
    pub end: Instant,
    pub cpu: Duration,
}

/// How many batches a thread does between two looks at the clock.
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

    /// A thread's part: as many batches as there is time for, at least one of them timed. A call of
    /// `batch` is `size` operations, so that what the call costs is not seen.
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
                // Among thousands of threads, the one that sleeps may be slow to wake.
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

/// A closed gate. Dropping it stops the race: should a thread fail to spawn, the others end too.
pub struct Start<'a> {
    race: &'a Race,
    gate: Option<RwLockWriteGuard<'a, ()>>,
}

impl Start<'_> {
    /// Lets `threads` threads go as soon as all of them are there, and stops them after the window.
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

/// Spawns `threads` threads with the same job, which is told how many came before.
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

/// What the thread returned; its panic goes on here.
pub fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

pub fn join_all<T>(team: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    team.into_iter().map(join).collect()
}
