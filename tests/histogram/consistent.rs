//! Guarantee 10, while others record: the sum includes whatever is counted, in totals, and in snapshots while
//! no thread takes; with a read lock buckets and sum are of one moment; takes and deltas lose nothing and
//! count nothing twice.

use crate::{
    Kind, on_every_kind,
    support::{Case, Stop, affinity::Hopper},
    values, worth,
};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};
use striped_counter::{Histogram, HistogramSnapshot};

/// How many reads with something new a reader makes.
const READS: usize = 40;

/// Runs `body` while three threads record the least values of buckets, one of them on all CPUs in turn.
fn while_recorded<T>(histogram: &Histogram, body: impl FnOnce() -> T) -> T {
    let stop = &AtomicBool::new(false);
    let values = &values(&histogram.snapshot());
    thread::scope(|scope| {
        let _stop = Stop(stop);
        for thread in 0..3 {
            scope.spawn(move || {
                let mut hopper = (thread == 0).then(|| Hopper::pinned(0));
                for round in (thread..).take_while(|_| !stop.load(Relaxed)) {
                    histogram.record(values[round % values.len()]);
                    if let Some(hopper) = hopper.as_mut().filter(|_| round % 16 == 0) {
                        hopper.hop();
                    }
                }
            });
        }
        body()
    })
}

/// Calls `read` until it has returned something new [`READS`] times, and `check` with each result.
fn check(read: impl Fn() -> HistogramSnapshot, check: impl Fn(&HistogramSnapshot)) {
    let (mut last, mut new) = (read(), 0);
    while new < READS {
        let snapshot = read();
        check(&snapshot);
        let more = snapshot.since(&last).unwrap();
        let grew = more.buckets().all(|(_, count)| count.cast_signed() >= 0);
        assert!(grew && more.sum().unwrap().cast_signed() >= 0, "backwards");
        new += usize::from(more.count() > 0);
        last = snapshot;
    }
}

#[track_caller]
fn assert_all_counted_is_in_the_sum(of: &HistogramSnapshot) {
    let excess = of.sum().unwrap().wrapping_sub(worth(of)).cast_signed();
    assert!(excess >= 0, "{} is counted and not in the sum: {of:?}", excess.wrapping_neg());
}

/// Builds a histogram with values so small that sums do not wrap around during a test.
fn histogram(case: &Case, kind: Kind) -> Histogram {
    let builder = case.set(Histogram::builder());
    match kind {
        Kind::Small => builder.bounds(crate::BOUNDS).build(),
        Kind::Large => builder.max_value_power(20).build(),
    }
}

#[test]
fn the_sum_includes_whatever_is_counted() {
    on_every_kind(|case, kind| {
        let histogram = histogram(case, kind);
        while_recorded(&histogram, || {
            thread::scope(|scope| {
                scope.spawn(|| check(|| histogram.total(), assert_all_counted_is_in_the_sum));
                check(|| histogram.snapshot(), assert_all_counted_is_in_the_sum);
            });
        });
        assert_eq!(Some(worth(&histogram.total())), histogram.total().sum());
    });
}

#[test]
fn the_sum_of_a_total_includes_whatever_is_counted_despite_takes() {
    on_every_kind(|case, kind| {
        let histogram = histogram(case, kind);
        while_recorded(&histogram, || {
            let stop = &AtomicBool::new(false);
            thread::scope(|scope| {
                let _stop = Stop(stop);
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        drop(histogram.take());
                    }
                });
                check(|| histogram.total(), assert_all_counted_is_in_the_sum);
            });
        });
    });
}

/// In every kind of read, whichever thread takes.
#[test]
fn with_a_read_lock_buckets_and_sum_agree() {
    fn assert_fits(of: &HistogramSnapshot) {
        assert_eq!(Some(worth(of)), of.sum(), "{of:?}");
    }
    on_every_kind(|case, kind| {
        if !case.read_lock {
            return;
        }
        let histogram = histogram(case, kind);
        while_recorded(&histogram, || {
            thread::scope(|scope| {
                scope.spawn(|| (0..READS).for_each(|_| assert_fits(&histogram.take())));
                let mut recorded = histogram.deltas();
                scope.spawn(move || (0..READS).for_each(|_| assert_fits(&recorded.next_delta())));
                scope.spawn(|| check(|| histogram.total(), assert_fits));
                (0..READS).for_each(|_| assert_fits(&histogram.snapshot()));
            });
        });
    });
}

#[test]
fn takes_and_deltas_lose_nothing_and_count_nothing_twice() {
    on_every_kind(|case, kind| {
        let histogram = histogram(case, kind);
        let nothing = histogram.snapshot();
        let stop = AtomicBool::new(false);
        let consume = |next: &mut dyn FnMut() -> HistogramSnapshot| {
            let (mut all, mut last) = (nothing.clone(), false);
            while !last {
                last = stop.load(Relaxed);
                all = all.merge(&next()).unwrap();
            }
            all
        };
        let (taken, seen) = thread::scope(|scope| {
            let takers = [(); 2].map(|()| scope.spawn(|| consume(&mut || histogram.take())));
            let cursors = [(); 2].map(|()| {
                let mut recorded = histogram.deltas();
                scope.spawn(move || consume(&mut || recorded.next_delta()))
            });
            while_recorded(&histogram, || while_new_totals(&histogram));
            drop(Stop(&stop));
            let taken = takers.map(|taker| taker.join().unwrap());
            (taken, cursors.map(|cursor| cursor.join().unwrap()))
        });
        let total = histogram.total();
        assert_eq!(total.sum(), Some(worth(&total)));
        assert_eq!(taken[0].merge(&taken[1]).unwrap(), total, "between both takers");
        assert!(seen.iter().all(|seen| *seen == total));
        assert_eq!(histogram.take(), nothing);
    });
}

/// Reads totals until enough of them have changed.
fn while_new_totals(histogram: &Histogram) {
    check(|| histogram.total(), |_| {});
}
