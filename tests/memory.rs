//! What counters weigh (section 8 of `docs/design.md`): bytes a shard, bytes a counter of a set, and
//! nothing for threads that have come and gone.
//!
//! The allocator counts for the whole process, so each test runs in a process of its own.

#![expect(unsafe_code, reason = "an allocator that counts")]

mod common;

use common::{on_every_backend, together};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env,
    process::Command,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use striped_counter::{Backend, Builder, Counter, CounterSet, UpDownCounter};

/// The system's allocator, which knows how many bytes are out.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Whether this is the main thread, which is the harness's, and which may be on its way to wait for
/// the test when that has begun already.
fn is_main() -> bool {
    thread_local! {
        static MAIN: Cell<Option<bool>> = const { Cell::new(None) };
    }
    MAIN.get().unwrap_or_else(|| {
        #[cfg(target_os = "linux")]
        // SAFETY: `gettid` has no requirement.
        let main = unsafe { libc::gettid() }.cast_unsigned() == std::process::id();
        #[cfg(not(target_os = "linux"))]
        let main = false;
        MAIN.set(Some(main));
        main
    })
}

// SAFETY: allocates as `System` does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_main() {
            LIVE.fetch_add(layout.size(), SeqCst);
        }
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if !is_main() {
            LIVE.fetch_sub(layout.size(), SeqCst);
        }
        // SAFETY: the caller's; whatever was allocated was so by `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `body`, the test of that `name`, in a process where there is nobody else.
