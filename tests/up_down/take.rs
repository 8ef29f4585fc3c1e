//! Every up and every down is in exactly one take, and takes plus the final sum are all of them.

use crate::{
    level,
    support::{Stop, on_every_backend},
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
};
use striped_counter::UpDownCounter;

#[test]
fn a_take_is_the_level_and_leaves_zero() {
    on_every_backend(|case| {
        let level = level(case);
        assert_eq!(level.take(), 0, "untouched");
        level.add(5);
        level.sub(7);
        assert_eq!((level.sum(), level.take(), level.sum(), level.take()), (-2, -2, 0, 0));
        level.add(9);
        assert_eq!((level.sum(), level.take(), level.sum()), (9, 9, 0));
    });
}

#[test]
fn what_is_in_flight_at_a_take_counts_below_zero_after_it() {
    on_every_backend(|case| {
        let level = level(case);
        let busy = [level.guard(), level.guard()];
        assert_eq!(level.take(), 2);
        let more = level.guard();
        assert_eq!(level.sum(), 1);
        drop(busy);
        assert_eq!(level.sum(), -1);
        drop(more);
        assert_eq!((level.take(), level.sum()), (-2, 0));
    });
}

#[test]
fn takes_go_on_over_the_wrap() {
    on_every_backend(|case| {
        let level = level(case);
        level.add(i64::MAX);
        assert_eq!(level.take(), i64::MAX);
        level.add(5);
        assert_eq!((level.sum(), level.take()), (5, 5));
        level.sub(i64::MIN);
        level.sub(i64::MIN);
        assert_eq!((level.sum(), level.take()), (0, 0));
        level.add(i64::MIN);
        assert_eq!((level.take(), level.take()), (i64::MIN, 0));
    });
}

/// What a thread has taken.
#[derive(Default)]
struct Taken {
    total: i64,
}

impl Taken {
    /// Takes, and counts in `times` if that was not nothing.
    fn from(&mut self, level: &UpDownCounter, times: &AtomicU64) {
        let n = level.take();
        self.total += n;
        times.fetch_add(u64::from(n != 0), Relaxed);
    }
}

/// Takes until told to stop, and once more, since nobody adds any longer.
fn take_until(stop: &AtomicBool, level: &UpDownCounter, times: &AtomicU64) -> Taken {
    let (mut taken, mut last) = (Taken::default(), false);
    while !last {
        last = stop.load(Relaxed);
        taken.from(level, times);
    }
    taken
}

/// Adds and subtracts numbers of either sign until told to stop; what they come to.
fn add_until(stop: &AtomicBool, level: &UpDownCounter, salt: i64) -> i64 {
    let (mut total, mut n) = (0, salt);
    while !stop.load(Relaxed) {
        n = (n * 31 + 7) % 1_009;
        level.add(n);
        level.sub(2 * salt - n);
        total += 2 * (n - salt);
    }
    total
}

#[test]
fn takes_by_several_threads_and_the_final_sum_are_all_that_was_added() {
    on_every_backend(|case| {
        let (level, stop) = (&level(case), &AtomicBool::new(false));
        let times = &AtomicU64::new(0);
        thread::scope(|scope| {
            let stopper = Stop(stop);
            let add = |salt| scope.spawn(move || add_until(stop, level, salt));
            let adders = [300, 500, 700].map(add);
            let others = [(); 2].map(|()| scope.spawn(|| take_until(stop, level, times)));
            // Only takes that meet adds show anything, whoever takes.
            let mut mine = Taken::default();
            while times.load(Relaxed) < 300 {
                mine.from(level, times);
            }
            drop(stopper);
            let added: i64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
            let others = others.map(|taker| taker.join().unwrap().total);
            let taken = mine.total + others.iter().sum::<i64>();
            assert_eq!(taken + level.sum(), added, "{} by this thread", mine.total);
        });
    });
}
