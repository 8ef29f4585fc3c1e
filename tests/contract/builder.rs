//! The builder with good settings. Bad ones are in `hostile.rs`.

use crate::support::{auto, on_every_type, per_cpu_works};
use striped_counter::{Backend, BuildError, Builder, Counter, UpDownCounter};

fn with(backend: Backend, shards: usize) -> Result<Counter, BuildError> {
    Counter::builder().backend(backend).shards(shards).try_build()
}

#[test]
fn striped_rounds_shards_up_to_a_power_of_two() {
    for (asked, got) in
        [(1, 1), (2, 2), (3, 4), (5, 8), (16, 16), (100, 128), (4095, 4096), (4096, 4096)]
    {
        let counter = with(Backend::Striped, asked).unwrap();
        assert_eq!((counter.backend(), counter.shards()), (Backend::Striped, got), "{asked}");
        counter.inc();
        assert_eq!((counter.shards(), counter.sum()), (got, 1), "{asked}");
    }
}

#[test]
fn per_cpu_has_exactly_the_number_of_shards_that_was_set() {
    if !per_cpu_works() {
        return assert_refused(&with(Backend::PerCpu, 3).unwrap_err());
    }
    for asked in [1, 2, 3, 5, 4096] {
        let counter = with(Backend::PerCpu, asked).unwrap();
        counter.inc();
        let got = (counter.backend(), counter.shards(), counter.sum());
        assert_eq!(got, (Backend::PerCpu, asked, 1));
    }
}

fn assert_refused(error: &BuildError) {
    assert!(matches!(error, BuildError::BackendUnavailable { backend: Backend::PerCpu, .. }));
}

#[test]
fn build_error_implements_error() {
    let error: Box<dyn std::error::Error + Send + Sync> =
        with(Backend::Striped, 0).unwrap_err().into();
    assert!(error.source().is_none());
}

#[test]
fn build_falls_back_from_per_cpu_and_backend_returns_the_one_in_use() {
    let counter = Counter::builder().backend(Backend::PerCpu).build();
    let expected = if per_cpu_works() { Backend::PerCpu } else { Backend::Striped };
    assert_eq!(counter.backend(), expected);
    counter.inc();
    assert_eq!((counter.backend(), counter.sum()), (expected, 1));
}

#[test]
fn auto_never_fails_and_backend_returns_the_one_it_chose() {
    for builder in [Counter::builder(), Counter::builder().backend(Backend::Auto).shards(7)] {
        let counter = builder.try_build().unwrap();
        counter.inc();
        assert_eq!((counter.backend(), counter.sum()), (auto(), 1));
    }
}

#[test]
fn the_last_setting_wins_and_a_builder_is_reusable() {
    let builder = Counter::builder().shards(0).backend(Backend::PerThread);
    let builder = builder.backend(Backend::Striped).shards(3).shards(8).read_lock(true);
    let (one, two) = (builder.build(), builder.build());
    one.inc();
    assert_eq!((one.sum(), two.sum(), one.shards(), two.shards()), (1, 0, 8, 8));
    let shown = format!("{builder:?}");
    for part in ["backend: Striped", "shards: Some(8)", "read_lock: Some(true)"] {
        assert!(shown.contains(part), "{part:?} is not in {shown:?}");
    }
}

#[test]
fn settings_can_be_read_back() {
    const UNSET: Builder<Counter> = Counter::builder();
    assert_eq!((UNSET.get_backend(), UNSET.get_shards()), (Backend::Auto, None));
    assert_eq!((UNSET.get_read_lock(), UNSET.get_padded()), (None, false));
    let set = UNSET.backend(Backend::Striped).shards(3).read_lock(false).padded(true);
    assert_eq!((set.get_backend(), set.get_shards()), (Backend::Striped, Some(3)));
    assert_eq!((set.get_read_lock(), set.get_padded()), (Some(false), true));
}

#[test]
fn has_read_lock_returns_the_setting() {
    on_every_type(|subject| {
        assert_eq!(subject.build().has_read_lock(), subject.case.read_lock);
    });
    let level = UpDownCounter::builder();
    assert!(!level.build().has_read_lock() && !level.read_lock(false).build().has_read_lock());
}

#[test]
fn backends_are_parsed_from_their_names_in_any_case() {
    for backend in [Backend::Auto, Backend::PerCpu, Backend::PerThread, Backend::Striped] {
        let name = backend.to_string();
        assert_eq!(name, format!("{backend:?}"));
        for name in [name.to_lowercase(), name.to_uppercase(), name] {
            assert_eq!(name.parse(), Ok(backend));
        }
    }
    for name in ["", "stripes", "per-cpu", " striped"] {
        let error = name.parse::<Backend>().unwrap_err().to_string();
        assert!(error.contains(&format!("{name:?}")), "{error}");
        assert!(error.contains("Auto, PerCpu, PerThread, Striped"), "{error}");
    }
}
