//! What every exporter has to keep, whatever its format.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

const THREADS: u64 = 4;
const ADDS: u64 = 50_000;

/// Has several threads call `add`, which adds one, while `scrape` is called without pause. What is
/// scraped never goes down, and at the end it is all that was added, on top of `before`.
pub fn monotone_and_complete(before: u64, add: impl Fn() + Sync, mut scrape: impl FnMut() -> u64) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let adders: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(|| (0..ADDS).for_each(|_| add()))).collect();
        scope.spawn(|| {
            adders.into_iter().for_each(|adder| adder.join().expect("adds do not panic"));
            done.store(true, Ordering::Release);
        });
        let (mut last, mut scrapes) = (before, 0_u64);
        while !done.load(Ordering::Acquire) {
            let now = scrape();
            assert!(now >= last, "{now} after {last}");
            (last, scrapes) = (now, scrapes + 1);
        }
        assert!(scrapes > 0, "nothing was scraped under load");
    });
    assert_eq!(scrape(), before + THREADS * ADDS);
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
