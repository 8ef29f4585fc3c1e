//! What every exporter has to keep, whatever its format; and the programs of a page, which are compiled
//! and run as they stand there.
#![doc = include_str!("../../../docs/guide/integrations.md")]

#[path = "../../support/threads.rs"]
mod threads;

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use threads::Stop;

const THREADS: usize = 4;
const SCRAPES: usize = 200;

/// Has several threads call `add`, which adds one, while `scrape` is called time and again. What is
/// scraped never goes down, and at the end it is all that was added, on top of `before`.
///
/// # Panics
/// If it does go down, or is not all.
pub fn monotone_and_complete(before: u64, add: impl Fn() + Sync, mut scrape: impl FnMut() -> u64) {
    let (stop, begun) = (AtomicBool::new(false), Barrier::new(THREADS + 1));
    let adder = || {
        let mut added = 0;
        add();
        begun.wait();
        while !stop.load(Ordering::Relaxed) {
            (0..100).for_each(|_| add());
            added += 100;
        }
        added + 1
    };
    let added: u64 = thread::scope(|scope| {
        let adders = [(); THREADS].map(|()| scope.spawn(adder));
        begun.wait();
        let stopper = Stop(&stop);
        let series: Vec<_> = (0..SCRAPES).map(|_| scrape()).collect();
        drop(stopper);
        assert!(series[0] > before && series.is_sorted(), "{series:?}");
        adders.into_iter().map(|adder| adder.join().expect("adds do not panic")).sum()
    });
    assert_eq!(scrape(), before + added);
}

/// How often a series goes down, which is what Prometheus takes for a reset.
#[must_use]
pub fn resets(series: &[u64]) -> usize {
    series.windows(2).filter(|pair| pair[1] < pair[0]).count()
}

/// The value of the line of `text` that begins with `series` and a space.
///
/// # Panics
/// If there is not just one.
#[must_use]
pub fn value(text: &str, series: &str) -> u64 {
    let values: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).collect();
    assert_eq!(values.len(), 1, "{series} in:\n{text}");
    values[0].parse().expect("a whole number")
}
