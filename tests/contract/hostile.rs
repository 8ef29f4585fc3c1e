//! Settings that cannot be: every type refuses each of them in words that name the setting, the value
//! and the range, from `try_build` and from `build` alike. (What an index may be is in `tests/set/`.)

use std::panic::{UnwindSafe, catch_unwind};
use striped_counter::{Backend, BuildError, Builder, Counter, CounterSet, UpDownCounter};

const BACKENDS: [Backend; 4] =
    [Backend::Auto, Backend::PerCpu, Backend::PerThread, Backend::Striped];
const MOST_SHARDS: usize = 4096;
const LONGEST: usize = 1 << 24;
/// Where sizes would overflow, or turn negative.
const HUGE: [usize; 4] =
    [usize::MAX / 128 + 1, 1 << (usize::BITS - 4), isize::MAX as usize + 1, usize::MAX];

/// What the refusal says, in either way.
fn refusal<T>(
    builder: Builder<T>,
    try_build: fn(Builder<T>) -> Result<T, BuildError>,
    build: impl FnOnce(Builder<T>) -> T + UnwindSafe,
) -> String {
    let error = try_build(builder).err().expect("a bad setting was built").to_string();
    let panic = catch_unwind(|| drop(build(builder))).expect_err("a bad setting was built");
    let panic = panic.downcast_ref::<String>().cloned().or_else(|| {
        panic.downcast_ref::<&str>().map(ToString::to_string) // As a `const fn` may panic.
    });
    assert_eq!(panic.as_deref(), Some(&*error));
    error
}

/// What each type says to these settings; a set of each of these lengths.
fn refusals(backend: Backend, shards: usize, read_lock: bool) -> Vec<String> {
    fn set<T>(builder: Builder<T>, (backend, shards, lock): (Backend, usize, bool)) -> Builder<T> {
        builder.backend(backend).shards(shards).read_lock(lock)
    }
    let settings = (backend, shards, read_lock);
    let counter = set(Counter::builder(), settings);
    let level = set(UpDownCounter::builder(), settings);
    let mut said = vec![
        refusal(counter, Builder::<Counter>::try_build, Builder::<Counter>::build),
        refusal(level, Builder::<UpDownCounter>::try_build, Builder::<UpDownCounter>::build),
    ];
    for len in [0, 1, LONGEST] {
        said.push(refusal_of_set(set(CounterSet::builder(len), settings)));
    }
    said
}

fn refusal_of_set(builder: Builder<CounterSet>) -> String {
    refusal(builder, Builder::<CounterSet>::try_build, Builder::<CounterSet>::build)
}

#[test]
fn shards_out_of_range_are_refused_by_every_type_whatever_else_is_set() {
    for shards in [0, MOST_SHARDS + 1].into_iter().chain(HUGE) {
        let expected = format!("shards: {shards} is out of range, from 1 to 4096");
        for backend in BACKENDS {
            for read_lock in [false, true] {
                let said = refusals(backend, shards, read_lock);
                assert!(said.iter().all(|text| *text == expected), "{said:?}");
            }
        }
    }
}

#[test]
fn shards_on_per_thread_are_refused_by_every_type() {
    for shards in [1, 2, MOST_SHARDS] {
        let why = "cannot be set with backend PerThread, which has one shard per live thread";
        let expected = format!("shards: {shards} {why}");
        for read_lock in [false, true] {
            let said = refusals(Backend::PerThread, shards, read_lock);
            assert!(said.iter().all(|text| *text == expected), "{said:?}");
        }
    }
}

#[test]
fn lengths_out_of_range_are_refused_whatever_else_is_set() {
    for len in [LONGEST + 1].into_iter().chain(HUGE) {
        let expected = format!("len: {len} is out of range, from 0 to {LONGEST}");
        for backend in BACKENDS {
            for shards in [0, 1, MOST_SHARDS, usize::MAX] {
                let builder = CounterSet::builder(len).backend(backend).shards(shards);
                assert_eq!(refusal_of_set(builder), expected);
            }
        }
    }
}

#[test]
fn what_is_just_within_the_range_is_built_and_counts() {
    for backend in [Backend::Auto, Backend::PerCpu, Backend::Striped] {
        for shards in [1, MOST_SHARDS] {
            let counter = Counter::builder().backend(backend).shards(shards).build();
            let level = UpDownCounter::builder().backend(backend).shards(shards).build();
            let set = CounterSet::builder(1).backend(backend).shards(shards).build();
            counter.inc();
            level.dec();
            set.inc(0);
            assert_eq!((counter.sum(), level.sum(), set.sums()), (1, -1, vec![1]));
            assert_eq!([counter.shards(), level.shards(), set.shards()], [shards; 3]);
        }
        // Not added to: that would take as much memory as was asked for.
        let set = CounterSet::builder(LONGEST).backend(backend).shards(MOST_SHARDS).build();
        assert_eq!((set.len(), set.sum(LONGEST - 1)), (LONGEST, 0));
    }
}
