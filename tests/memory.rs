//! Guarantee 9: the memory of counters, in bytes per shard and per counter of a set; and counters and threads
//! that have come and gone leave nothing behind.
//!
//! On Linux that is the resident memory, since nothing is allocated; on other systems, what is allocated.
//! Both are counted for the whole process, so each test runs in a process of its own.

#![expect(unsafe_code, reason = "an allocator that counts, and the kernel's word on pages")]

mod support;

use std::{
    cell::Cell,
    hint::black_box,
    sync::{
        Arc, Barrier, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use striped_counter::{Backend, Counter, CounterSet, Histogram, UpDownCounter};
use support::{
    Case, Crew,
    affinity::Hopper,
    allocator::{Observed, Request},
    alone, leaked, on_every_backend, together,
};
#[cfg(target_os = "linux")]
use support::{
    children::{Ended, in_child_for},
    residency,
};

/// The number of bytes allocated and not freed.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Returns whether this is the main thread, which belongs to the harness, and may still allocate after the
/// test has begun.
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

#[global_allocator]
static ALLOCATOR: Observed = Observed(|request| {
    if !is_main() {
        match request {
            Request::Allocate(bytes) => LIVE.fetch_add(bytes, SeqCst),
            Request::Free(bytes) => LIVE.fetch_sub(bytes, SeqCst),
        };
    }
    true
});

const ON_LINUX: bool = cfg!(target_os = "linux");

/// Returns how many bytes are allocated, other than by the main thread, modulo 2^64.
fn allocated() -> usize {
    LIVE.load(SeqCst)
}

/// Returns the memory of the process in bytes; see the documentation of the module.
fn held() -> usize {
    #[cfg(target_os = "linux")]
    return residency::anonymous();
    #[cfg(not(target_os = "linux"))]
    allocated()
}

/// Returns what `body` returns, and by how much `measure` grew during it.
fn growth<T>(measure: fn() -> usize, body: impl FnOnce() -> T) -> (T, usize) {
    let before = measure();
    let result = body();
    (result, measure().saturating_sub(before))
}

/// Returns a bound that allows for unused memory, which counts on systems other than Linux: allocations double
/// in size, and half of that may be unused.
fn with_room_to_grow(bytes: usize) -> usize {
    if ON_LINUX { bytes } else { 3 * bytes + (64 << 10) }
}

/// How many pages of stack a thread may use while it adds.
const STACK: usize = 16;

#[inline(never)]
fn touch_stack(pages: usize) {
    let page = black_box([1_u8; 4_096]);
    if pages > 0 {
        touch_stack(pages - 1);
    }
    black_box(page);
}

/// Starts threads, and returns after they have done everything except adding, so that what they need for it
/// is resident.
fn crew<'scope>(scope: &'scope thread::Scope<'scope, '_>, threads: usize) -> Crew<'scope> {
    let crew = Crew::new(scope, threads);
    for index in (0..threads).chain(0..threads) {
        crew.on(index, move || {
            let _pinned = Hopper::pinned(index);
            touch_stack(STACK);
        });
    }
    #[cfg(target_os = "linux")]
    residency::await_others();
    // The orders are allocated on this thread and freed on theirs, in any order.
    drop(black_box((0..128).map(|_| Box::new([1_u8; 512])).collect::<Vec<_>>()));
    held();
    crew
}

/// Runs `body` in a process of its own, but not under `AddressSanitizer`, which maps terabytes of shadow
/// memory.
fn measured(name: &str, body: impl FnOnce()) {
    #[cfg(target_os = "linux")]
    if residency::mapped() >> 30 > 1 << 10 {
        return eprintln!("not measured here: the memory is a sanitizer's");
    }
    alone(name, body);
}

