//! A guard increments when it is made and decrements when it is dropped, whatever drops it.

use crate::{
    level,
    support::{leaked, on_every_backend, together},
};
use std::{
    any::Any,
    cell::RefCell,
    future::Future,
    mem,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::{Arc, Barrier},
    task::{Context, Poll, Waker},
    thread,
};
use striped_counter::{Guard, UpDownCounter};

/// Returns what `body` panics with.
fn panic_of(body: impl FnOnce()) -> Box<dyn Any + Send> {
    catch_unwind(AssertUnwindSafe(body)).expect_err("it did not panic")
}

/// Panics without printing anything.
fn panic_quietly() {
    resume_unwind(Box::new("quietly"));
}

#[test]
fn a_guard_increments_until_it_is_dropped() {
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
fn a_guard_is_dropped_when_its_thread_panics() {
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
fn a_moved_guard_decrements_when_the_new_thread_drops_it() {
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
                    // Only now: a panic before would leave the other thread waiting.
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
fn a_forgotten_guard_leaves_the_level_incremented() {
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
fn a_sum_never_exceeds_the_guards_of_all_threads() {
    const THREADS: i64 = 8;
    on_every_backend(|case| {
        let level = level(case);
        together(8, |_| {
            for _ in 0..300 {
                let _busy = level.guard();
                let sum = level.sum();
                assert!(sum >= 1, "{sum}");
                assert!(sum <= THREADS, "{sum}");
            }
        });
        assert_eq!(level.sum(), 0);
    });
}

/// Makes and drops a guard when it is dropped.
struct Farewell(&'static UpDownCounter);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _busy = self.0.guard();
        // Other threads may hold guards, too.
        assert!(self.0.sum() >= 1);
    }
}

thread_local! {
    static HELD: RefCell<Vec<Guard<&'static UpDownCounter>>> = const { RefCell::new(Vec::new()) };
    static FAREWELL: RefCell<Vec<Farewell>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_guard_held_by_a_thread_local_is_dropped_at_the_end_of_its_thread() {
    on_every_backend(|case| {
        let level = leaked(level(case));
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
fn dropping_a_guard_may_be_all_that_a_thread_does_to_a_level() {
    on_every_backend(|case| {
        let level = leaked(level(case));
        for _ in 0..10 {
            let guard = level.guard();
            let held = || HELD.with_borrow_mut(|held| held.push(guard));
            thread::scope(|scope| scope.spawn(held).join().unwrap());
            assert_eq!(level.sum(), 0);
        }
    });
}

#[test]
fn a_destructor_of_a_thread_local_may_make_a_guard() {
    on_every_backend(|case| {
        let level = leaked(level(case));
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

/// Polls as a multi-threaded executor does: first on one thread, then on another.
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let mut task = Box::pin(task);
    let poll = move || {
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        (polled, task)
    };
    let (polled, mut task) = thread::spawn(poll).join().unwrap();
    assert!(polled.is_pending());
    let again = move || task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    assert!(thread::spawn(again).join().unwrap());
}

/// Is pending once.
async fn yield_now() {
    let mut yielded = false;
    let once = pin!(std::future::poll_fn(move |_| {
        if mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    }));
    once.await;
}

#[test]
fn an_owned_guard_moves_between_threads_with_its_task() {
    on_every_backend(|case| {
        let level = Arc::new(level(case));
        let guard = level.guard_arc();
        let busy = Arc::downgrade(&level);
        drop(level);
        spawn(async move {
            assert_eq!(guard.counter().sum(), 1);
            yield_now().await;
            assert_eq!(guard.counter().sum(), 1);
            drop(guard);
        });
        assert!(busy.upgrade().is_none(), "the guard was the last that kept it");
    });
}

#[test]
fn a_guard_of_a_leaked_level_moves_between_threads_with_its_task() {
    on_every_backend(|case| {
        let level = leaked(level(case));
        let guard = level.guard();
        spawn(async move {
            let _busy = guard;
            yield_now().await;
        });
        assert_eq!(level.sum(), 0);
    });
}

/// A connection, without a lifetime parameter.
struct Connection {
    _busy: Guard<Arc<UpDownCounter>>,
}

#[test]
fn an_owned_guard_may_outlive_the_handle_that_made_it() {
    on_every_backend(|case| {
        let level = Arc::new(level(case));
        let connections: Vec<_> = (0..3).map(|_| Connection { _busy: level.guard_arc() }).collect();
        assert_eq!(level.sum(), 3);
        drop(connections);
        assert_eq!(level.sum(), 0);
    });
}

/// All levels of a program behind one `Arc` that every task has.
struct Busy(Arc<Levels>);

struct Levels {
    requests: UpDownCounter,
}

impl Deref for Busy {
    type Target = UpDownCounter;

    fn deref(&self) -> &UpDownCounter {
        &self.0.requests
    }
}

#[test]
fn a_guard_may_own_anything_that_derefs_to_its_level() {
    on_every_backend(|case| {
        let levels = Arc::new(Levels { requests: level(case) });
        let guard = Guard::new(Busy(Arc::clone(&levels)));
        assert_eq!(levels.requests.sum(), 1);
        spawn(async move {
            yield_now().await;
            drop(guard);
        });
        assert_eq!(levels.requests.sum(), 0);
    });
}
