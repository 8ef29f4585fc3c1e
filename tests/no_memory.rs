//! Adds without memory: where the system refuses memory for shards, adds spill and are exact, and as soon as
//! there is memory they reach their shards.
//!
//! Memory is refused by limiting the address space to what is mapped, in the child of a fork. This process
//! itself never adds, so no chunk has room for a lease.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "limits are set through libc")]

mod support;

use std::{fs::File, io::Read as _, sync::Barrier};
use striped_counter::{Backend, Builder, Counter, CounterSet, Histogram, UpDownCounter};
use support::{
    Case, alone,
    children::{Ended, in_child_for},
    on_every_backend, per_cpu_works, together,
};

/// Returns from the body of a child with a status that identifies the line, if the condition is false.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            return i32::try_from(line!() % 250).unwrap() + 1;
        }
    };
}

/// Runs `body` in a child that has ten seconds, and panics unless it returns 0.
fn in_child(body: impl FnOnce() -> i32) {
    match in_child_for(10, body) {
        Ended::Returned(0) => {}
        Ended::Returned(255) => panic!("the child has panicked"),
        Ended::Returned(line) => panic!("not so on line {}, or 250 more", line - 1),
        Ended::Killed(signal) => panic!("killed by signal {signal}"),
    }
}

/// Returns how many bytes this process has mapped, without allocating.
fn mapped() -> libc::rlim_t {
    let mut text = [0; 128];
    let read = File::open("/proc/self/statm").unwrap().read(&mut text).unwrap();
    let pages = std::str::from_utf8(&text[..read]).unwrap().split(' ').next().unwrap();
    // SAFETY: `sysconf` has no requirement.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.parse::<libc::rlim_t>().unwrap() * libc::rlim_t::try_from(page).unwrap()
}

fn set_limit(bytes: libc::rlim_t) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the write.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
    limit.rlim_cur = bytes.min(limit.rlim_max);
    // SAFETY: `limit` is valid for the read.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

/// Limits the address space until it is dropped.
struct Refusal;

impl Refusal {
    fn beyond(bytes: libc::rlim_t) -> Self {
        set_limit(mapped() + bytes);
        Self
    }

    fn of_everything() -> Self {
        let refusal = Self::beyond(0);
        // SAFETY: maps new memory at any address.
        let memory = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            libc::mmap(std::ptr::null_mut(), 1, libc::PROT_READ, flags, -1, 0)
        };
        assert_eq!(memory, libc::MAP_FAILED, "memory is not refused");
        refusal
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        set_limit(libc::RLIM_INFINITY);
    }
}

/// On every backend, padded and not.
fn on_all(body: impl Fn(&Case, bool)) {
    on_every_backend(|case| [false, true].into_iter().for_each(|padded| body(case, padded)));
}

fn counter(case: &Case, padded: bool) -> Counter {
    case.set(Counter::builder()).padded(padded).build()
}

fn level(case: &Case, padded: bool) -> UpDownCounter {
    case.set(UpDownCounter::builder()).padded(padded).build()
}

#[test]
fn a_counter_without_memory_is_exact_and_finds_its_shards_when_there_is_some() {
    on_all(|case, padded| {
        in_child(|| {
            let counter = counter(case, padded);
            let mut seen = counter.deltas();
            let refusal = Refusal::of_everything();
            (0..10).for_each(|_| counter.add(7));
            ensure!(!counter.warm_up());
            ensure!((counter.sum(), counter.total()) == (70, 70));
            ensure!(counter.take() == 70);
            ensure!((counter.sum(), counter.total(), counter.take()) == (0, 70, 0));
            counter.add(5);
            ensure!((counter.sum(), counter.total()) == (5, 75));
            ensure!((counter.take(), seen.next_delta()) == (5, 75));
            counter.add(3);
            drop(refusal);
            ensure!((counter.sum(), counter.total()) == (3, 78));
            ensure!(counter.warm_up());
            ensure!((counter.sum(), counter.total()) == (3, 78));
            (0..10).for_each(|_| counter.inc());
            ensure!((counter.sum(), counter.total()) == (13, 88));
            ensure!((counter.take(), counter.take(), seen.next_delta()) == (13, 0, 13));
            counter.inc();
            ensure!((counter.sum(), counter.total()) == (1, 89));
            0
        });
    });
}

