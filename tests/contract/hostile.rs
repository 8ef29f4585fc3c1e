//! Bad settings: every type refuses each of them with a text that names the setting, the value and the range,
//! from `try_build` and `build` alike. Bad indexes are in `tests/set/`, bad buckets in `tests/histogram/`.

use crate::support::per_cpu_works;
use std::panic::catch_unwind;
use striped_counter::{
    Backend, BuildError, Builder, Counter, CounterSet, Histogram, HistogramSet, UpDownCounter,
    UpDownCounterSet,
};

const BACKENDS: [Backend; 4] =
    [Backend::Auto, Backend::PerCpu, Backend::PerThread, Backend::Striped];
const MOST_SHARDS: usize = 4096;
const LONGEST: usize = 1 << 24;
/// Where sizes would overflow, or turn negative.
const HUGE: [usize; 4] =
    [usize::MAX / 128 + 1, 1 << (usize::BITS - 4), isize::MAX as usize + 1, usize::MAX];

/// What can be built.
trait Build: Sized + 'static {
    fn try_build(builder: Builder<Self>) -> Result<Self, BuildError>;
    fn build(builder: Builder<Self>) -> Self;
}

macro_rules! build {
    ($($type:ty)*) => {$(
        impl Build for $type {
            fn try_build(builder: Builder<Self>) -> Result<Self, BuildError> {
                builder.try_build()
            }

            fn build(builder: Builder<Self>) -> Self {
                builder.build()
            }
        }
    )*};
}

build!(Counter UpDownCounter CounterSet UpDownCounterSet Histogram HistogramSet);

/// Returns the error, after checking that `build` panics with its text.
fn refusal<T: Build>(builder: Builder<T>) -> BuildError {
    let error = T::try_build(builder).err().expect("a bad setting was built");
    let panic = catch_unwind(|| drop(T::build(builder))).expect_err("a bad setting was built");
    let panic = panic.downcast_ref::<String>().cloned().or_else(|| {
        panic.downcast_ref::<&str>().map(ToString::to_string) // As a `const fn` may panic.
    });
    assert_eq!(panic.as_deref(), Some(&*error.to_string()));
    error
}

/// Panics unless every type refuses these settings with this error.
fn assert_refused(backend: Backend, shards: usize, expected: &BuildError) {
    fn refusals<T: Build>(of: Builder<T>, backend: Backend, shards: usize) -> [BuildError; 2] {
        let of = of.backend(backend).shards(shards);
        [false, true].map(|read_lock| refusal(of.read_lock(read_lock)))
    }
    let mut all = vec![
        refusals(Counter::builder(), backend, shards),
        refusals(UpDownCounter::builder(), backend, shards),
        refusals(Histogram::builder(), backend, shards),
        refusals(HistogramSet::builder(1), backend, shards),
    ];
    for len in [0, 1, LONGEST] {
        all.push(refusals(CounterSet::builder(len), backend, shards));
        all.push(refusals(UpDownCounterSet::builder(len), backend, shards));
    }
    assert!(all.iter().flatten().all(|error| error == expected), "{all:?}");
}

#[test]
fn shards_out_of_range_are_refused_by_every_type_whatever_else_is_set() {
    for shards in [0, MOST_SHARDS + 1].into_iter().chain(HUGE) {
        let expected = BuildError::ShardsOutOfRange { shards };
        let text = format!("shards: {shards} is out of range, from 1 to 4096");
        assert_eq!(expected.to_string(), text);
        for backend in BACKENDS {
            assert_refused(backend, shards, &expected);
        }
    }
}

#[test]
fn shards_on_per_thread_are_refused_by_every_type() {
    for shards in [1, 2, MOST_SHARDS] {
        let why = "cannot be set with backend PerThread, which has one shard per live thread";
        let expected = BuildError::ShardsOnPerThread { shards };
        assert_eq!(expected.to_string(), format!("shards: {shards} {why}"));
        assert_refused(Backend::PerThread, shards, &expected);
    }
}

#[test]
fn lengths_out_of_range_are_refused_whatever_else_is_set() {
    for len in [LONGEST + 1].into_iter().chain(HUGE) {
        let expected = BuildError::LenOutOfRange { len };
        let text = format!("len: {len} is out of range, from 0 to {LONGEST}");
        assert_eq!(expected.to_string(), text);
        for backend in BACKENDS {
            for shards in [0, 1, MOST_SHARDS, usize::MAX] {
                let set = CounterSet::builder(len).backend(backend).shards(shards);
                assert_eq!(refusal(set), expected);
                let set = UpDownCounterSet::builder(len).backend(backend).shards(shards);
                assert_eq!(refusal(set), expected);
            }
        }
        let panic = catch_unwind(|| CounterSet::new(len)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&text));
        assert!(catch_unwind(|| UpDownCounterSet::new(len)).is_err());
    }
}

/// The text of the error is tested in `without_rseq.rs`.
#[test]
fn per_cpu_by_name_works_or_is_refused_alike_by_every_type() {
    fn assert_alike<T: Build>(builder: Builder<T>) {
        let error = T::try_build(builder.backend(Backend::PerCpu)).err();
        assert_eq!(error.is_none(), per_cpu_works(), "{error:?}");
        if let Some(error) = error {
            let BuildError::BackendUnavailable { backend: Backend::PerCpu, .. } = error else {
                panic!("{error:?}");
            };
        }
        assert!(T::try_build(builder).is_ok(), "`Auto` never fails");
    }
    assert_alike(Counter::builder());
    assert_alike(UpDownCounter::builder());
    assert_alike(CounterSet::builder(5).read_lock(true));
    assert_alike(UpDownCounterSet::builder(5));
    assert_alike(Histogram::builder());
    assert_alike(HistogramSet::builder(5));
}

#[test]
fn settings_at_the_limits_are_built_and_count() {
    for backend in [Backend::Auto, Backend::PerCpu, Backend::Striped] {
        for shards in [1, MOST_SHARDS] {
            let counter = Counter::builder().backend(backend).shards(shards).build();
            let level = UpDownCounter::builder().backend(backend).shards(shards).build();
            let set = CounterSet::builder(1).backend(backend).shards(shards).build();
            let histogram = Histogram::builder().backend(backend).shards(shards).build();
            counter.inc();
            level.dec();
            set.inc(0);
            histogram.record(3);
            assert_eq!((counter.sum(), level.sum(), set.sums()), (1, -1, vec![1]));
            assert_eq!(histogram.snapshot().sum(), Some(3));
            let all = [counter.shards(), level.shards(), set.shards(), histogram.shards()];
            assert_eq!(all, [shards; 4]);
        }
        // No adds: they would use as much memory as these settings ask for.
        let set = CounterSet::builder(LONGEST).backend(backend).shards(MOST_SHARDS).build();
        assert_eq!((set.len(), set.sum(LONGEST - 1)), (LONGEST, 0));
    }
}
