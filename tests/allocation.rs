//! What is allocated, and when. On Linux nothing ever is, since chunks come from the system (see
//! `tests/memory.rs` for their size, `tests/no_memory.rs` for adds without memory). On other systems nothing
//! is allocated before the first add and after a thread's first touch, and an add that finds no memory is
//! counted all the same.

mod support;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};
use striped_counter::{Backend, Counter, CounterSet, UpDownCounter, UpDownCounterSet};
use support::{
    Case,
    allocator::{Observed, Request},
    on_every_backend, together,
};

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static REFUSED: Cell<Option<usize>> = const { Cell::new(None) };
}

const ON_LINUX: bool = cfg!(target_os = "linux");

/// Requests of at least this size are refused. On other systems than Linux the standard library allocates
/// less than that to register a thread's destructors, and aborts if it cannot.
const LEAST: usize = if ON_LINUX { 1 } else { 128 };

/// Counts per thread, and refuses on demand.
#[global_allocator]
static ALLOCATOR: Observed = Observed(|request| {
    let Request::Allocate(bytes) = request else { return true };
    if let Some(refused) = REFUSED.get().filter(|_| bytes >= LEAST) {
        REFUSED.set(Some(refused + 1));
        return false;
    }
    ALLOCATED.set(ALLOCATED.get() + bytes);
    true
});

/// Returns how many bytes the calling thread allocates in `body`.
fn allocated_by<T>(body: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATED.get();
    let result = body();
    (ALLOCATED.get() - before, result)
}

/// Returns how often the calling thread is refused memory in `body`.
fn refused_during(body: impl FnOnce()) -> usize {
    REFUSED.set(Some(0));
    body();
    REFUSED.take().unwrap()
}

/// Makes, uses and drops a counter of each type without calling a method that returns a `Vec`.
fn use_all(case: &Case, buffer: &mut [u64]) {
    for padded in [false, true] {
        let counter = case.set(Counter::builder()).padded(padded).build();
        (0..3).for_each(|_| counter.add(2));
        assert!(counter.warm_up());
        assert_eq!((counter.sum(), counter.total()), (6, 6));
        assert_eq!((counter.take(), counter.deltas().next_delta()), (6, 6));
        let level = case.set(UpDownCounter::builder()).padded(padded).build();
        level.sub(3);
        drop(level.guard());
        assert_eq!((level.sum(), level.take()), (-3, -3));
    }
    let set = case.set(CounterSet::builder(buffer.len())).build();
    set.add_many(&[(0, 1), (1, 2)]);
    set.get(1).unwrap().inc();
    set.sums_into(buffer);
    assert_eq!(buffer[..2], [1, 3]);
    assert_eq!((set.sum(0), set.take(1), set.total(1)), (1, 3, 3));
    let levels = case.set(UpDownCounterSet::builder(2)).build();
    levels.sub(0, 7);
    levels.iter().for_each(|level| drop(level.guard()));
    if !case.read_lock {
        let mut sums = [0; 2];
        levels.sums_into(&mut sums);
        assert_eq!(sums, [-7, 0]);
    }
    assert_eq!((levels.take(0), levels.sum(0)), (-7, 0));
}

/// An allocator that refuses everything is not called, neither by the process's first add nor by later ones.
#[test]
fn on_linux_nothing_is_ever_allocated() {
    if !ON_LINUX {
        return;
    }
    on_every_backend(|case| {
        let mut buffer = vec![0; 600];
        let refused = refused_during(|| (0..100).for_each(|_| use_all(case, &mut buffer)));
        assert_eq!(refused, 0);
        let (bytes, ()) = allocated_by(|| use_all(case, &mut buffer));
        assert_eq!(bytes, 0);
        let of_threads = together(40, |_| {
            let mut buffer = vec![0; 600];
            refused_during(|| use_all(case, &mut buffer))
        });
        assert_eq!(of_threads, [0; 40]);
    });
}

#[test]
fn seeded_a_refusal_is_noticed() {
    let refused = refused_during(|| assert!(Vec::<u8>::new().try_reserve(LEAST).is_err()));
    assert_eq!(refused, 1);
}

#[test]
fn a_counter_allocates_nothing_until_the_first_add() {
    on_every_backend(|case| {
        let builder = case.set(Counter::builder());
        let (bytes, _) = allocated_by(|| {
            let counter = builder.build();
            let _ = (counter.sum(), counter.take(), counter.deltas().next_delta());
            counter
        });
        assert_eq!(bytes, 0);
    });
}

#[test]
fn refused_settings_and_indexes_allocate_nothing() {
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
        // The batch that panicked allocated nothing: the first good add still has to.
        assert_eq!(allocated_by(|| set.inc(0)).0 == 0, ON_LINUX);
        assert_eq!(set.sums(), [1, 0, 0]);
    });
}

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

/// On Linux memory does not come from the allocator; see `tests/no_memory.rs`.
#[cfg(not(target_os = "linux"))]
#[test]
fn adds_count_without_memory_for_shards_and_find_their_shards_when_there_is_some() {
    // With a number of shards that no other counter has, so that no chunk has room for it.
    let builder = Counter::builder().backend(Backend::Striped).shards(2_048);
    let counter = builder.build();
    // Reads the number of CPUs.
    assert_eq!(counter.shards(), 2_048);
    let refused = refused_during(|| (0..10).for_each(|_| counter.inc()));
    assert_ne!(refused, 0, "nothing was asked for");
    assert_eq!(counter.sum(), 10);
    assert_ne!(allocated_by(|| counter.inc()).0, 0, "the shards did not come");
    assert_eq!(allocated_by(|| counter.inc()).0, 0, "they came twice");
    assert_eq!(counter.sum(), 12);
}