/// Takes without memory are noted elsewhere, and the next add or take with memory moves the note.
#[test]
fn the_first_add_or_take_with_memory_keeps_what_was_taken_without() {
    on_all(|case, padded| {
        for read_first in [false, true] {
            in_child(|| {
                let counter = counter(case, padded);
                let refusal = Refusal::of_everything();
                counter.add(100);
                ensure!(counter.take() == 100);
                counter.add(11);
                drop(refusal);
                if read_first {
                    ensure!(counter.take() == 11);
                    counter.add(2);
                } else {
                    counter.add(2);
                    ensure!(counter.sum() == 13);
                    ensure!(counter.take() == 13);
                }
                ensure!(counter.total() == 113);
                ensure!(counter.sum() == if read_first { 2 } else { 0 });
                0
            });
        }
    });
}

#[test]
fn a_level_without_memory_is_exact_above_zero_and_below_it() {
    on_all(|case, padded| {
        in_child(|| {
            let level = level(case, padded);
            let refusal = Refusal::of_everything();
            level.add(5);
            ensure!((level.sum(), level.warm_up()) == (5, false));
            level.sub(8);
            ensure!(level.sum() == -3);
            ensure!(level.take() == -3);
            ensure!((level.sum(), level.take()) == (0, 0));
            level.add(10);
            ensure!((level.sum(), level.take(), level.sum()) == (10, 10, 0));
            drop(level.guard());
            level.sub(4);
            drop(refusal);
            ensure!((level.sum(), level.warm_up()) == (-4, true));
            level.add(6);
            ensure!((level.sum(), level.take(), level.take()) == (2, 2, 0));
            level.dec();
            ensure!(level.sum() == -1);
            0
        });
    });
}

/// More than can be noted stays in the sum: nothing is lost.
#[test]
fn a_take_of_a_huge_count_without_memory_leaves_the_rest_in_the_sum() {
    on_all(|case, padded| {
        for amount in [u64::MAX, 1 << 63, 1 << 62, (1 << 62) - 1, (1 << 63) + 1] {
            in_child(|| {
                let counter = counter(case, padded);
                let _refusal = Refusal::of_everything();
                counter.add(amount);
                ensure!(counter.sum() == amount);
                let taken = counter.take();
                ensure!(taken.wrapping_add(counter.sum()) == amount);
                ensure!(counter.total() == amount);
                counter.inc();
                let again = counter.take();
                let left = counter.sum();
                ensure!(taken.wrapping_add(again).wrapping_add(left) == amount.wrapping_add(1));
                0
            });
        }
    });
}

#[test]
fn a_counter_without_memory_can_be_set_to_less() {
    on_all(|case, padded| {
        in_child(|| {
            let mut counter = counter(case, padded);
            let refusal = Refusal::of_everything();
            counter.add(10);
            counter.set_mut(5);
            ensure!((counter.sum(), counter.total()) == (5, 10));
            ensure!(counter.at_least(5) && !counter.at_least(7));
            counter.add(u64::MAX - 20);
            counter.set_mut(3);
            ensure!(counter.sum() == 3 && !counter.at_least(4));
            drop(refusal);
            ensure!(counter.warm_up() && counter.sum() == 3);
            ensure!(counter.at_least(3) && !counter.at_least(4));
            0
        });
    });
}