/// Returns by how many bytes memory grows when `count` counters are made and added to by each of `threads`
/// threads, all alive. The counters are leaked: otherwise the next ones would reuse their columns.
fn weight<T: Send + Sync + 'static>(
    threads: usize,
    count: usize,
    make: impl Fn() -> T,
    add: impl Fn(&T) + Sync,
) -> usize {
    let (counters, add) = (leaked(OnceLock::new()), &add);
    thread::scope(|scope| {
        let crew = crew(scope, threads);
        let ((), bytes) = growth(held, || {
            let counters = counters.get_or_init(|| (0..count).map(|_| make()).collect::<Vec<_>>());
            for index in 0..threads {
                crew.on(index, move || {
                    let _pinned = Hopper::pinned(index);
                    // The first add of a thread may spill.
                    (0..2).for_each(|_| counters.iter().for_each(add));
                });
            }
        });
        bytes
    })
}

/// Bytes for rounding up to pages, and for what the harness and the C library may allocate meanwhile.
const SLACK: usize = 32 << 10;

/// Returns the backends with their default numbers of shards, and with 64 shards that can all be added to.
fn settings() -> Vec<(Backend, usize, usize)> {
    let default = |backend| Counter::builder().backend(backend).build().shards();
    let mut settings = vec![
        (Backend::PerCpu, default(Backend::PerCpu), default(Backend::PerCpu)),
        (Backend::Striped, default(Backend::Striped), default(Backend::Striped)),
    ];
    settings.push((Backend::Striped, 64, 64));
    settings
}

const COUNT: usize = 1_000;

/// Each thread has a number below `shards`, so all shards are in use.
#[test]
fn a_thousand_counters_of_n_shards_weigh_at_most_12_n_and_128_bytes_each() {
    measured("a_thousand_counters_of_n_shards_weigh_at_most_12_n_and_128_bytes_each", || {
        for (backend, shards, threads) in settings() {
            for read_lock in [false, true] {
                let builder = Counter::builder().backend(backend).shards(shards);
                let make = || builder.read_lock(read_lock).build();
                let use_it = |counter: &Counter| {
                    counter.inc();
                    let _ = (counter.sum(), counter.total(), counter.deltas().next_delta());
                };
                let bytes = weight(threads, COUNT, make, use_it);
                let bound = with_room_to_grow(COUNT * (12 * shards + 128));
                assert!(bytes <= bound, "{bytes} of {bound}: {backend}, {shards} shards");
                // On a machine with more CPUs than the process may use, some shards of `PerCpu` are not.
                let least = if backend == Backend::Striped { 8 * shards } else { 8 };
                assert!(bytes >= COUNT * least, "not measured: {bytes} on {backend}");
            }
        }
    });
}

#[test]
fn a_thousand_levels_of_n_shards_weigh_at_most_20_n_and_192_bytes_each() {
    measured("a_thousand_levels_of_n_shards_weigh_at_most_20_n_and_192_bytes_each", || {
        for (backend, shards, threads) in settings() {
            let make = || UpDownCounter::builder().backend(backend).shards(shards).build();
            let use_it = |level: &UpDownCounter| {
                level.sub(2);
                drop(level.guard());
                let _ = (level.sum(), level.take());
            };
            let bytes = weight(threads, COUNT, make, use_it);
            let bound = with_room_to_grow(COUNT * (20 * shards + 192));
            assert!(bytes <= bound, "{bytes} of {bound}: {backend}, {shards} shards");
            let least = if backend == Backend::Striped { 16 * shards } else { 16 };
            assert!(bytes >= COUNT * least, "not measured: {bytes} on {backend}");
        }
    });
}

#[test]
fn a_thousand_padded_counters_weigh_a_line_per_shard_and_at_most_six_more_each() {
    measured("a_thousand_padded_counters_weigh_a_line_per_shard_and_at_most_six_more_each", || {
        for (backend, shards, threads) in settings() {
            let builder = Counter::builder().backend(backend).shards(shards).padded(true);
            let bytes = weight(threads, COUNT, || builder.build(), Counter::inc);
            let bound = with_room_to_grow(COUNT * 128 * (shards + 6));
            assert!(bytes <= bound, "{bytes} of {bound}: {backend}, {shards} shards");
            let least = if backend == Backend::Striped { 128 * shards } else { 128 };
            assert!(bytes >= COUNT * least, "not measured: {bytes} on {backend}");
        }
    });
}

