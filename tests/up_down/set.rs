//! A set of levels: each works as an `UpDownCounter` does, and a snapshot reads all of them at one moment.

use crate::support::{Case, Stop, on_every_backend, together};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};
use striped_counter::{SetIndex, UpDownCounterSet};

fn set(case: &Case, len: usize) -> UpDownCounterSet {
    let set = case.set(UpDownCounterSet::builder(len)).build();
    assert_eq!((set.backend(), set.len()), (case.backend(), len));
    set
}

#[derive(Clone, Copy)]
enum Jobs {
    Queued,
    Running,
}

impl SetIndex for Jobs {
    fn index(self) -> usize {
        self as usize
    }
}

/// One line, several lines, and more than a page.
const LENS: [usize; 3] = [2, 35, 300];

#[test]
fn levels_of_a_set_do_not_mix() {
    on_every_backend(|case| {
        for len in LENS {
            let set = set(case, len);
            together(4, |_| {
                for (index, n) in (0..len).zip(0..) {
                    set.add(index, n);
                    set.add(index, -3 * n);
                    set.inc(index);
                    set.dec(index);
                }
            });
            assert_eq!(set.sums(), (0..).take(len).map(|n: i64| -8 * n).collect::<Vec<_>>());
            assert_eq!((set.sum(1), set.get(1).unwrap().sum()), (-8, -8));
            assert_eq!((set.take(1), set.sum(1), set.sums()[1]), (-8, 0, 0));
            set.set(1, 5);
            assert_eq!((set.sum(1), set.sums()[1], set.sum(0)), (5, 5, 0));
        }
    });
}

#[test]
fn adds_to_levels_of_a_set_wrap() {
    on_every_backend(|case| {
        let set = set(case, 2);
        for n in [i64::MIN, i64::MAX, 1, i64::MIN, i64::MIN] {
            set.add(1, n);
        }
        assert_eq!(set.sums(), [0, 0]);
        set.add_many(&[(0_usize, i64::MIN), (1, -1)]);
        assert_eq!(set.sums(), [i64::MIN, -1]);
    });
}

#[test]
fn a_guard_of_a_set_increments_until_it_is_dropped() {
    on_every_backend(|case| {
        let set = set(case, 2);
        let busy = [set.guard(Jobs::Running), set.guard(Jobs::Running)];
        assert_eq!(set.sums(), [0, 2]);
        drop(busy);
        assert_eq!(set.sums(), [0, 0]);
    });
}

#[test]
fn an_index_out_of_range_panics_and_adds_nothing() {
    on_every_backend(|case| {
        let set = set(case, 2);
        let panics = |body: &dyn Fn()| catch_unwind(AssertUnwindSafe(body)).is_err();
        assert!(panics(&|| set.inc(2)) && panics(&|| drop(set.guard(2))));
        assert!(panics(&|| set.add_many(&[(0, 1), (2, 1)])) && panics(&|| set.set(2, 1)));
        assert!(set.get(2).is_none());
        assert_eq!(set.sums(), [0, 0]);
    });
}

/// The levels add up to zero, since each add to one is subtracted from another.
#[test]
fn a_snapshot_includes_a_move_as_a_whole() {
    on_every_backend(|case| {
        let (set, stop) = (set(case, 2), AtomicBool::new(false));
        assert_eq!(set.snapshot().is_some(), case.read_lock);
        thread::scope(|scope| {
            let _stop = Stop(&stop);
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        set.add_many(&[(Jobs::Queued, -1), (Jobs::Running, 1)]);
                        set.add_many(&[(Jobs::Running, -1), (Jobs::Queued, 1)]);
                    }
                });
            }
            for _ in 0..300 {
                if let Some(levels) = set.snapshot() {
                    assert!(levels[0] + levels[1] == 0, "{levels:?}");
                    assert!((0..=3).contains(&levels[1]), "{levels:?}");
                }
                assert!((0..=3).contains(&set.sum(Jobs::Running)));
            }
        });
        assert_eq!(set.sums(), [0, 0]);
    });
}
