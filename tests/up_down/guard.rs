//! A guard increments when it is made and decrements when it is dropped, however that comes about.

use crate::{
    common::{lasting, on_every_backend, together},
    level,
};
use std::{
    any::Any,
    cell::RefCell,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Barrier,
    thread,
};
use striped_counter::{Guard, UpDownCounter};

/// What `body` panics with.
fn panic_of(body: impl FnOnce()) -> Box<dyn Any + Send> {
    catch_unwind(AssertUnwindSafe(body)).expect_err("it did not panic")
}

/// Panics, but prints nothing.
fn panic_quietly() {
    resume_unwind(Box::new("quietly"));
}

#[test]
fn a_guard_is_up_from_its_making_to_its_drop() {
    on_every_backend(|case| {
        let level = level(case);
        let one = level.guard();
        assert_eq!(level.sum(), 1);
        let two = level.guard();
        assert_eq!(level.sum(), 2);
        drop(one);
        assert_eq!(level.sum(), 1);
        drop(two);
        assert_eq!(level.sum(), 0);
    });
}

#[test]
fn a_guard_is_dropped_by_an_early_return() {
    fn fails(level: &UpDownCounter) -> Option<()> {
        let _busy = level.guard();
        assert_eq!(level.sum(), 1);
        None?;
        unreachable!();
    }
    on_every_backend(|case| {
        let level = level(case);
        assert_eq!(fails(&level), None);
        assert_eq!(level.sum(), 0);
    });
}

#[test]
fn a_guard_is_dropped_by_a_panic() {
    on_every_backend(|case| {
        let level = level(case);
        for depth in 1..5 {
            let panic = panic_of(|| {
                let _busy: Vec<_> = (0..depth).map(|_| level.guard()).collect();
                assert_eq!(level.sum(), depth);
                panic_quietly();
            });
            assert_eq!(panic.downcast_ref(), Some(&"quietly"));
            assert_eq!(level.sum(), 0);
        }
    });
}

#[test]
fn a_guard_is_dropped_by_the_panic_of_its_thread() {
    on_every_backend(|case| {
        let level = level(case);
        thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _busy = level.guard();
                panic_quietly();
            });
            assert!(panics.join().is_err());
        });
        assert_eq!(level.sum(), 0);
    });
}

#[test]
fn a_guard_moved_to_another_thread_is_down_when_that_drops_it() {
    on_every_backend(|case| {
        let (level, meet) = (level(case), Barrier::new(2));
        for _ in 0..20 {
            let busy = level.guard();
            thread::scope(|scope| {
                scope.spawn(|| {
                    meet.wait();
                    let busy = busy;
                    let sum = level.sum();
                    drop(busy);
                    meet.wait();
                    // Not before: whoever waits would wait for ever.
                    assert_eq!(sum, 1);
                });
                meet.wait();
                meet.wait();
                assert_eq!(level.sum(), 0);
            });
        }
    });
}

#[test]
fn a_forgotten_guard_stays_up() {
    on_every_backend(|case| {
        let level = level(case);
        mem::forget(level.guard());
        assert_eq!(level.sum(), 1);
        drop(level.guard());
        assert_eq!(level.sum(), 1);
        panic_of(|| {
            mem::forget(level.guard());
            panic_quietly();
        });
        assert_eq!(level.sum(), 2);
    });
}

#[test]
fn guards_of_many_threads_are_never_more_or_fewer_than_there_are() {
    const THREADS: i64 = 8;
    on_every_backend(|case| {
        let level = level(case);
        together(8, |_| {
            for _ in 0..300 {
                let _busy = level.guard();
                let sum = level.sum();
                assert!(sum >= 1, "{sum}");
                // Without the lock, a sum may have a guard that was made after another one's drop
                // that it misses.
                assert!(!case.read_lock || sum <= THREADS, "{sum}");
            }
        });
        assert_eq!(level.sum(), 0);
    });
}

/// Makes a guard when it is dropped, and drops that as well.
struct Farewell(&'static UpDownCounter);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _busy = self.0.guard();
        // Other threads may hold guards, or have just dropped one.
        assert!(self.0.sum() >= 1);
    }
}

thread_local! {
    static HELD: RefCell<Vec<Guard<'static>>> = const { RefCell::new(Vec::new()) };
    static FAREWELL: RefCell<Vec<Farewell>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_guard_held_by_a_thread_local_is_dropped_at_the_end_of_its_thread() {
    on_every_backend(|case| {
        let level = lasting(level(case));
        for _ in 0..10 {
            together(4, |_| {
                HELD.with_borrow_mut(|held| held.extend([level.guard(), level.guard()]));
                assert!(level.sum() >= 2);
            });
            assert_eq!(level.sum(), 0);
        }
    });
}

#[test]
fn a_guard_made_elsewhere_may_be_the_first_and_last_that_a_thread_knows_of_a_level() {
    on_every_backend(|case| {
        let level = lasting(level(case));
        for _ in 0..10 {
            let guard = level.guard();
            let held = || HELD.with_borrow_mut(|held| held.push(guard));
            thread::scope(|scope| scope.spawn(held).join().unwrap());
            assert_eq!(level.sum(), 0);
        }
    });
}

#[test]
fn a_guard_made_by_a_thread_locals_destructor_is_up_and_then_down() {
    on_every_backend(|case| {
        let level = lasting(level(case));
        for before in [true, false] {
            together(4, |_| {
                let farewell = || FAREWELL.with_borrow_mut(|them| them.push(Farewell(level)));
                if before {
                    farewell();
                }
                HELD.with_borrow_mut(|held| held.push(level.guard()));
                if !before {
                    farewell();
                }
            });
            assert_eq!(level.sum(), 0);
        }
    });
}
