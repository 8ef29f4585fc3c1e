//! The classic counters, and the lost update that they illustrate.

use std::{
    sync::{
        Barrier,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{self, Relaxed},
        },
    },
    thread,
};
use striped_counter::{
    Counter,
    classic::{FastReadCounter, FastWriteCounter, SingleThreadCounter, ThreadLocalCounter},
};

/// The interface of counters that threads may share.
trait Shared: Sync {
    fn inc(&self);
    fn sum(&self) -> u64;
}

macro_rules! shared {
    ($($name:ident)*) => {$(
        impl Shared for $name {
            fn inc(&self) {
                $name::inc(self);
            }

            fn sum(&self) -> u64 {
                $name::sum(self)
            }
        }
    )*};
}
shared!(FastReadCounter FastWriteCounter ThreadLocalCounter Counter);

/// One of each.
fn each() -> [(&'static str, Box<dyn Shared>); 4] {
    [
        ("FastReadCounter", Box::new(FastReadCounter::new())),
        ("FastWriteCounter", Box::new(FastWriteCounter::new())),
        ("ThreadLocalCounter", Box::new(ThreadLocalCounter::new())),
        ("Counter", Box::new(Counter::new())),
    ]
}

/// Wrong on purpose: a load and a store, with room for another thread's add in between.
#[derive(Default)]
struct NaiveCounter(AtomicU64);

impl NaiveCounter {
    fn inc(&self, between: impl FnOnce()) {
        let count = self.0.load(Ordering::SeqCst);
        between();
        self.0.store(count + 1, Ordering::SeqCst);
    }

    fn sum(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Runs `first` and `second` on two threads, with the barrier that they share.
fn two_threads(first: impl FnOnce(&Barrier) + Send, second: impl FnOnce(&Barrier) + Send) {
    let barrier = &Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| first(barrier));
        scope.spawn(|| second(barrier));
    });
}

#[test]
fn naive_adds_that_both_load_first_lose_one() {
    for _ in 0..100 {
        let counter = NaiveCounter::default();
        // No thread stores until both have loaded.
        let both_loaded = |barrier: &Barrier| counter.inc(|| _ = barrier.wait());
        two_threads(both_loaded, both_loaded);
        assert_eq!(counter.sum(), 1, "two adds");
    }
}

#[test]
fn a_naive_add_overwrites_all_that_came_between() {
    let counter = NaiveCounter::default();
    two_threads(
        |barrier| {
            counter.inc(|| {
                barrier.wait(); // Loaded 0: the other's turn,
                barrier.wait(); // which it has had.
            });
        },
        |barrier| {
            barrier.wait();
            (0..1_000).for_each(|_| counter.inc(|| ()));
            assert_eq!(counter.sum(), 1_000);
            barrier.wait();
        },
    );
    assert_eq!(counter.sum(), 1, "1,001 adds");
}

#[test]
fn naive_adds_in_turn_lose_nothing() {
    let counter = NaiveCounter::default();
    two_threads(
        |barrier| {
            counter.inc(|| ());
            barrier.wait();
        },
        |barrier| {
            barrier.wait();
            counter.inc(|| ());
        },
    );
    assert_eq!(counter.sum(), 2, "the interleaving is at fault, not the threads");
}

#[test]
fn the_others_lose_nothing_when_two_threads_add_at_once() {
    const ROUNDS: u64 = 1_000;
    for (name, counter) in each() {
        let in_step = |barrier: &Barrier| {
            for _ in 0..ROUNDS {
                barrier.wait();
                counter.inc();
            }
        };
        two_threads(in_step, in_step);
        assert_eq!(counter.sum(), 2 * ROUNDS, "{name}");
    }
}

#[test]
fn adds_of_many_threads_are_all_counted() {
    const THREADS: u64 = 8;
    const ADDS: u64 = 10_000;
    for (name, counter) in each() {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..ADDS).for_each(|_| counter.inc()));
            }
        });
        assert_eq!(counter.sum(), THREADS * ADDS, "{name}");
    }
}

