//! Counters, and threads, that come and go.

use crate::{Scale, backends, cells, cost, lab::stats::float, note, titled};
use std::{
    fs,
    hint::black_box,
    thread,
    time::{Duration, Instant},
};
use striped_counter::{Counter, CounterSet};

/// What it takes to make and to drop.
pub(crate) fn lives() -> String {
    const WINDOW: Duration = Duration::from_millis(20);
    let mut lines =
        vec![cells(["backend", "untouched", "after an add", "a set of 1,000, after an add"])];
    for backend in backends() {
        note(&format!("lives of {backend}"));
        let counter = Counter::builder().backend(backend);
        let set = CounterSet::builder(1_000).backend(backend);
        let touched = || {
            let counter = counter.build();
            counter.inc();
            counter
        };
        let touched_set = || {
            let set = set.build();
            set.inc(999);
            set
        };
        let costs = [
            cost(WINDOW, || drop(black_box(counter.build()))),
            cost(WINDOW, || drop(black_box(touched()))),
            cost(WINDOW, || drop(black_box(touched_set()))),
        ];
        let mut line = costs.map(|ns| format!("{ns:.0}")).to_vec();
        line.insert(0, backend.to_string());
        lines.push(line);
    }
    titled("CPU ns to make a counter and to drop it", &lines)
}

/// Threads that come and go, one after another.
pub(crate) fn churn(scale: &Scale) -> String {
    let mut lines = vec![cells(["backend", "us a thread", "shards", "KiB before", "KiB after"])];
    for backend in backends() {
        note(&format!("{} threads through {backend}", scale.churn));
        let counter = Counter::builder().backend(backend).build();
        // Joined by name: the end of a scope does not wait for what a thread does at its very end.
        let life =
            || thread::scope(|scope| scope.spawn(|| counter.inc()).join().expect("no panic"));
        (0..64).for_each(|_| life());
        let (before, shards, start) = (resident(), counter.shards(), Instant::now());
        (0..scale.churn).for_each(|_| life());
        let each = start.elapsed().as_secs_f64() * 1e6 / float(scale.churn);
        assert_eq!(counter.sum(), 64 + scale.churn, "the sum is exact");
        assert_eq!(counter.shards(), shards, "no shard more");
        let kib = |kib: Option<u64>| kib.map_or("-".to_owned(), |kib| kib.to_string());
        lines.push(vec![
            backend.to_string(),
            format!("{each:.1}"),
            shards.to_string(),
            kib(before),
            kib(resident()),
        ]);
    }
    titled(
        &format!("{} threads that come, add once, and go, one after another", scale.churn),
        &lines,
    )
}

/// Resident memory of this process in KiB, where the system tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
