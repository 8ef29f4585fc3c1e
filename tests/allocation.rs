//! What is allocated, and when: nothing before the first add, nothing after a thread's first touch,
//! and an add that finds no memory counts all the same.

#![expect(unsafe_code, reason = "an allocator that counts")]

mod common;

use common::{on_every_backend, together};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};
use striped_counter::{Backend, Builder, Counter, CounterSet};

/// The system's allocator, which keeps count for each thread, and refuses on demand.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static REFUSED: Cell<Option<usize>> = const { Cell::new(None) };
}

/// From this size on, shards are allocated and nothing else.
const LARGE: usize = 128;

// SAFETY: allocates as `System` does, or not at all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match REFUSED.get() {
            Some(refused) if layout.size() >= LARGE => {
                REFUSED.set(Some(refused + 1));
                ptr::null_mut()
            }
            _ => {
                ALLOCATED.set(ALLOCATED.get() + layout.size());
                // SAFETY: the caller's.
                unsafe { System.alloc(layout) }
            }
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's; whatever was allocated was so by `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes the calling thread allocates for `body`.
fn allocated_by<T>(body: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATED.get();
    let result = body();
    (ALLOCATED.get() - before, result)
}

/// How often the calling thread is refused memory during `body`.
fn refused_during(body: impl FnOnce()) -> usize {
    REFUSED.set(Some(0));
    body();
    REFUSED.take().unwrap()
}

/// The number of CPUs is asked for once in a process, and an add that finds another test asking for
/// it spills. So it is asked for beforehand.
fn ask_for_the_plan(builder: Builder<Counter>) {
    assert_ne!(builder.build().shards(), 0);
}

#[test]
fn a_counter_allocates_nothing_until_the_first_add() {
    on_every_backend(|case| {
        let builder = case.set(Counter::builder());
        ask_for_the_plan(builder);
        let (bytes, counter) = allocated_by(|| {
            let counter = builder.build();
            let _ = (counter.sum(), counter.take(), counter.deltas().next_delta());
            counter
        });
        assert_eq!(bytes, 0);
        assert_ne!(allocated_by(|| counter.inc()).0, 0);
    });
}

#[test]
fn a_refused_setting_allocates_nothing_nor_does_an_index_out_of_range() {
    let refuse = || {
        [
            Counter::builder().shards(0).try_build().err(),
            Counter::builder().shards(usize::MAX).try_build().err(),
            Counter::builder().backend(Backend::PerThread).shards(4096).try_build().err(),
            CounterSet::builder(usize::MAX).try_build().err(),
        ]
    };
    let (bytes, refused) = allocated_by(refuse);
    assert!(bytes == 0 && refused.iter().all(Option::is_some), "{bytes}, {refused:?}");
    on_every_backend(|case| {
        let builder = case.set(CounterSet::builder(3));
        let (bytes, found) = allocated_by(|| builder.build().get(usize::MAX).is_some());
        assert_eq!((bytes, found), (0, false));
        let set = builder.build();
        assert!(catch_unwind(AssertUnwindSafe(|| set.add_many(&[(0, 1), (3, 1)]))).is_err());
        // Nothing was allocated by what panicked: the first good add still has it all to do.
        assert_ne!(allocated_by(|| set.inc(0)).0, 0);
        assert_eq!(set.sums(), [1, 0, 0]);
    });
}

/// One thread after another: of those that start together, one may find another one allocating,
/// and have to come again.
#[test]
fn after_a_threads_first_touch_an_add_allocates_nothing() {
    on_every_backend(|case| {
        let counter = case.counter();
        let touch = |_| {
            together(1, |_| {
                counter.inc();
                allocated_by(|| (0..1_000).for_each(|_| counter.inc())).0
            })
        };
        let bytes: Vec<_> = (0..5).flat_map(touch).collect();
        assert_eq!(bytes, [0; 5]);
    });
}

#[test]
fn reads_allocate_nothing() {
    on_every_backend(|case| {
        let counter = case.counter();
        counter.inc();
        let mut seen = counter.deltas();
        let (bytes, _) = allocated_by(|| (counter.sum(), counter.take(), seen.next_delta()));
        assert_eq!(bytes, 0);
    });
}

/// 128 bytes a shard, and at most 512 for all else.
#[test]
fn a_counter_takes_a_line_a_shard_and_little_else() {
    for backend in [Backend::PerCpu, Backend::Striped] {
        for shards in [1, 2, 8, 64, 4096] {
            let counter = Counter::builder().backend(backend).shards(shards).build();
            let (bytes, ()) = allocated_by(|| counter.inc());
            let (bytes, bound) = (bytes + size_of::<Counter>(), 128 * shards + 512);
            assert!(bytes <= bound, "{backend} with {shards}: {bytes} of {bound} bytes");
        }
    }
}

#[test]
fn adds_count_without_memory_for_shards_and_find_their_shards_when_there_is_some() {
    on_every_backend(|case| {
        let counter = case.counter();
        ask_for_the_plan(case.set(Counter::builder()));
        let refused = refused_during(|| (0..10).for_each(|_| counter.inc()));
        assert_ne!(refused, 0, "nothing was asked for");
        assert_eq!(counter.sum(), 10);
        assert_ne!(allocated_by(|| counter.inc()).0, 0, "the shards did not come");
        assert_eq!(allocated_by(|| counter.inc()).0, 0, "they came twice");
        assert_eq!(counter.sum(), 12);
    });
}