#[test]
fn threads_that_come_and_go_leave_their_counts() {
    for (name, counter) in each() {
        for _ in 0..200 {
            thread::scope(|scope| _ = scope.spawn(|| counter.inc()));
        }
        assert_eq!(counter.sum(), 200, "{name}");
    }
}

#[test]
fn reading_does_not_count() {
    for (name, counter) in each() {
        counter.inc();
        assert!((0..100).all(|_| counter.sum() == 1), "{name}");
        counter.inc();
        assert_eq!(counter.sum(), 2, "{name}");
    }
}

/// Readers that draw from the same count as the adders must not see each other's draws: otherwise a sum would
/// be too high, and a later one lower.
#[test]
fn sums_of_concurrent_readers_never_go_down_and_never_too_high() {
    const ADDS: u64 = 20_000;
    for (name, counter) in each() {
        let added = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let (mut last, mut enough) = (0, false);
                    while !enough {
                        enough = added.load(Relaxed);
                        let sum = counter.sum();
                        assert!((last..=ADDS).contains(&sum), "{name}: {sum} after {last}");
                        last = sum;
                    }
                });
            }
            (0..ADDS).for_each(|_| counter.inc());
            added.store(true, Relaxed);
        });
        assert_eq!(counter.sum(), ADDS, "{name}");
    }
}

#[test]
fn one_thread_counts_plainly() {
    let counter = SingleThreadCounter::new();
    (0..10).for_each(|_| counter.inc());
    assert_eq!(counter.sum(), 10);
    let moved = thread::spawn(move || {
        counter.inc();
        counter.sum()
    });
    assert_eq!(moved.join().unwrap(), 11, "it may change threads, only not be shared");
}

#[test]
fn all_start_at_zero_and_show_their_sums() {
    assert_eq!(format!("{:?}", SingleThreadCounter::default()), "SingleThreadCounter { sum: 0 }");
    assert_eq!(format!("{:?}", FastReadCounter::default()), "FastReadCounter { sum: 0 }");
    let counter = FastWriteCounter::default();
    counter.inc();
    assert_eq!(format!("{counter:?}"), "FastWriteCounter { sum: 1 }");
    assert_eq!(format!("{counter:?}"), "FastWriteCounter { sum: 1 }", "shown before");
    assert_eq!(format!("{:?}", ThreadLocalCounter::default()), "ThreadLocalCounter { sum: 0 }");
}

/// The documented sizes, on platforms that the documentation is about.
#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn sizes_are_as_documented() {
    assert_eq!(size_of::<SingleThreadCounter>(), 8);
    assert_eq!(size_of::<FastReadCounter>(), 16);
    assert_eq!(size_of::<FastWriteCounter>(), 24);
    assert_eq!(size_of::<ThreadLocalCounter>(), 512);
}

/// What `thread_local` cannot do and `Counter` can: count in a destructor that runs late.
///
/// Only on platforms that drop thread-locals in the reverse order of their first use, so that the one here is
/// dropped after the one of `thread_local`.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn a_late_add_panics_in_thread_local_counter_and_counts_in_counter() {
    use std::{panic, sync::Mutex};

    static BY_HAND: ThreadLocalCounter = ThreadLocalCounter::new();
    static COUNTER: Counter = Counter::new();
    static WENT_WELL: Mutex<Vec<bool>> = Mutex::new(Vec::new());

    struct AtExit;
    impl Drop for AtExit {
        fn drop(&mut self) {
            let adds = [|| BY_HAND.inc(), || COUNTER.inc()];
            let went_well = adds.map(|add: fn()| panic::catch_unwind(add).is_ok());
            WENT_WELL.lock().unwrap().extend(went_well);
        }
    }
    thread_local!(static AT_EXIT: AtExit = const { AtExit });

    thread::spawn(|| {
        AT_EXIT.with(|_| ());
        BY_HAND.inc();
        COUNTER.inc();
    })
    .join()
    .unwrap();
    assert_eq!(*WENT_WELL.lock().unwrap(), [false, true]);
    assert_eq!((BY_HAND.sum(), COUNTER.sum()), (1, 2));
}
