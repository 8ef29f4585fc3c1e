//! Subjects of a program's own.

use super::single::Single;
use crate::bench::lab::measure::{Load, Sample, shared};
use std::{fmt, io};

/// A counter of a program's own: its name, and how to perform one run on a fresh one.
pub(crate) struct Own {
    pub(crate) name: &'static str,
    run: Box<dyn Fn(Load) -> io::Result<Sample>>,
}

impl Own {
    pub(crate) fn new<C: Sync>(
        name: &'static str,
        new: impl Fn() -> C + 'static,
        add: impl Fn(&C) + Sync + 'static,
        sum: impl Fn(&C) -> u64 + Sync + 'static,
    ) -> Self {
        let run = move |load| shared(Closures { counter: new(), add: &add, sum: &sum }, load);
        Self { name, run: Box::new(run) }
    }

    pub(super) fn run(&self, load: Load) -> io::Result<Sample> {
        (self.run)(load)
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

struct Closures<'a, C, A, S> {
    counter: C,
    add: &'a A,
    sum: &'a S,
}

impl<C, A: Fn(&C), S: Fn(&C) -> u64> Single for Closures<'_, C, A, S> {
    #[inline(always)]
    fn add(&self) {
        (self.add)(&self.counter);
    }
    #[inline(always)]
    fn sum(&self) -> u64 {
        (self.sum)(&self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicU64, Ordering::Relaxed},
        time::Duration,
    };

    const LOAD: Load = Load { threads: 2, readers: 1, fill: 0, window: Duration::from_millis(1) };

    #[test]
    fn closures_are_run_and_checked() {
        let add = |count: &AtomicU64| _ = count.fetch_add(1, Relaxed);
        let right = Own::new("right", || AtomicU64::new(0), add, |count| count.load(Relaxed));
        let sample = right.run(LOAD).unwrap();
        assert!(sample.adds.is_some() && sample.sums.is_some() && sample.wrong.is_none());
        let short = Own::new(
            "short",
            || AtomicU64::new(0),
            add,
            |count| count.load(Relaxed).saturating_sub(3),
        );
        assert_eq!(short.run(LOAD).unwrap().wrong.unwrap().lost(), 3);
    }
}
