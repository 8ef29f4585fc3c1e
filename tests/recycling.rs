//! Guarantee 1 while threads come and go: counts stay exact, and the number and the shard of a thread that
//! has ended are reused, so that memory grows with the threads alive at once and not with all there ever
//! were.
//!
//! Thread numbers belong to the process, and show only in the number of shards of a `PerThread` counter. So
//! these tests have a process of their own, and run one at a time.

mod support;

use std::{
    sync::{Barrier, Mutex, MutexGuard, PoisonError},
    thread,
};
use striped_counter::{Backend, Counter};
use support::{add_amounts, on_every_backend, together};

/// How many numbers threads other than a test's own may hold: those of the tests, of which one may be ending
/// while the next one runs.
const OTHERS: usize = 8;

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Panics if a `PerThread` counter has more shards than `peak` live threads may need.
fn assert_shards_for(peak: usize, counter: &Counter) {
    if counter.backend() == Backend::PerThread {
        let (shards, bound) = (counter.shards(), (peak + OTHERS).next_power_of_two());
        assert!(shards <= bound.max(first_shards()), "{shards} for a peak of {peak}");
    }
}

/// Returns how many shards a `PerThread` counter starts with.
fn first_shards() -> usize {
    Counter::builder().backend(Backend::PerThread).build().shards()
}

#[test]
fn ten_thousand_threads_one_after_another_count_exactly_and_use_the_same_shards() {
    const THREADS: u64 = 10_000;
    let _turn = alone();
    let counters: Vec<_> = support::Case::all().map(|case| (case, case.counter())).collect();
    for _ in 0..THREADS {
        together(1, |_| counters.iter().for_each(|(_, counter)| counter.add(3)));
    }
    for (case, counter) in &counters {
        assert_eq!(counter.sum(), 3 * THREADS, "{case}");
        assert_shards_for(1, counter);
    }
}

#[test]
fn waves_of_threads_count_exactly_and_use_the_same_shards() {
    const WAVE: usize = 40;
    let _turn = alone();
    on_every_backend(|case| {
        let (counter, one_by_one) = (case.counter(), Mutex::new(()));
        let mut added = 0;
        for _ in 0..10 {
            let all_alive = Barrier::new(WAVE);
            let tallies = together(WAVE, |thread| {
                {
                    // No other thread makes shards, so a thread that needs one gets it.
                    let _turn = one_by_one.lock();
                    counter.add(0);
                }
                all_alive.wait();
                add_amounts(&counter, thread, 50)
            });
            added += tallies.iter().sum::<u64>();
            assert_eq!(counter.sum(), added);
        }
        assert_shards_for(WAVE, &counter);
        if case.backend() == Backend::PerThread {
            assert!(counter.shards() >= WAVE, "{} for {WAVE} threads", counter.shards());
        }
    });
}

#[test]
fn threads_that_outlive_others_keep_their_shards_and_lose_nothing() {
    let _turn = alone();
    on_every_backend(|case| {
        let (counter, stop) = (case.counter(), Barrier::new(5));
        let (counter, stop) = (&counter, &stop);
        let (lasting, passing) = thread::scope(|scope| {
            let last = |thread| {
                scope.spawn(move || {
                    let tally = add_amounts(counter, thread, 20_000);
                    stop.wait();
                    tally + add_amounts(counter, thread, 100)
                })
            };
            let lasting: Vec<_> = (0..4).map(last).collect();
            let wave = |_| together(3, |thread| add_amounts(counter, thread, 50));
            let passing: u64 = (0..60).flat_map(wave).sum();
            stop.wait();
            let lasting: u64 = lasting.into_iter().map(|thread| thread.join().unwrap()).sum();
            (lasting, passing)
        });
        assert_eq!(counter.sum(), lasting + passing);
        assert_shards_for(7, counter);
    });
}

#[test]
fn threads_that_count_only_at_their_end_release_their_number() {
    struct Farewell<'a>(&'a Counter);

    impl Drop for Farewell<'_> {
        fn drop(&mut self) {
            self.0.inc();
        }
    }

    thread_local! {
        static FAREWELL: std::cell::Cell<Option<Farewell<'static>>> =
            const { std::cell::Cell::new(None) };
    }

    static COUNTER: Counter = Counter::builder().backend(Backend::PerThread).build();

    let _turn = alone();
    for _ in 0..500 {
        together(1, |_| FAREWELL.set(Some(Farewell(&COUNTER))));
    }
    assert_eq!(COUNTER.sum(), 500);
    assert_shards_for(1, &COUNTER);
}
