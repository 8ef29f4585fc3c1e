//! A level is between the lowest and the highest value that it had while it was read, however long
//! the reader is held up in the middle.

use crate::{
    matrix::{Matrix, UpDown},
    settings::{Backend, Settings},
    sync::Ordering,
    testing::with_pauses,
};
use std::{
    hint,
    ops::RangeInclusive,
    sync::{Arc, Barrier, atomic::AtomicBool, atomic::AtomicU64, mpsc},
    thread,
    time::Duration,
};

type Level = Matrix<UpDown>;

const BACKENDS: [Backend; 3] = [Backend::PerCpu, Backend::PerThread, Backend::Striped];

/// More threads than a small machine has CPUs, or `PerThread` rows there at first.
const THREADS: usize = 5;
const LEVELS: RangeInclusive<i64> = 0..=5;

/// How often each of these levels is read, from its first add on.
const READS: usize = 200;
const ROUNDS: u64 = 4;

/// Pseudo-random numbers (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// How many turns to wait for other running threads before yielding the CPU to those that do not
/// run.
const SPINS: usize = 20_000;

/// Returns a pause that holds the reader up one time in eight, until other threads have gone up and
/// down a few times.
fn held_up(seed: u64, laps: Arc<AtomicU64>) -> impl FnMut() {
    let mut random = Random(seed | 1);
    move || {
        if random.below(8) == 0 {
            let until = laps.load(Ordering::Relaxed) + 1 + random.below(30);
            let mut spins = 0;
            while laps.load(Ordering::Relaxed) < until {
                spins += 1;
                if spins % SPINS == 0 { thread::yield_now() } else { hint::spin_loop() }
            }
        }
    }
}

/// Goes up and down until `stop` is set, and counts how often.
fn go_up_and_down(level: &Level, stop: &AtomicBool, laps: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        level.add(UpDown::UPS, 1);
        level.add(UpDown::DOWNS, 1);
        laps.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns everything that `read` has read from fresh levels of 0 to [`THREADS`], while it was held
/// up.
fn readings(backend: Backend, read_lock: Option<bool>, read: fn(&Level) -> u64) -> Vec<i64> {
    let mut readings = Vec::new();
    for round in 0..ROUNDS {
        let settings = Settings::new(backend, None).with_read_lock(read_lock);
        let level = &Matrix::new(UpDown::new(), settings);
        let (stop, laps) = (&AtomicBool::new(false), Arc::new(AtomicU64::new(0)));
        let start = &Barrier::new(THREADS + 1);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let laps = &laps;
                scope.spawn(move || {
                    start.wait();
                    go_up_and_down(level, stop, laps);
                });
            }
            start.wait();
            with_pauses(held_up(round, Arc::clone(&laps)), || {
                readings.extend((0..READS).map(|_| read(level).cast_signed()));
            });
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(level.sum(UpDown::UPS), 0);
    }
    readings
}

fn sum(level: &Level) -> u64 {
    level.sum(UpDown::UPS)
}

#[test]
fn a_level_read_with_delays_is_one_that_was() {
    for backend in BACKENDS {
        for read_lock in [None, Some(true)] {
            let wrong = |sum: &i64| !LEVELS.contains(sum);
            let readings = readings(backend, read_lock, sum);
            assert_eq!(readings.iter().copied().find(wrong), None, "{backend}, {read_lock:?}");
        }
    }
}

#[test]
fn a_level_read_with_delays_and_without_a_lock_is_never_negative() {
    for backend in BACKENDS {
        let lowest = readings(backend, Some(false), sum).into_iter().min();
        assert!(lowest >= Some(0), "{backend}: {lowest:?}");
    }
}

/// Reads a level of 10 while another thread holds the lock. During each look in turn, it goes up by one
/// of `busy` and down again. Returns `None` if the reader waits for the lock.
fn sum_while_locked(backend: Backend, read_lock: Option<bool>, busy: [u64; 4]) -> Option<u64> {
    let settings = Settings::new(backend, None).with_read_lock(read_lock);
    let level = Arc::new(Matrix::new(UpDown::new(), settings));
    (0..10).for_each(|_| level.add(UpDown::UPS, 1));
    let touched = Barrier::new(2);
    thread::scope(|scope| {
        let (sender, sums) = mpsc::channel();
        let (level, touched) = (&level, &touched);
        scope.spawn(move || {
            // Its first adds may spill, and grow the matrix, which needs the lock.
            (0..2).for_each(|_| level.add(UpDown::UPS, 0));
            touched.wait();
            touched.wait();
            sender.send(sum_while_busy(level, busy)).unwrap();
        });
        touched.wait();
        let lock = level.lock().ok().unwrap();
        touched.wait();
        let sum = sums.recv_timeout(Duration::from_secs(20)).ok();
        drop(lock);
        sum
    })
}

fn sum_while_busy(level: &Arc<Level>, busy: [u64; 4]) -> u64 {
    /// How many there are during a look, the first before it reads what went up.
    const PAUSES: usize = 3;
    let (other, mut pauses) = (Arc::clone(level), 0);
    let pause = move || {
        if pauses % PAUSES == 0 {
            other.add(UpDown::UPS, busy[pauses / PAUSES]);
            other.add(UpDown::DOWNS, busy[pauses / PAUSES]);
        }
        pauses += 1;
    };
    with_pauses(pause, || sum(level))
}

/// For the two backends whose adds are never aborted: an add that spills makes no error.
#[test]
fn the_look_with_the_least_error_counts_if_there_must_be_no_lock() {
    for backend in [Backend::PerThread, Backend::Striped] {
        assert_eq!(sum_while_locked(backend, Some(false), [7, 5, 1, 3]), Some(11), "{backend}");
    }
}

#[test]
fn a_level_is_locked_only_if_no_look_is_exact() {
    for backend in BACKENDS {
        for busy in [[0; 4], [7, 0, 9, 9], [7, 5, 0, 9], [7, 5, 3, 0]] {
            assert_eq!(sum_while_locked(backend, None, busy), Some(10), "{backend}, {busy:?}");
        }
        let level = Arc::new(Matrix::new(UpDown::new(), Settings::new(backend, None)));
        level.add(UpDown::UPS, 10);
        assert_eq!(sum_while_busy(&level, [7, 5, 1, 3]), 10, "{backend}");
    }
}

/// The seeded bug: one look, as for a counter that only goes up.
#[test]
fn seeded_one_look_at_a_level_reads_more_than_there_was() {
    fn look(level: &Level) -> u64 {
        let downs = level.collect(UpDown::DOWNS);
        crate::testing::pause();
        let spilled = level.spilled(UpDown::UPS);
        level.collect(UpDown::UPS).wrapping_add(spilled).wrapping_sub(downs)
    }
    for backend in BACKENDS {
        let highest = readings(backend, None, look).into_iter().max();
        assert!(
            highest > Some(*LEVELS.end()),
            "{backend}: {highest:?}, and so no test of anything"
        );
    }
}