/// While there is no memory, and over the moment when there is some again.
#[test]
fn threads_without_memory_set_and_raise_one_after_another() {
    const THREADS: usize = 4;
    const ROUNDS: i64 = 1_000;
    on_all(|case, padded| {
        in_child(|| {
            let (counter, level) = (counter(case, padded), level(case, padded));
            let [begin, end] = std::array::from_fn(|_| Barrier::new(THREADS));
            let wrong = together(THREADS, |thread| {
                // Threads cannot be started without memory.
                begin.wait();
                let mut refusal = (thread == 0).then(Refusal::of_everything);
                let mut wrong = 0;
                for round in 1..=ROUNDS {
                    begin.wait();
                    if round == ROUNDS / 2 {
                        drop(refusal.take());
                    }
                    level.set(-round);
                    counter.raise_to(10 * round.unsigned_abs());
                    end.wait();
                    let read = (level.sum(), counter.sum());
                    wrong += u64::from(read != (-round, 10 * round.unsigned_abs()));
                }
                wrong
            });
            ensure!(wrong.iter().sum::<u64>() == 0);
            ensure!(counter.warm_up() && level.warm_up());
            0
        });
    });
}

#[test]
fn takes_and_sets_without_memory_lose_nothing() {
    const THREADS: usize = 4;
    on_all(|case, padded| {
        in_child(|| {
            let counter = counter(case, padded);
            let begin = Barrier::new(THREADS);
            let taken = together(THREADS, |thread| {
                begin.wait();
                let _refusal = (thread == 0).then(Refusal::of_everything);
                begin.wait();
                let mut taken = 0;
                for n in 0..500 {
                    counter.raise_to(n);
                    taken += counter.take();
                }
                begin.wait();
                taken
            });
            ensure!(taken.iter().sum::<u64>() + counter.sum() == counter.total());
            0
        });
    });
}

#[test]
fn many_threads_without_memory_lose_no_add_and_no_take() {
    const THREADS: usize = 4;
    on_all(|case, padded| {
        in_child(|| {
            let (counter, level) = (counter(case, padded), level(case, padded));
            let [refused, added, granted] = std::array::from_fn(|_| Barrier::new(THREADS));
            let taken = together(THREADS, |thread| {
                // Threads cannot be started without memory.
                let refusal = (thread == 0).then(Refusal::of_everything);
                refused.wait();
                let mut taken = 0;
                let mut add_and_take = || {
                    for _ in 0..1_000 {
                        counter.add(3);
                        level.sub(2);
                        taken += counter.take();
                    }
                };
                add_and_take();
                added.wait();
                drop(refusal);
                granted.wait();
                add_and_take();
                taken
            });
            let adds = 2 * 1_000 * THREADS as u64;
            ensure!(taken.iter().sum::<u64>() + counter.sum() == 3 * adds);
            ensure!(counter.total() == 3 * adds);
            ensure!(level.sum() == -2 * adds.cast_signed());
            ensure!(counter.warm_up() && level.warm_up());
            0
        });
    });
}

/// There are shards, but no memory for more.
#[test]
fn more_threads_than_shards_without_memory_lose_no_add() {
    const THREADS: usize = 40;
    for read_lock in [false, true] {
        in_child(|| {
            let counter =
                Counter::builder().backend(Backend::PerThread).read_lock(read_lock).build();
            let shards = counter.shards();
            (0..2).for_each(|_| counter.inc());
            let alive = Barrier::new(THREADS);
            together(THREADS, |thread| {
                let refusal = (thread == 0).then(Refusal::of_everything);
                alive.wait();
                (0..100).for_each(|_| counter.inc());
                alive.wait();
                drop(refusal);
            });
            ensure!(counter.sum() == 2 + 100 * THREADS as u64);
            ensure!(counter.shards() == shards);
            together(THREADS, |_| {
                counter.inc();
                alive.wait();
                counter.inc();
            });
            ensure!(counter.sum() == 2 + 102 * THREADS as u64);
            ensure!(counter.shards() >= THREADS);
            0
        });
    }
}

/// A set with few counters and many shards: half a mebibyte of shards, and one page of spill.
fn large_set(backend: Backend, read_lock: bool) -> Builder<CounterSet> {
    CounterSet::builder(3).backend(backend).shards(4_096).read_lock(read_lock)
}

