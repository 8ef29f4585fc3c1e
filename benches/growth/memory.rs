//! Bytes.

use crate::{
    Scale, backends, cells, chart, curve,
    lab::{
        chart::style::{GREEN, Style, UP},
        files::File,
        memory::allocated,
        stats::float,
    },
    note, picture, row, steps, style, titled,
};
use std::{sync::Barrier, thread};
use striped_counter::{Backend, Counter, CounterSet};

/// Bytes of a counter to which `threads` threads, alive at the same time, have added.
fn bytes_of_threads(counter: impl FnOnce() -> Counter, threads: usize) -> usize {
    let (counter, made) = allocated(counter);
    let (all_added, all_done) = (Barrier::new(threads), Barrier::new(threads));
    let adder = || {
        let ((), bytes) = allocated(|| counter.inc());
        // All have numbers of their own now. Once more: the first add may have found the lock taken.
        all_added.wait();
        let ((), more) = allocated(|| counter.inc());
        all_done.wait();
        bytes.wrapping_add(more)
    };
    let bytes: usize = thread::scope(|scope| {
        let adders: Vec<_> = (0..threads).map(|_| scope.spawn(adder)).collect();
        let bytes = adders.into_iter().map(|adder| adder.join().expect("adds do not panic"));
        bytes.fold(0, usize::wrapping_add)
    });
    assert_eq!(counter.sum(), 2 * threads as u64, "the sum is exact");
    size_of::<Counter>() + made.wrapping_add(bytes)
}

/// The memory of a counter, against the threads that add.
pub(crate) fn of_threads(scale: &Scale) -> (String, File) {
    let mut lines = vec![cells(["threads"])];
    let mut curves = Vec::new();
    for backend in backends() {
        lines[0].push(backend.to_string());
        curves.push(curve(&backend.to_string(), style(backend)));
    }
    for threads in steps(4, scale.threads) {
        note(&format!("memory for {threads} threads"));
        let mut line = Vec::new();
        for (backend, curve) in backends().zip(&mut curves) {
            let counter = || Counter::builder().backend(backend).build();
            let bytes = bytes_of_threads(counter, threads);
            curve.points.push((float(threads as u64), float(bytes as u64)));
            line.push(bytes.to_string());
        }
        lines.push(row(threads, line));
    }
    let mut shards = vec![cells(["shards", "bytes", "128 n + 512"])];
    for n in steps(4, scale.shards) {
        let builder = Counter::builder().backend(Backend::Striped).shards(n);
        let bytes = bytes_of_threads(|| builder.build(), 2);
        assert!(bytes <= 128 * n + 512, "{bytes} bytes with {n} shards");
        shards.push(row(n, [bytes, 128 * n + 512].map(|bytes| bytes.to_string())));
    }
    let chart = chart("Memory of a counter against threads that add", "threads", "bytes", curves);
    let table = titled("Bytes of a counter, against threads that add at the same time", &lines)
        + &titled("\nBytes of a counter, against shards of Striped", &shards);
    (table, picture("threads", &chart))
}

/// The memory of many counters, in a set and as single ones.
pub(crate) fn of_counters(scale: &Scale) -> (String, File) {
    const SHARDS: usize = 64;
    let title = format!("Bytes a counter a shard, of {SHARDS} shards of Striped, against counters");
    let mut lines = vec![cells(["counters", "CounterSet", "Counters"])];
    let mut curves = [
        curve("Counters", Style::thick(GREEN, UP).hollow()),
        curve("CounterSet", Style::thick(GREEN, UP)),
    ];
    let single =
        bytes_of_threads(|| Counter::builder().backend(Backend::Striped).shards(SHARDS).build(), 1);
    for counters in steps(10, scale.counters) {
        note(&format!("memory of {counters} counters"));
        let make = || {
            let set =
                CounterSet::builder(counters).backend(Backend::Striped).shards(SHARDS).build();
            set.inc(0);
            set
        };
        let (set, heap) = allocated(make);
        assert_eq!(set.sum(0), 1, "the sum is exact");
        let each = |bytes: usize| float(bytes as u64) / float((counters * SHARDS) as u64);
        let figures = [each(size_of_val(&set) + heap), each(single * counters)];
        lines.push(row(counters, figures.map(|figure| format!("{figure:.2}"))));
        for (curve, bytes) in curves.iter_mut().zip([figures[1], figures[0]]) {
            curve.points.push((float(counters as u64), bytes));
        }
    }
    let mut chart = chart(
        "Memory of a counter against the number of counters",
        "counters",
        "bytes per counter per shard",
        curves.into(),
    );
    chart.x_step = 10.0;
    (titled(&title, &lines), picture("counters", &chart))
}
