//! Loom models of the lock; see `matrix/models/mod.rs` for how to run them.
//!
//! Sleeping is modelled as the kernel does it: loom reports a thread that is never woken as a
//! deadlock.

use super::{Guard, LOCKED, TAKEN, WAITED_FOR, adopt, lock, sleep, try_lock};
use crate::sync::{AtomicU64, Ordering};
use loom::{model, sync::Arc, thread};
use std::mem;

const UPPER: u64 = 7 << 32;

/// A lock, and what it guards: a count that is increased in two steps.
struct Guarded {
    word: AtomicU64,
    count: AtomicU64,
}

fn guarded(word: u64) -> Arc<Guarded> {
    Arc::new(Guarded { word: AtomicU64::new(UPPER | word), count: AtomicU64::new(0) })
}

impl Guarded {
    fn count_one(&self) {
        let before = self.count.load(Ordering::Relaxed);
        self.count.store(before + 1, Ordering::Relaxed);
    }
}

type Lock = for<'a> fn(&'a AtomicU64) -> Guard<'a>;
type Unlock = fn(Guard<'_>);

/// Two threads take the lock, and a third one takes it if it is free.
fn one_at_a_time(lock: Lock, unlock: Unlock) {
    let guarded = guarded(0);
    let count_locked = move |guarded: &Guarded| {
        let guard = lock(&guarded.word);
        guarded.count_one();
        unlock(guard);
    };
    let other = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || count_locked(&guarded))
    };
    let trying = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || {
            let Some(guard) = try_lock(&guarded.word) else { return 0 };
            guarded.count_one();
            unlock(guard);
            1
        })
    };
    count_locked(&guarded);
    other.join().unwrap();
    let tried = trying.join().unwrap();
    assert_eq!(guarded.count.load(Ordering::Relaxed), 2 + tried, "two at once");
    assert_eq!(guarded.word.load(Ordering::Relaxed), UPPER, "not free, or the upper half changed");
}

#[test]
fn one_holder_at_a_time_sees_what_the_last_one_did_and_all_waiters_are_woken() {
    model(|| one_at_a_time(lock, |guard| drop(guard)));
}

/// Does what a guard does when dropped, with this ordering, and waking by `wake`.
fn unlock(guard: Guard<'_>, order: Ordering, wake: fn(&AtomicU64)) {
    let word = guard.0;
    mem::forget(guard);
    if word.fetch_and(!(LOCKED | WAITED_FOR), order) & WAITED_FOR != 0 {
        wake(word);
    }
}

#[test]
#[should_panic(expected = "two at once")]
fn seeded_an_unlock_without_release_shows_an_old_count() {
    model(|| one_at_a_time(lock, |guard| unlock(guard, Ordering::Relaxed, sleep::wake)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn seeded_an_unlock_that_wakes_no_one_leaves_a_waiter_asleep() {
    model(|| one_at_a_time(lock, |guard| unlock(guard, Ordering::Release, |_| {})));
}

/// The seeded bug: does not mark that it waits.
fn lock_unnoted(word: &AtomicU64) -> Guard<'_> {
    loop {
        let before = word.fetch_or(LOCKED, Ordering::Acquire);
        if before & LOCKED == 0 {
            return Guard(word);
        }
        sleep::wait(word, before);
    }
}

#[test]
#[should_panic(expected = "deadlock")]
fn seeded_a_waiter_that_is_not_noted_is_not_woken() {
    model(|| one_at_a_time(lock_unnoted, |guard| drop(guard)));
}

/// Two threads hold, wait and try: the guard of a lock that was not taken must not release it.
#[test]
#[should_panic(expected = "two at once")]
fn seeded_a_guard_made_before_it_is_known_whether_the_lock_was_free() {
    model(|| {
        let guarded = guarded(0);
        let trying = [0; 2].map(|_| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || {
                let before = guarded.word.fetch_or(LOCKED, Ordering::Acquire);
                let guard = (before & LOCKED == 0).then_some(Guard(&guarded.word));
                if guard.is_some() {
                    guarded.count_one();
                }
                u64::from(guard.is_some())
            })
        });
        let guard = lock(&guarded.word);
        guarded.count_one();
        drop(guard);
        let tried: u64 = trying.map(|trying| trying.join().unwrap()).iter().sum();
        assert_eq!(guarded.count.load(Ordering::Relaxed), 1 + tried, "two at once");
    });
}

#[test]
fn a_lock_that_starts_taken_excludes_others_until_it_is_released() {
    model(|| {
        let guarded = guarded(TAKEN);
        let other = {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || {
                let _guard = lock(&guarded.word);
                guarded.count.load(Ordering::Relaxed)
            })
        };
        assert!(try_lock(&guarded.word).is_none(), "taken twice");
        guarded.count_one();
        drop(adopt(&guarded.word));
        assert_eq!(other.join().unwrap(), 1, "taken twice");
    });
}
