//! Counters and threads that come and go.

use crate::{Scale, cells, cost, note, titled};
use std::{
    hint::black_box,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use striped_counter::{
    Builder, Counter, CounterSet, UpDownCounter,
    bench::lab::{backends::backends, files::File, memory::resident, stats::float},
};

/// Measures creating a counter, adding to it once, and dropping it.
pub(crate) fn lives(_scale: &Scale) -> (String, Option<File>) {
    const WINDOW: Duration = Duration::from_millis(20);
    let titles = [
        "backend",
        "untouched",
        "Counter",
        "Arc<Counter>",
        "padded",
        "UpDownCounter",
        "set of 16",
        "set of 1,000",
    ];
    let mut lines = vec![cells(titles)];
    for backend in backends() {
        note(&format!("lifetimes of {backend}"));
        let counter = Counter::builder().backend(backend);
        let padded = counter.padded(true);
        let level = UpDownCounter::builder().backend(backend);
        let life_of_set = |len: usize| {
            let set = CounterSet::builder(len).backend(backend);
            cost(WINDOW, || {
                let set = black_box(set.build());
                set.inc(len - 1);
                drop(black_box(set));
            })
        };
        let life_of_counter = |builder: &Builder<Counter>| {
            cost(WINDOW, || {
                let counter = black_box(builder.build());
                counter.inc();
                drop(black_box(counter));
            })
        };
        let costs = [
            cost(WINDOW, || drop(black_box(counter.build()))),
            life_of_counter(&counter),
            cost(WINDOW, || {
                let counter = black_box(Arc::new(counter.build()));
                counter.inc();
                drop(black_box(counter));
            }),
            life_of_counter(&padded),
            cost(WINDOW, || {
                let level = black_box(level.build());
                level.inc();
                drop(black_box(level));
            }),
            life_of_set(16),
            life_of_set(1_000),
        ];
        let mut line = costs.map(|ns| format!("{ns:.0}")).to_vec();
        line.insert(0, backend.to_string());
        lines.push(line);
    }
    let title =
        "CPU ns to create a counter, to add to it once, except for the untouched, and to drop it";
    (titled(title, &lines), None)
}

/// Measures threads that come and go, one after another.
pub(crate) fn churn(scale: &Scale) -> (String, Option<File>) {
    let mut lines = vec![cells(["backend", "us per thread", "shards", "KiB before", "KiB after"])];
    for backend in backends() {
        note(&format!("{} threads through {backend}", scale.churn));
        let counter = Counter::builder().backend(backend).build();
        // Joined explicitly: the end of a scope does not wait for what a thread does at its very
        // end.
        let life =
            || thread::scope(|scope| scope.spawn(|| counter.inc()).join().expect("no panic"));
        (0..64).for_each(|_| life());
        let (before, shards, start) = (resident(), counter.shards(), Instant::now());
        (0..scale.churn).for_each(|_| life());
        let each = start.elapsed().as_secs_f64() * 1e6 / float(scale.churn);
        assert_eq!(counter.sum(), 64 + scale.churn, "the sum is exact");
        assert_eq!(counter.shards(), shards, "no shard more");
        let kib =
            |bytes: Option<usize>| bytes.map_or("-".to_owned(), |bytes| (bytes >> 10).to_string());
        lines.push(vec![
            backend.to_string(),
            format!("{each:.1}"),
            shards.to_string(),
            kib(before),
            kib(resident()),
        ]);
    }
    let title = format!("{} threads that come, add once, and go, one after another", scale.churn);
    (titled(&title, &lines), None)
}
