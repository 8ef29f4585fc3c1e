//! The article's own table: the cost of an increment and of reading the value, on one thread, for
//! its three classes and for [`Counter`].
//!
//! See [`striped_counter::classic`]. On one thread there is no contention for a lock or a cache
//! line, so this is each one's lowest cost.

mod common;
#[path = "common/count.rs"]
mod count;

use common::{group, run};
use count::Count;
use criterion::Criterion;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use striped_counter::{
    Counter,
    classic::{FastReadCounter, FastWriteCounter, SingleThreadCounter},
};

fn main() {
    run(&[incs, sums]);
}

/// Returns fresh counters, under the article's names.
fn classes() -> [(&'static str, Box<dyn Benched>); 4] {
    [
        ("SingleThreadCounter", Box::new(SingleThreadCounter::new())),
        ("FastReadCounter", Box::new(FastReadCounter::new())),
        ("FastWriteCounter", Box::new(FastWriteCounter::new())),
        ("Counter", Box::new(Counter::new())),
    ]
}

fn incs(criterion: &mut Criterion) {
    let mut group = group(criterion, "article: inc");
    for (name, class) in classes() {
        let mut expected = class.sum();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|incs| {
                let elapsed = class.time_incs(incs);
                expected += incs;
                assert_eq!(class.sum(), expected, "the sum is exact");
                elapsed
            });
        });
    }
    group.finish();
}

fn sums(criterion: &mut Criterion) {
    let mut group = group(criterion, "article: sum");
    for (name, class) in classes() {
        class.time_incs(1_000);
        group.bench_function(name, |bencher| bencher.iter_custom(|sums| class.time_sums(sums)));
        assert_eq!(class.sum(), 1_000, "reading does not count");
    }
    group.finish();
}

/// A counter behind a pointer, with loops that know its type: the indirect call is made once per
/// run, not once per operation.
trait Benched {
    fn sum(&self) -> u64;
    fn time_incs(&self, times: u64) -> Duration;
    fn time_sums(&self, times: u64) -> Duration;
}

impl<C: Count> Benched for C {
    fn sum(&self) -> u64 {
        Count::sum(self)
    }

    fn time_incs(&self, times: u64) -> Duration {
        let begin = Instant::now();
        (0..times).for_each(|_| black_box(self).inc());
        begin.elapsed()
    }

    fn time_sums(&self, times: u64) -> Duration {
        let begin = Instant::now();
        (0..times).for_each(|_| _ = black_box(Count::sum(black_box(self))));
        begin.elapsed()
    }
}
