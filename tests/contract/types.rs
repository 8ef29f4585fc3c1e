//! What the types are to the rest of a program.

use crate::support::{Type, on_every_type};
use std::{
    fmt::Debug,
    panic::{RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};
use striped_counter::{
    Backend, BuildError, Builder, Counter, CounterRef, CounterSet, Deltas, Guard, Histogram,
    HistogramDeltas, HistogramRef, HistogramSet, HistogramSnapshot, Iter, LevelGuard, LevelRef,
    ParseBackendError, SetDeltas, Timer, UpDownCounter, UpDownCounterSet,
};

const fn assert_auto_traits<T: Debug + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

const _: () = {
    assert_auto_traits::<Counter>();
    assert_auto_traits::<Deltas<&'static Counter>>();
    assert_auto_traits::<Deltas<Arc<Counter>>>();
    assert_auto_traits::<Builder<Counter>>();

    assert_auto_traits::<UpDownCounter>();
    assert_auto_traits::<Guard<&'static UpDownCounter>>();
    assert_auto_traits::<Guard<Arc<UpDownCounter>>>();
    assert_auto_traits::<Builder<UpDownCounter>>();

    assert_auto_traits::<CounterSet>();
    assert_auto_traits::<CounterRef<'static>>();
    assert_auto_traits::<SetDeltas<&'static CounterSet>>();
    assert_auto_traits::<SetDeltas<Arc<CounterSet>>>();
    assert_auto_traits::<Builder<CounterSet>>();

    assert_auto_traits::<UpDownCounterSet>();
    assert_auto_traits::<LevelRef<'static>>();
    assert_auto_traits::<LevelGuard<&'static UpDownCounterSet>>();
    assert_auto_traits::<LevelGuard<Arc<UpDownCounterSet>>>();
    assert_auto_traits::<Iter<'static>>();
    assert_auto_traits::<Iter<'static, UpDownCounterSet>>();
    assert_auto_traits::<Iter<'static, HistogramSet>>();
    assert_auto_traits::<Builder<UpDownCounterSet>>();

    assert_auto_traits::<Histogram>();
    assert_auto_traits::<HistogramDeltas<&'static Histogram>>();
    assert_auto_traits::<HistogramDeltas<Arc<Histogram>>>();
    assert_auto_traits::<HistogramSnapshot>();
    assert_auto_traits::<Timer<'static>>();
    assert_auto_traits::<Builder<Histogram>>();

    assert_auto_traits::<HistogramSet>();
    assert_auto_traits::<HistogramRef<'static>>();
    assert_auto_traits::<Builder<HistogramSet>>();

    assert_auto_traits::<Backend>();
    assert_auto_traits::<BuildError>();
    assert_auto_traits::<ParseBackendError>();
};

#[test]
fn debug_shows_sum_backend_and_shards() {
    on_every_type(|subject| {
        let counter = subject.build();
        counter.add(39);
        let _ = counter.take();
        counter.add(42);
        let zeros = "0, ".repeat(16);
        let sum = match subject.of {
            Type::Counter | Type::UpDownCounter => "sum: 42".to_owned(),
            Type::CounterSet | Type::UpDownCounterSet => format!("sums: [{zeros}42]"),
            Type::Histogram => "count: 42, sum: Some(42)".to_owned(),
            Type::HistogramSet => "counts: [0, 42]".to_owned(),
        };
        let (of, backend, shards) = (subject.of, counter.backend(), counter.shards());
        let expected = format!("{of:?} {{ {sum}, backend: {backend}, shards: {shards} }}");
        assert_eq!(format!("{counter:?}"), expected);
    });
}

#[test]
fn debug_of_a_guard_or_a_cursor_shows_its_counter() {
    let level = UpDownCounter::new();
    let guard = format!("{:?}", level.guard());
    assert!(guard.starts_with("Guard { counter: UpDownCounter { sum: 1,"), "{guard}");
    let counter = Counter::with_initial(7);
    let deltas = format!("{:?}", counter.deltas());
    assert!(deltas.starts_with("Deltas { counter: Counter { sum: 7,"), "{deltas}");
    let set = CounterSet::new(2);
    let deltas = format!("{:?}", set.deltas());
    assert!(deltas.contains("CounterSet { sums: [0, 0],"), "{deltas}");
    assert!(deltas.contains("seen: [0, 0]"), "{deltas}");
}

#[test]
fn new_default_and_builder_agree() {
    fn assert_agree<T: Debug, const N: usize>(all: [T; N]) {
        let shown = all.map(|one| format!("{one:?}"));
        assert!(shown.iter().all(|one| *one == shown[0]), "{shown:?}");
    }
    assert_agree([Counter::default(), Counter::new(), Counter::builder().build()]);
    let levels = [UpDownCounter::default(), UpDownCounter::new(), UpDownCounter::builder().build()];
    assert_agree(levels);
    assert_agree([CounterSet::new(3), CounterSet::builder(3).build()]);
    assert_agree([UpDownCounterSet::new(3), UpDownCounterSet::builder(3).build()]);
    assert_agree([Histogram::default(), Histogram::new(), Histogram::builder().build()]);
    assert_agree([HistogramSet::new(3), HistogramSet::builder(3).build()]);
}

#[test]
fn a_counter_goes_on_after_a_panic_while_it_is_used() {
    on_every_type(|subject| {
        let counter = subject.build();
        let panicked = catch_unwind(|| {
            counter.add(1);
            assert_eq!(counter.take(), 1);
            counter.add(1);
            resume_unwind(Box::new("quietly"));
        });
        assert!(panicked.is_err());
        counter.add(1);
        assert_eq!(counter.take(), 2);
    });
}
