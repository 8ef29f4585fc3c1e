//! A set of levels: each works as an `UpDownCounter` does, and a snapshot reads all of them at one moment.

use crate::support::{Case, Stop, on_every_backend, together};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};
use striped_counter::{LevelGuard, SetIndex, UpDownCounterSet};

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
                for (level, n) in set.iter().zip(0..) {
                    let index = level.index();
                    set.add(index, n);
                    set.sub(index, 3 * n);
                    level.add(-n);
                    level.sub(-n);
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
fn handles_of_a_set_do_what_the_set_does() {
    on_every_backend(|case| {
        let set = set(case, 3);
        let level = set.get(1).unwrap();
        level.add(5);
        level.sub(7);
        level.inc();
        level.dec();
        assert_eq!((level.sum(), set.sums()), (-2, vec![0, -2, 0]));
        let guard = level.guard();
        assert_eq!((guard.level().index(), guard.level().sum()), (1, -1));
        drop(guard);
        level.set(i64::MIN);
        assert_eq!((level.sum(), level.take(), level.sum()), (i64::MIN, i64::MIN, 0));
        set.iter().zip([1, -2, 3]).for_each(|(level, n)| level.set(n));
        let sums: Vec<_> = (&set).into_iter().rev().map(|level| level.sum()).collect();
        assert_eq!((set.iter().len(), sums), (3, vec![3, -2, 1]));
    });
}

#[test]
fn all_levels_are_read_and_taken_together() {
    on_every_backend(|case| {
        for len in LENS {
            let set = set(case, len);
            let expected: Vec<i64> = (0..).take(len).map(|n| 3 - n).collect();
            for round in 1..=2 {
                expected.iter().enumerate().for_each(|(index, &n)| set.add(index, n));
                let mut sums = vec![7; len];
                set.sums_into(&mut sums);
                assert_eq!(sums, expected, "round {round}");
                assert_eq!(set.take_all(), expected, "round {round}");
                assert_eq!(set.take_all(), vec![0; len]);
                assert_eq!(set.sums(), vec![0; len]);
            }
            set.dec(0);
            assert_eq!((set.take(0), set.sum(0)), (-1, 0));
            let short = || set.sums_into(&mut [0]);
            assert!(catch_unwind(AssertUnwindSafe(short)).is_err());
        }
    });
}

#[test]
fn takes_of_all_levels_lose_nothing_while_others_add() {
    on_every_backend(|case| {
        let (set, stop) = (set(case, 2), AtomicBool::new(false));
        let taken = thread::scope(|scope| {
            let adders = [(); 3].map(|()| {
                scope.spawn(|| {
                    (0..2_000).for_each(|_| set.add_many(&[(0, 2), (1, -1)]));
                })
            });
            let taker = scope.spawn(|| {
                let mut taken = [0; 2];
                while !stop.load(Relaxed) {
                    let all = set.take_all();
                    if case.read_lock {
                        assert_eq!(all[0], -2 * all[1], "of one moment");
                    }
                    taken.iter_mut().zip(all).for_each(|(taken, n)| *taken += n);
                }
                taken
            });
            {
                let _stop = Stop(&stop);
                for adder in adders {
                    adder.join().unwrap();
                }
            }
            taker.join().unwrap()
        });
        let left = set.take_all();
        assert_eq!((taken[0] + left[0], taken[1] + left[1]), (12_000, -6_000));
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
        set.sub(0, i64::MIN);
        set.sub(1, i64::MIN);
        assert_eq!(set.sums(), [0, i64::MAX]);
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
fn a_guard_that_owns_its_set_may_outlive_all_else() {
    on_every_backend(|case| {
        let set = Arc::new(set(case, 2));
        let guards = [set.guard_arc(Jobs::Running), LevelGuard::new(Arc::clone(&set), 1)];
        assert_eq!(set.sums(), [0, 2]);
        let weak = Arc::downgrade(&set);
        drop(set);
        let [one, two] = guards;
        thread::spawn(move || drop(one)).join().unwrap();
        assert_eq!((two.level().index(), two.level().sum()), (1, 1));
        drop(two);
        assert!(weak.upgrade().is_none());
    });
}

#[test]
fn an_index_out_of_range_panics_and_adds_nothing() {
    on_every_backend(|case| {
        let set = set(case, 2);
        let panics = |body: &dyn Fn()| catch_unwind(AssertUnwindSafe(body)).is_err();
        assert!(panics(&|| set.inc(2)) && panics(&|| drop(set.guard(2))));
        assert!(panics(&|| set.add_many(&[(0, 1), (2, 1)])) && panics(&|| set.set(2, 1)));
        assert!(panics(&|| set.sub(2, 1)) && panics(&|| set.inc(usize::MAX)));
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