#[test]
fn a_set_with_memory_for_its_spill_alone_is_exact() {
    for backend in [Backend::PerCpu, Backend::Striped] {
        for read_lock in [false, true] {
            in_child(|| {
                let set = large_set(backend, read_lock).build();
                let mut seen = set.deltas();
                let refusal = Refusal::beyond(64 << 10);
                set.inc(0);
                set.add_many(&[(1, 5), (2, 5)]);
                ensure!(!set.warm_up());
                ensure!(set.sums() == [1, 5, 5]);
                ensure!((set.take(1), set.take_all()) == (5, vec![1, 0, 5]));
                set.add_many(&[(1, 2), (2, 2)]);
                ensure!(set.sums() == [0, 2, 2]);
                drop(refusal);
                ensure!(set.warm_up());
                ensure!(set.sums() == [0, 2, 2]);
                (0..5).for_each(|_| set.add_many(&[(0, 1), (2, 1)]));
                ensure!((set.sums(), set.totals()) == (vec![5, 2, 7], vec![6, 7, 12]));
                ensure!((seen.next_delta(), set.take_all()) == (vec![6, 7, 12], vec![5, 2, 7]));
                0
            });
        }
    }
}

/// Few bounds, leased from a chunk of two megabytes; and log-linear buckets, in a chunk of their own.
fn large_histograms(backend: Backend, read_lock: bool) -> [Builder<Histogram>; 2] {
    let builder = Histogram::builder().backend(backend).shards(4_096).read_lock(read_lock);
    [builder.bounds(&[1, 10, 100]), builder.grouping_power(2)]
}

#[test]
fn a_histogram_with_memory_for_its_spill_alone_is_exact() {
    for backend in [Backend::PerCpu, Backend::Striped] {
        for builder in [false, true].into_iter().flat_map(|lock| large_histograms(backend, lock)) {
            in_child(|| {
                let histogram = builder.build();
                let mut seen = histogram.deltas();
                // Reads allocate from what the allocator already has.
                drop(histogram.snapshot());
                let refusal = Refusal::beyond(64 << 10);
                histogram.record(7);
                histogram.record_n(50, 2);
                ensure!(!histogram.warm_up());
                let read = histogram.snapshot();
                ensure!((read.count(), read.sum()) == (3, Some(107)));
                ensure!(histogram.take() == read);
                histogram.record(1);
                ensure!(histogram.snapshot().sum() == Some(1));
                drop(refusal);
                ensure!(histogram.warm_up());
                ensure!(histogram.snapshot().sum() == Some(1));
                (0..5).for_each(|_| histogram.record(200));
                ensure!((histogram.total().count(), histogram.total().sum()) == (9, Some(1_108)));
                ensure!(seen.next_delta() == histogram.total());
                ensure!(histogram.take().sum() == Some(1_001));
                ensure!(histogram.snapshot().count() == 0);
                0
            });
        }
    }
}

/// As documented for `CounterSet`. The child prints the error of the allocation.
#[test]
fn a_set_without_memory_for_its_spill_ends_the_process() {
    alone("a_set_without_memory_for_its_spill_ends_the_process", || {
        let ended = in_child_for(10, || {
            let set = large_set(Backend::Striped, false).build();
            let _refusal = Refusal::of_everything();
            set.inc(0);
            0
        });
        assert_eq!(ended, Ended::Killed(libc::SIGABRT));
    });
}

#[test]
fn what_per_cpu_falls_back_to_is_the_same_with_and_without_memory() {
    in_child(|| {
        let counter = Counter::builder().backend(Backend::PerCpu).build();
        let refusal = Refusal::of_everything();
        counter.inc();
        let without = (counter.backend(), counter.shards());
        ensure!(without.0 == if per_cpu_works() { Backend::PerCpu } else { Backend::Striped });
        drop(refusal);
        counter.inc();
        ensure!((counter.backend(), counter.shards()) == without);
        0
    });
}