/// The minimum of several processes, since anything else that happens in one comes on top.
#[cfg(target_os = "linux")]
#[test]
fn the_first_counter_of_a_process_touches_at_most_48_kib_with_64_shards() {
    measured("the_first_counter_of_a_process_touches_at_most_48_kib_with_64_shards", || {
        let weigh = |_| {
            let ended = in_child_for(60, || {
                let make = || Counter::builder().backend(Backend::Striped).shards(64).build();
                i32::try_from(weight(64, 1, make, Counter::inc) >> 10).unwrap().min(254)
            });
            let Ended::Returned(kib) = ended else { panic!("{ended:?}") };
            kib
        };
        let kib = (0..4).map(weigh).min().unwrap();
        assert!(kib <= 48, "{kib} KiB");
        assert!(kib >= 64 * 512 / 1_024, "not measured: {kib} KiB");
    });
}

/// For labels made at run time: 2 MB on two CPUs.
#[test]
fn ten_thousand_counters_in_arcs_take_at_most_200_bytes_each_on_two_cpus() {
    measured("ten_thousand_counters_in_arcs_take_at_most_200_bytes_each_on_two_cpus", || {
        const MANY: usize = 10_000;
        for backend in [Backend::Auto, Backend::PerThread] {
            let make = || Arc::new(Counter::builder().backend(backend).build());
            let shards = make().shards();
            let bytes = weight(2, MANY, make, |counter| counter.inc());
            let bound = with_room_to_grow(MANY * (12 * shards + 176));
            assert!(bytes <= bound, "{bytes} of {bound}: {backend}, {shards} shards");
            assert!(bytes >= MANY * (size_of::<Counter>() + 8), "not measured: {bytes}");
        }
    });
}

/// Uses a set in every way, so that all memory that it ever touches is touched.
fn use_set(set: &CounterSet) {
    let all: Vec<_> = (0..set.len()).map(|index| (index, 1)).collect();
    set.add_many(&all);
    set.get(0).unwrap().inc();
    let _ = (set.sums(), set.sum(0), set.take(0), set.take_all(), set.deltas().next_delta());
}

#[test]
fn a_set_of_1000_counters_weighs_at_most_8_and_a_half_bytes_per_counter_and_shard() {
    measured(
        "a_set_of_1000_counters_weighs_at_most_8_and_a_half_bytes_per_counter_and_shard",
        || {
            const SHARDS: usize = 64;
            for read_lock in [false, true] {
                let builder = CounterSet::builder(COUNT).backend(Backend::Striped).shards(SHARDS);
                let make = || builder.read_lock(read_lock).build();
                // Not with methods that allocate: the allocator keeps memory for each thread.
                let use_it = |set: &CounterSet| {
                    (0..COUNT).for_each(|index| set.inc(index));
                    (0..COUNT).for_each(|index| assert_ne!(set.take(index), 0));
                    set.add_many(&[(0, 1), (COUNT - 1, 1)]);
                };
                let bytes = weight(SHARDS, 1, make, use_it);
                // The rows of the spill, of takes, and of bookkeeping are not shards.
                let rows = SHARDS + if read_lock { 6 } else { 5 };
                let bound = COUNT * rows * 17 / 2;
                assert!(bytes <= bound, "{bytes} of {bound}, read_lock {read_lock}");
                assert!(bytes >= COUNT * SHARDS * 8, "not measured: {bytes}");
            }
        },
    );
}

