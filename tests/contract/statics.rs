//! Counters stand in statics, at no cost before their first use.

use crate::common::{affinity::Hopper, on_every_backend, per_cpu_works, together};
use striped_counter::{Backend, Counter};

#[test]
fn a_const_new_counter_counts_for_many_threads() {
    static HITS: Counter = Counter::new();
    together(4, |_| (0..1_000).for_each(|_| HITS.inc()));
    HITS.add(512);
    assert_eq!(HITS.sum(), 4_512);
}

#[test]
fn every_setting_may_be_made_in_a_static() {
    static PER_CPU: Counter = Counter::builder().backend(Backend::PerCpu).shards(3).build();
    static PER_THREAD: Counter =
        Counter::builder().backend(Backend::PerThread).read_lock(true).build();
    static STRIPED: Counter =
        Counter::builder().backend(Backend::Striped).shards(16).read_lock(true).build();
    static AUTO: Counter = Counter::builder().backend(Backend::Auto).read_lock(false).build();

    for counter in [&PER_CPU, &PER_THREAD, &STRIPED, &AUTO] {
        together(4, |_| (0..500).for_each(|_| counter.add(2)));
        assert_eq!(counter.take(), 4_000);
    }
    assert_eq!(PER_THREAD.backend(), Backend::PerThread);
    assert_eq!((STRIPED.backend(), STRIPED.shards()), (Backend::Striped, 16));
    let per_cpu = if per_cpu_works() { (Backend::PerCpu, 3) } else { (Backend::Striped, 4) };
    assert_eq!((PER_CPU.backend(), PER_CPU.shards()), per_cpu);
    assert_eq!(AUTO.backend(), per_cpu.0);
}

#[test]
fn a_static_array_of_counters_counts_each_by_itself() {
    static HITS: [Counter; 20] = [const { Counter::new() }; 20];
    together(3, |_| (1..).zip(&HITS).for_each(|(n, counter)| counter.add(n)));
    assert!((1..).zip(&HITS).all(|(n, counter)| counter.sum() == 3 * n));
}

#[test]
fn an_untouched_counter_reads_zero_in_every_way() {
    on_every_backend(|case| {
        let counter = case.counter();
        assert_eq!((counter.sum(), counter.take()), (0, 0));
        assert_eq!(counter.deltas().next_delta(), 0);
        assert!(format!("{counter:?}").contains("sum: 0"), "{counter:?}");
    });
}

#[test]
fn an_add_of_zero_counts_nothing() {
    on_every_backend(|case| {
        let counter = case.counter();
        counter.add(0);
        counter.add(0);
        assert_eq!(counter.sum(), 0);
    });
}

#[test]
fn backend_and_shards_are_told_before_the_first_add_as_after_it() {
    on_every_backend(|case| {
        let counter = case.counter();
        let before = (counter.backend(), counter.shards());
        counter.inc();
        let after = (counter.backend(), counter.shards());
        // `PerThread` may have to grow for a thread with a high number, and starts no smaller.
        if case.backend() == Backend::PerThread {
            assert_eq!(after.0, before.0);
            assert!(after.1 >= before.1, "{after:?} after {before:?}");
        } else {
            assert_eq!(after, before);
        }
    });
}

#[test]
fn shards_do_not_depend_on_where_the_first_add_happens_to_run() {
    on_every_backend(|case| {
        let (anywhere, pinned) = (case.counter(), case.counter());
        anywhere.inc();
        together(1, |_| {
            let _pinned = Hopper::pinned(0);
            pinned.inc();
        });
        if case.backend() != Backend::PerThread {
            assert_eq!(pinned.shards(), anywhere.shards());
        }
    });
}
