//! What the types are to the rest of a program.

use crate::support::on_every_backend;
use std::{
    fmt::Debug,
    panic::{RefUnwindSafe, UnwindSafe, catch_unwind},
    sync::Arc,
};
use striped_counter::{Backend, BuildError, Builder, Counter, Deltas, ParseBackendError};

const fn is_a_good_citizen<T: Debug + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

const _: () = {
    is_a_good_citizen::<Counter>();
    is_a_good_citizen::<Deltas<&'static Counter>>();
    is_a_good_citizen::<Deltas<Arc<Counter>>>();
    is_a_good_citizen::<Builder<Counter>>();
    is_a_good_citizen::<Backend>();
    is_a_good_citizen::<BuildError>();
    is_a_good_citizen::<ParseBackendError>();
};

#[test]
fn debug_shows_sum_backend_and_shards() {
    on_every_backend(|case| {
        let counter = case.counter();
        counter.add(41);
        let _ = counter.take();
        counter.add(42);
        let (backend, shards) = (counter.backend(), counter.shards());
        let expected = format!("Counter {{ sum: 42, backend: {backend}, shards: {shards} }}");
        assert_eq!(format!("{counter:?}"), expected);
    });
}

#[test]
fn default_is_new_is_the_builders_default() {
    let counters = [Counter::default(), Counter::new(), Counter::builder().build()];
    let [one, two, three] = counters.map(|counter| format!("{counter:?}"));
    assert!(one == two && two == three, "{one}, {two}, {three}");
}

#[test]
fn a_counter_goes_on_after_a_panic_next_to_it() {
    on_every_backend(|case| {
        let counter = case.counter();
        let panicked = catch_unwind(|| {
            counter.inc();
            assert_eq!(counter.take(), 1);
            counter.inc();
            std::panic::resume_unwind(Box::new("quietly"));
        });
        assert!(panicked.is_err());
        counter.inc();
        assert_eq!(counter.take(), 2);
    });
}