/// Eleven bounds, the open bucket and the sum.
const BOUNDS: &[u64] = &[5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

#[test]
fn a_histogram_of_11_bounds_weighs_a_line_per_shard_and_five_more() {
    measured("a_histogram_of_11_bounds_weighs_a_line_per_shard_and_five_more", || {
        for (backend, shards, threads) in settings() {
            let builder = Histogram::builder().bounds(BOUNDS).backend(backend).shards(shards);
            let bytes = weight(threads, COUNT, || builder.build(), |histogram| histogram.record(7));
            // Its part of a chunk's padding and bitmaps.
            let each = 128 * (shards + 5) + size_of::<Histogram>() + 40;
            let bound = with_room_to_grow(COUNT * each + SLACK);
            assert!(bytes <= bound, "{bytes} of {bound}, {backend} with {shards} shards");
        }
    });
}

/// Small histograms reuse the lines of earlier ones; the memory of large ones is returned to the system.
#[test]
fn histograms_made_and_dropped_in_turn_leave_no_byte_behind() {
    measured("histograms_made_and_dropped_in_turn_leave_no_byte_behind", || {
        on_every_backend(|case| {
            let builder = case.set(Histogram::builder());
            for builder in [builder, builder.bounds(BOUNDS)] {
                let make_and_drop = |times: u64| {
                    for n in 1..=times {
                        let histogram = builder.build();
                        histogram.record(n);
                        assert_eq!(histogram.snapshot().sum(), Some(n));
                    }
                };
                make_and_drop(10);
                let ((), allocated) = growth(allocated, || {
                    let ((), bytes) = growth(held, || make_and_drop(3_000));
                    assert!(bytes <= SLACK, "{bytes}, {builder:?}");
                });
                assert_eq!(allocated, 0);
            }
        });
    });
}

/// The row of the one thread that adds, and the rows that each set has once.
#[test]
fn only_rows_that_are_added_to_take_memory() {
    if !ON_LINUX {
        return;
    }
    measured("only_rows_that_are_added_to_take_memory", || {
        const LEN: usize = 100_000;
        const ROW: usize = 8 * LEN;
        for backend in [Backend::PerCpu, Backend::Striped] {
            let make = || CounterSet::builder(LEN).backend(backend).shards(64).build();
            let add_to_all = |set: &CounterSet| (0..LEN).for_each(|index| set.inc(index));
            let bytes = weight(1, 1, make, add_to_all);
            assert!(bytes >= ROW, "not measured: {bytes}");
            // The spill, where adds were aborted: rarely, but each in a page of its own.
            assert!(bytes <= 2 * ROW + SLACK, "{bytes} on {backend}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn rows_of_threads_that_never_add_are_not_resident() {
    measured("rows_of_threads_that_never_add_are_not_resident", || {
        const LEN: usize = 100_000;
        const ROW: usize = 8 * LEN;
        let set = CounterSet::builder(LEN).backend(Backend::Striped).shards(64).build();
        let before = residency::Mapping::all();
        (0..LEN).for_each(|index| set.inc(index));
        let is_new = |now: &residency::Mapping| {
            now.file.is_none()
                && now.to - now.from >= 64 * ROW
                && !before.iter().any(|then| (then.from, then.to) == (now.from, now.to))
        };
        let chunk = residency::Mapping::all().into_iter().find(is_new).expect("a chunk is mapped");
        let resident = in_core(&chunk);
        assert!(resident >= ROW, "not measured: {resident}");
        assert!(resident <= ROW + ROW / 2, "{resident}");
        assert_eq!(set.sums(), vec![1; LEN]);
    });
}

/// Returns how many bytes of a mapping are resident, according to mincore(2).
#[cfg(target_os = "linux")]
fn in_core(mapping: &residency::Mapping) -> usize {
    const PAGE: usize = 4_096;
    let bytes = mapping.to - mapping.from;
    // More than enough where pages are larger.
    let mut pages = vec![0_u8; bytes / PAGE];
    let from = std::ptr::with_exposed_provenance_mut(mapping.from);
    // SAFETY: there is a byte for each page; mincore(2) reads no memory of the mapping.
    assert_eq!(unsafe { libc::mincore(from, bytes, pages.as_mut_ptr()) }, 0);
    // SAFETY: `sysconf` has no requirement.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap();
    page * pages.iter().filter(|&&page| page & 1 == 1).count()
}

/// Calls `use_it` on that many threads in turn, all alive at once.
fn use_by(threads: usize, use_it: impl Fn() + Sync) {
    let (all, one_by_one) = (Barrier::new(threads), Mutex::new(()));
    together(threads, |_| {
        drop(one_by_one.lock().map(|_turn| use_it()));
        all.wait();
    });
}

/// Old rows stay when a counter grows, and the numbers of rows are powers of two.
#[test]
fn shards_for_live_threads_take_at_most_twice_the_memory_needed() {
    measured("shards_for_live_threads_take_at_most_twice_the_memory_needed", || {
        const THREADS: usize = 64;
        let counter = || Counter::builder().backend(Backend::PerThread).build();
        // With more CPUs than threads, there is a shard per CPU from the start.
        let shards = THREADS.max(counter().shards());
        let bytes = weight(THREADS, COUNT, counter, Counter::inc);
        let each = 2 * 8 * shards + 40 * (shards.ilog2() as usize + 1) + size_of::<Counter>();
        let bound = with_room_to_grow(COUNT * each + SLACK);
        assert!(bytes <= bound, "{bytes} of {bound}");
        assert!(bytes >= COUNT * 8 * THREADS, "not measured: {bytes}");
        let set = || CounterSet::builder(COUNT).backend(Backend::PerThread).build();
        let bytes = weight(THREADS, 1, set, use_set);
        let bound = with_room_to_grow(2 * COUNT * 17 / 2 * (shards + 5 * 6) + SLACK);
        assert!(bytes <= bound, "{bytes} of {bound}");
        assert!(bytes >= COUNT * 8 * THREADS, "not measured: {bytes}");
    });
}

#[test]
fn a_set_has_no_memory_before_its_first_add_and_none_after_its_drop() {
    measured("a_set_has_no_memory_before_its_first_add_and_none_after_its_drop", || {
        on_every_backend(|case| {
            let builder = case.set(CounterSet::builder(COUNT));
            let (set, bytes) = growth(allocated, || builder.build());
            assert_eq!(bytes, 0);
            drop(set);
            let use_one = || {
                let set = builder.build();
                use_by(8, || use_set(&set));
            };
            use_one();
            // The allocator gets all of it back, too, on systems where it is used.
            let before = allocated();
            let ((), bytes) = growth(held, || (0..20).for_each(|_| use_one()));
            assert!(bytes <= SLACK, "{bytes}");
            assert_eq!(allocated(), before);
            #[cfg(target_os = "linux")]
            {
                let set = builder.build();
                let ((), mapped) = growth(residency::mapped, || set.inc(0));
                assert!(mapped >= 8 * COUNT, "not mapped: {mapped}");
                let before = residency::mapped();
                drop(set);
                let given_back = before - residency::mapped();
                assert_eq!(given_back, mapped);
            }
        });
    });
}

/// Counters are made, added to once, and dropped: each reuses the columns of the one before.
#[test]
fn a_hundred_thousand_counters_made_and_dropped_in_turn_leave_no_byte_behind() {
    measured("a_hundred_thousand_counters_made_and_dropped_in_turn_leave_no_byte_behind", || {
        on_every_backend(|case| {
            for padded in [false, true] {
                let counters = case.set(Counter::builder()).padded(padded);
                let levels = case.set(UpDownCounter::builder()).padded(padded);
                let make_and_drop = |times: u64| {
                    for n in 1..=times {
                        let (counter, level) = (counters.build(), levels.build());
                        counter.add(n);
                        level.sub(n.cast_signed());
                        assert_eq!((counter.sum(), level.sum()), (n, -n.cast_signed()));
                    }
                };
                make_and_drop(10);
                let ((), allocated) = growth(allocated, || {
                    let ((), bytes) = growth(held, || make_and_drop(100_000));
                    assert!(bytes <= SLACK, "{bytes}, padded {padded}");
                });
                assert_eq!(allocated, 0);
            }
        });
    });
}

/// Pseudorandom numbers: the upper half of a linear congruential generator.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[test]
fn a_hundred_thousand_counters_of_which_a_thousand_live_take_the_room_of_a_thousand() {
    measured(
        "a_hundred_thousand_counters_of_which_a_thousand_live_take_the_room_of_a_thousand",
        || {
            on_every_backend(|case| {
                let counters = case.set(Counter::builder());
                let mut alive: Vec<(Counter, u64)> =
                    (0..COUNT).map(|_| (counters.build(), 0)).collect();
                let mut dice = Dice(1);
                let mut replace = |times: u64| {
                    for n in 1..=times {
                        let at = dice.roll(COUNT);
                        let (old, added) =
                            std::mem::replace(&mut alive[at], (counters.build(), 2 * n));
                        alive[at].0.add(n);
                        assert_eq!(old.sum(), added);
                        drop(old);
                        alive[at].0.add(n);
                    }
                };
                // Until each has a lease.
                replace(10_000);
                let ((), allocated) = growth(allocated, || {
                    let ((), bytes) = growth(held, || replace(100_000));
                    assert!(bytes <= SLACK, "{bytes}");
                });
                assert_eq!(allocated, 0);
                assert!(alive.iter().all(|(counter, added)| counter.sum() == *added));
            });
        },
    );
}

#[test]
fn ten_thousand_threads_that_come_and_go_leave_no_byte_behind() {
    measured("ten_thousand_threads_that_come_and_go_leave_no_byte_behind", || {
        let cases: Vec<_> = Case::all().collect();
        let counters: Vec<_> = cases.iter().map(Case::counter).collect();
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
        // At most two threads exist at once: one that ends and one that starts.
        (0..10).for_each(|_| come_and_go());
        let before = allocated();
        let ((), bytes) = growth(held, || (0..10_000).for_each(|_| come_and_go()));
        assert!(bytes <= SLACK, "{bytes}");
        assert_eq!(allocated(), before);

        assert!(counters.iter().all(|counter| counter.sum() == 10_010));
        assert!(levels.iter().all(|level| level.sum() == 0));
        assert!(sets.iter().all(|set| (set.sum(0), set.sum(19)) == (10_010, 20_020)));
    });
}

/// The kernel merges adjacent mappings, and may back the result with huge pages. A single add to a small set
/// would then take a whole one.
#[cfg(target_os = "linux")]
#[test]
fn small_sets_next_to_each_other_are_not_backed_by_huge_pages() {
    measured("small_sets_next_to_each_other_are_not_backed_by_huge_pages", || {
        const HUGE: usize = 2 << 20;
        let builder = CounterSet::builder(2_000).backend(Backend::Striped).shards(16);
        let sets: Vec<_> = (0..64).map(|_| builder.build()).collect();
        let before = residency::Mapping::all();
        for set in &sets {
            set.inc(0);
        }
        let known = |now: &residency::Mapping| {
            before.iter().any(|then| (then.from, then.to) == (now.from, now.to))
        };
        let all = residency::Mapping::all().into_iter();
        let large = |mapping: &residency::Mapping| {
            mapping.file.is_none() && mapping.to - mapping.from >= HUGE && !known(mapping)
        };
        let large: Vec<_> = all.filter(large).collect();
        assert!(large.iter().all(|mapping| mapping.has("nh")), "{large:?}");
    });
}