fn alone(name: &str, body: impl FnOnce()) {
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

/// What `body` returns, and how many bytes more are out after it than before: modulo 2^64, since the
/// main thread's are not counted.
fn kept_by<T>(body: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.load(SeqCst);
    let result = body();
    (result, LIVE.load(SeqCst).wrapping_sub(before))
}

/// The weight of a counter after `use_it`: what it is, and what it has allocated.
fn weight<T>(build: impl FnOnce() -> T, use_it: impl Fn(&T)) -> usize {
    let (counter, bytes) = kept_by(|| {
        let counter = build();
        use_it(&counter);
        counter
    });
    use_it(&counter);
    size_of_val(&counter) + bytes
}

#[test]
fn a_counter_with_n_shards_weighs_128_bytes_a_shard_and_at_most_512() {
    alone("a_counter_with_n_shards_weighs_128_bytes_a_shard_and_at_most_512", || {
        for backend in [Backend::PerCpu, Backend::Striped] {
            for read_lock in [false, true] {
                for shards in [1, 2, 64, 4096] {
                    fn with<T>(builder: Builder<T>, backend: Backend, shards: usize) -> Builder<T> {
                        builder.backend(backend).shards(shards)
                    }
                    let counter =
                        || with(Counter::builder(), backend, shards).read_lock(read_lock).build();
                    let level = || {
                        with(UpDownCounter::builder(), backend, shards).read_lock(read_lock).build()
                    };
                    let use_counter = |counter: &Counter| {
                        counter.inc();
                        let _ = (counter.sum(), counter.take(), counter.deltas().next_delta());
                    };
                    let use_level = |level: &UpDownCounter| {
                        level.sub(2);
                        drop(level.guard());
                        let _ = (level.sum(), level.take());
                    };
                    let bound = 128 * shards + 512;
                    let (counter, level) = (weight(counter, use_counter), weight(level, use_level));
                    assert!(counter <= bound, "{counter} with {shards} shards on {backend}");
                    assert!(level <= bound, "{level} with {shards} shards on {backend}");
                    assert!(counter > 128 * shards && level > 128 * shards, "not measured");
                }
            }
        }
    });
}

/// Uses a set in every way, so that whatever it allocates at some time has been allocated.
fn use_set(set: &CounterSet) {
    set.inc(0);
    set.add_many(&[(0, 1), (set.len() - 1, 1)]);
    set.get(0).unwrap().inc();
    let _ = (set.sums(), set.sum(0), set.take(0), set.take_all(), set.deltas().next_delta());
}

#[test]
fn a_set_of_1000_counters_weighs_at_most_8_and_a_half_bytes_a_counter_a_shard() {
    alone("a_set_of_1000_counters_weighs_at_most_8_and_a_half_bytes_a_counter_a_shard", || {
        for backend in [Backend::PerCpu, Backend::Striped] {
            for read_lock in [false, true] {
                let set = || {
                    CounterSet::builder(1_000)
                        .backend(backend)
                        .shards(64)
                        .read_lock(read_lock)
                        .build()
                };
                let bytes = weight(set, use_set);
                // 8.5 x 1,000 x 64.
                assert!(bytes <= 544_000, "{bytes} on {backend}, read_lock {read_lock}");
                assert!(bytes >= 512_000, "not measured");
            }
        }
    });
}

/// Has so many threads, alive at once, use a counter one after another.
fn use_by(threads: usize, use_it: impl Fn() + Sync) {
    let (all, one_by_one) = (Barrier::new(threads), Mutex::new(()));
    together(threads, |_| {
        drop(one_by_one.lock().map(|_turn| use_it()));
        all.wait();
    });
}

/// Rows that have been outgrown stay, and the numbers of rows are powers of two.
#[test]
fn shards_for_live_threads_weigh_at_most_twice_as_much_as_they_must() {
    alone("shards_for_live_threads_weigh_at_most_twice_as_much_as_they_must", || {
        const THREADS: usize = 64;
        let counter = || Counter::builder().backend(Backend::PerThread).build();
        // Where there are more CPUs than threads, there is a shard for each from the start.
        let shards = THREADS.max(counter().shards());
        let counter = weight(counter, |counter| use_by(THREADS, || counter.inc()));
        assert!(counter <= 2 * 128 * shards + 512, "{counter}");
        assert!(counter > 128 * THREADS, "not measured: {counter}");
        let set = || CounterSet::builder(1_000).backend(Backend::PerThread).build();
        let set = weight(set, |set| use_by(THREADS, || use_set(set)));
        assert!(set <= 2 * 8_500 * shards, "{set}");
        assert!(set > 512_000, "not measured: {set}");
    });
}

#[test]
fn a_set_allocates_nothing_before_its_first_add_and_gives_all_back_at_its_end() {
    alone("a_set_allocates_nothing_before_its_first_add_and_gives_all_back_at_its_end", || {
        on_every_backend(|case| {
            let builder = case.set(CounterSet::builder(1_000));
            let (set, bytes) = kept_by(|| builder.build());
            assert_eq!(bytes, 0);
            drop(set);
            let ((), bytes) = kept_by(|| {
                let set = builder.build();
                use_by(8, || use_set(&set));
            });
            assert_eq!(bytes, 0);
        });
    });
}

#[test]
fn ten_thousand_threads_that_come_and_go_leave_no_byte_behind() {
    alone("ten_thousand_threads_that_come_and_go_leave_no_byte_behind", || {
        let cases: Vec<_> = common::Case::all().collect();
        let counters: Vec<_> = cases.iter().map(common::Case::counter).collect();
        let levels: Vec<_> =
            cases.iter().map(|case| case.set(UpDownCounter::builder()).build()).collect();
        let sets: Vec<_> =
            cases.iter().map(|case| case.set(CounterSet::builder(20)).build()).collect();
        let come_and_go = || {
            together(1, |_| {
                counters.iter().for_each(Counter::inc);
                for level in &levels {
                    drop(level.guard());
                }
                for set in &sets {
                    set.add_many(&[(0, 1), (19, 2)]);
                }
            });
        };
        // Two are here at once at the most: one that ends and one that starts.
        (0..10).for_each(|_| come_and_go());
        let ((), bytes) = kept_by(|| (0..10_000).for_each(|_| come_and_go()));
        assert_eq!(bytes, 0);

        assert!(counters.iter().all(|counter| counter.sum() == 10_010));
        assert!(levels.iter().all(|level| level.sum() == 0));
        assert!(sets.iter().all(|set| (set.sum(0), set.sum(19)) == (10_010, 20_020)));
    });
}
