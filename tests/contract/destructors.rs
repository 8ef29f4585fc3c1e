//! Guarantee 1 at the end of a thread: an add from a thread-local's destructor counts and never
//! panics, wherever the thread's first add was.

use crate::support::{Counts, Subject, on_every_type, together};
use std::{cell::RefCell, sync::Arc};

type Shared = Arc<dyn Counts>;

/// How often a destructor adds.
const ADDS: u64 = 100;

fn shared(subject: &Subject) -> Shared {
    Arc::from(subject.build())
}

/// Adds when dropped, and then passes what it carries on to the destructor of another thread-local.
struct Farewell {
    counter: Shared,
    next: Option<Box<Self>>,
}

impl Farewell {
    /// Makes a farewell that carries `more` of them in a chain.
    fn with(counter: &Shared, more: usize) -> Self {
        let next = more.checked_sub(1).map(|more| Box::new(Self::with(counter, more)));
        Self { counter: Arc::clone(counter), next }
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        (0..ADDS).for_each(|_| self.counter.add(1));
        if let Some(next) = self.next.take() {
            // These thread-locals are initialized only now.
            match next.next {
                Some(_) => LATER.with(|later| later.borrow_mut().push(*next)),
                None => LAST.with(|last| last.borrow_mut().push(*next)),
            }
        }
    }
}

thread_local! {
    static FIRST: RefCell<Vec<Farewell>> = const { RefCell::new(Vec::new()) };
    static LATER: RefCell<Vec<Farewell>> = const { RefCell::new(Vec::new()) };
    static LAST: RefCell<Vec<Farewell>> = const { RefCell::new(Vec::new()) };
}

fn leave(farewell: Farewell) {
    FIRST.with(|first| first.borrow_mut().push(farewell));
}

/// Runs `body` once on each of several threads, and returns their number.
fn on_many_threads(body: impl Fn() + Sync) -> u64 {
    (0..5).for_each(|_| drop(together(4, |_| body())));
    20
}

#[test]
fn a_destructor_registered_before_the_threads_first_add_counts() {
    on_every_type(|subject| {
        let counter = shared(subject);
        let threads = on_many_threads(|| {
            leave(Farewell::with(&counter, 0));
            counter.add(1);
        });
        assert_eq!(counter.sum(), threads * (ADDS + 1));
    });
}

#[test]
fn a_destructor_registered_after_the_threads_first_add_counts() {
    on_every_type(|subject| {
        let counter = shared(subject);
        let threads = on_many_threads(|| {
            counter.add(1);
            leave(Farewell::with(&counter, 0));
        });
        assert_eq!(counter.sum(), threads * (ADDS + 1));
    });
}

#[test]
fn a_destructor_with_its_threads_only_adds_counts() {
    on_every_type(|subject| {
        let counter = shared(subject);
        let threads = on_many_threads(|| leave(Farewell::with(&counter, 0)));
        assert_eq!(counter.sum(), threads * ADDS);
    });
}

#[test]
fn destructors_that_register_other_destructors_all_count() {
    on_every_type(|subject| {
        let counter = shared(subject);
        let threads = on_many_threads(|| {
            counter.add(1);
            leave(Farewell::with(&counter, 2));
        });
        assert_eq!(counter.sum(), threads * (1 + 3 * ADDS));
    });
}

#[test]
fn a_destructor_may_be_the_last_to_hold_its_counter() {
    on_every_type(|subject| {
        let threads = on_many_threads(|| {
            let counter = shared(subject);
            leave(Farewell::with(&counter, 1));
            counter.add(1);
        });
        assert_eq!(threads, 20);
    });
}

/// Destructors of POSIX thread-specific data run after those of Rust's thread-locals, and again
/// as long as they leave something behind.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "pthread keys are reached through libc")]
mod posix {
    use super::*;
    use std::{ffi::c_void, ptr, sync::Barrier};

    /// Adds at the end of a thread, in two rounds of destructors.
    struct LastWords {
        counter: Shared,
        key: libc::pthread_key_t,
        rounds: u32,
        /// Met at the start of the last round.
        meet: Arc<Barrier>,
    }

    impl LastWords {
        fn new(counter: &Shared, key: libc::pthread_key_t, meet: &Arc<Barrier>) -> Self {
            let (counter, meet) = (Arc::clone(counter), Arc::clone(meet));
            Self { counter, key, rounds: 2, meet }
        }

        /// Registers itself for the next round of destructors.
        fn leave(self) {
            let (key, words) = (self.key, Box::into_raw(Box::new(self)));
            // SAFETY: `key` is never deleted, and its destructor expects just this.
            let failed = unsafe { libc::pthread_setspecific(key, words.cast()) };
            assert_eq!(failed, 0);
        }
    }

    extern "C" fn say(words: *mut c_void) {
        // SAFETY: only `leave` stores under the key, and POSIX clears the value before this call.
        let mut words = *unsafe { Box::from_raw(words.cast::<LastWords>()) };
        words.rounds -= 1;
        if words.rounds == 0 {
            words.meet.wait();
        }
        (0..5_000).for_each(|_| words.counter.add(1));
        if words.rounds > 0 {
            words.leave();
        }
    }

    fn key() -> libc::pthread_key_t {
        let mut key = 0;
        // SAFETY: `key` is valid for the write, and `say` fits what `leave` stores.
        let failed = unsafe { libc::pthread_key_create(ptr::from_mut(&mut key), Some(say)) };
        assert_eq!(failed, 0);
        key
    }

    /// In the second round the ending thread has released its number, and another thread holds it.
    #[test]
    fn adds_after_a_thread_released_its_number_do_not_clash_with_the_next_owners() {
        let key = key();
        on_every_type(|subject| {
            let counter = shared(subject);
            let meet = Arc::new(Barrier::new(2));
            let ending = {
                let words = LastWords::new(&counter, key, &meet);
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || {
                    counter.add(1);
                    words.leave();
                })
            };
            together(1, |_| {
                meet.wait();
                (0..5_000).for_each(|_| counter.add(1));
            });
            ending.join().unwrap();
            assert_eq!(counter.sum(), 15_001);
        });
    }
}
