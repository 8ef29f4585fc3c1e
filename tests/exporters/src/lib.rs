//! What every exporter must guarantee, whatever its format; and the programs of a page of documentation,
//! which are compiled and run.
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

/// Calls `add`, which adds one, on several threads, while `scrape` is called again and again. The scraped
/// value never goes down, and in the end it is `before` plus all that was added.
///
/// # Panics If it goes down, or is wrong in the end.
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

/// Returns how often a series goes down, which Prometheus takes for a reset.
#[must_use]
pub fn resets(series: &[u64]) -> usize {
    series.windows(2).filter(|pair| pair[1] < pair[0]).count()
}

/// Returns the value in the line of `text` that begins with `series` and a space.
///
/// # Panics If there is not exactly one such line.
#[must_use]
pub fn value(text: &str, series: &str) -> u64 {
    let values: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).collect();
    assert_eq!(values.len(), 1, "{series} in:\n{text}");
    values[0].parse().expect("a whole number")
}
