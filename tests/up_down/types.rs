//! What the type is to the rest of a program.

use crate::{
    level,
    support::{auto, on_every_backend, per_cpu_works, together},
};
use std::{
    fmt::Debug,
    panic::{RefUnwindSafe, UnwindSafe, catch_unwind},
    sync::Arc,
};
use striped_counter::{Backend, BuildError, Builder, Guard, UpDownCounter};

const fn is_a_good_citizen<T: Debug + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

const _: () = {
    is_a_good_citizen::<UpDownCounter>();
    is_a_good_citizen::<Guard<&'static UpDownCounter>>();
    is_a_good_citizen::<Guard<Arc<UpDownCounter>>>();
    is_a_good_citizen::<Builder<UpDownCounter>>();
};

#[test]
fn a_const_new_level_counts_for_many_threads() {
    static BUSY: UpDownCounter = UpDownCounter::new();
    together(4, |_| (0..1_000).for_each(|_| BUSY.inc()));
    together(4, |_| (0..500).for_each(|_| BUSY.dec()));
    assert_eq!(BUSY.sum(), 2_000);
}

#[test]
fn every_setting_may_be_made_in_a_static() {
    static PER_CPU: UpDownCounter =
        UpDownCounter::builder().backend(Backend::PerCpu).shards(3).build();
    static PER_THREAD: UpDownCounter =
        UpDownCounter::builder().backend(Backend::PerThread).read_lock(true).build();
    static STRIPED: UpDownCounter =
        UpDownCounter::builder().backend(Backend::Striped).shards(16).read_lock(true).build();
    static AUTO: UpDownCounter = UpDownCounter::builder().backend(Backend::Auto).build();

    for level in [&PER_CPU, &PER_THREAD, &STRIPED, &AUTO] {
        together(4, |_| (0..500).for_each(|_| level.sub(2)));
        assert_eq!(level.take(), -4_000);
    }
    assert_eq!(PER_THREAD.backend(), Backend::PerThread);
    assert_eq!((STRIPED.backend(), STRIPED.shards()), (Backend::Striped, 16));
    let per_cpu = if per_cpu_works() { (Backend::PerCpu, 3) } else { (Backend::Striped, 4) };
    assert_eq!((PER_CPU.backend(), PER_CPU.shards()), per_cpu);
    assert_eq!(AUTO.backend(), auto());
}

#[test]
fn an_untouched_level_reads_zero_in_every_way() {
    on_every_backend(|case| {
        let level = level(case);
        assert_eq!((level.sum(), level.take(), level.sum()), (0, 0, 0));
        assert!(format!("{level:?}").contains("sum: 0"), "{level:?}");
    });
}

#[test]
fn backend_and_shards_are_told_before_the_first_add_as_after_it() {
    on_every_backend(|case| {
        let level = level(case);
        let before = (level.backend(), level.shards());
        level.dec();
        let after = (level.backend(), level.shards());
        // `PerThread` may have to grow for a thread with a high number, and starts no smaller.
        assert_eq!(after.0, before.0);
        assert!(after.1 == before.1 || case.backend() == Backend::PerThread && after.1 > before.1);
    });
}

#[test]
fn debug_shows_sum_backend_and_shards() {
    on_every_backend(|case| {
        let level = level(case);
        level.add(41);
        let _ = level.take();
        level.sub(42);
        let (backend, shards) = (level.backend(), level.shards());
        let expected =
            format!("UpDownCounter {{ sum: -42, backend: {backend}, shards: {shards} }}");
        assert_eq!(format!("{level:?}"), expected);
        assert!(format!("{:?}", level.guard()).starts_with("Guard { counter: UpDownCounter {"));
    });
}

#[test]
fn default_is_new_is_the_builders_default() {
    let levels = [UpDownCounter::default(), UpDownCounter::new(), UpDownCounter::builder().build()];
    let [one, two, three] = levels.map(|level| format!("{level:?}"));
    assert!(one == two && two == three, "{one}, {two}, {three}");
}

#[test]
fn bad_settings_are_refused_with_setting_value_and_range() {
    for backend in [Backend::Auto, Backend::PerCpu, Backend::PerThread, Backend::Striped] {
        for shards in [0, 4097, usize::MAX] {
            let builder = UpDownCounter::builder().backend(backend).shards(shards);
            let error = builder.try_build().unwrap_err();
            assert_eq!(error, BuildError::ShardsOutOfRange { shards });
            let text = format!("shards: {shards} is out of range, from 1 to 4096");
            assert_eq!(error.to_string(), text);
            assert!(catch_unwind(|| builder.build()).is_err(), "{builder:?}");
        }
    }
    let builder = UpDownCounter::builder().backend(Backend::PerThread).shards(4);
    assert_eq!(builder.try_build().unwrap_err(), BuildError::ShardsOnPerThread { shards: 4 });
    assert!(catch_unwind(|| builder.build()).is_err());
}

#[test]
fn per_cpu_by_name_works_or_is_refused_and_auto_never_fails() {
    match UpDownCounter::builder().backend(Backend::PerCpu).try_build() {
        Ok(level) => assert_eq!(level.backend(), Backend::PerCpu),
        Err(error) => {
            let backend = Backend::PerCpu;
            assert!(
                matches!(error, BuildError::BackendUnavailable { backend: it, .. } if it == backend),
                "{error:?}"
            );
        }
    }
    let level = UpDownCounter::builder().try_build().unwrap();
    level.dec();
    assert_eq!((level.backend(), level.sum()), (auto(), -1));
}
