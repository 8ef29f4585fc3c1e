//! Promises 2 and 8 in a process that has so many thread keys that setting one more would make the C library
//! allocate: glibc has room for 32 in each thread, and gets more from `calloc`. A thread's first adds call no
//! allocator all the same, and numbers of threads that have ended are used again.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "keys, signals and an allocator are reached through libc")]

mod support;

use std::{iter, thread};
use striped_counter::{Backend, Counter};
use support::{Case, alone, on_every_backend, together};

/// The last key that a thread has room for with glibc. There are more with musl.
const LAST: libc::pthread_key_t = 31;

/// Makes all keys up to the last. The standard library may make one for its first thread, whose block would
/// serve others.
fn make_keys() {
    thread::spawn(|| {}).join().unwrap();
    while make_key().unwrap() < LAST {}
}

/// Makes a key, unless there are as many as the C library allows.
fn make_key() -> Option<libc::pthread_key_t> {
    let mut key = 0;
    // SAFETY: the key is valid for the write, and has no destructor.
    (unsafe { libc::pthread_key_create(&raw mut key, None) } == 0).then_some(key)
}

/// Returns how many more keys there may be.
fn free_keys() -> usize {
    let keys: Vec<_> = iter::from_fn(make_key).collect();
    for &key in &keys {
        // SAFETY: the key was made above, and no thread has set it.
        assert_eq!(unsafe { libc::pthread_key_delete(key) }, 0);
    }
    keys.len()
}

/// With other libraries the functions have other names, and a sanitizer brings its own.
#[cfg(all(target_env = "gnu", not(striped_counter_asan)))]
mod allocator {
    use super::*;
    use std::{
        cell::Cell,
        ffi::{c_int, c_void},
        ptr,
        sync::atomic::{AtomicPtr, Ordering::SeqCst},
    };

    unsafe extern "C" {
        fn __libc_malloc(size: usize) -> *mut c_void;
        fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
        fn __libc_realloc(memory: *mut c_void, size: usize) -> *mut c_void;
    }

    thread_local! {
        /// How often the calling thread has called the allocator.
        static CALLS: Cell<usize> = const { Cell::new(0) };
        /// Whether the next call of the allocator is to be interrupted.
        static INTERRUPT: Cell<bool> = const { Cell::new(false) };
        /// How often the allocator was called while it was interrupted.
        static NESTED: Cell<usize> = const { Cell::new(0) };
    }

    /// The counter that the signal handler adds to.
    static COUNTER: AtomicPtr<Counter> = AtomicPtr::new(ptr::null_mut());

    fn called() {
        CALLS.set(CALLS.get() + 1);
        if INTERRUPT.replace(false) {
            let before = CALLS.get();
            // SAFETY: a handler is installed.
            unsafe { libc::raise(libc::SIGUSR1) };
            NESTED.set(CALLS.get() - before);
        }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
        called();
        // SAFETY: the caller's.
        unsafe { __libc_malloc(size) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
        called();
        // SAFETY: the caller's.
        unsafe { __libc_calloc(count, size) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn realloc(memory: *mut c_void, size: usize) -> *mut c_void {
        called();
        // SAFETY: the caller's.
        unsafe { __libc_realloc(memory, size) }
    }

    fn calls_during(body: impl FnOnce()) -> usize {
        let before = CALLS.get();
        body();
        CALLS.get() - before
    }

    fn set_a_key() {
        let key = make_key().unwrap();
        // SAFETY: the key was made above, and its value is never followed.
        assert_eq!(unsafe { libc::pthread_setspecific(key, ptr::dangling()) }, 0);
    }

    #[test]
    fn a_threads_first_add_calls_no_allocator() {
        alone("allocator::a_threads_first_add_calls_no_allocator", || {
            make_keys();
            let free = free_keys();
            on_every_backend(|case| {
                let counter = case.counter();
                let calls = together(40, |_| calls_during(|| (0..3).for_each(|_| counter.inc())));
                assert_eq!(calls, [0; 40]);
                assert_eq!(counter.sum(), 120);
            });
            assert_eq!(free_keys(), free, "a key that is not used was left");
        });
    }

    #[test]
    fn seeded_a_key_beyond_the_first_block_is_noticed() {
        alone("allocator::seeded_a_key_beyond_the_first_block_is_noticed", || {
            make_keys();
            assert_eq!(together(1, |_| calls_during(set_a_key)), [1]);
        });
    }

    extern "C" fn on_signal(_: c_int) {
        // SAFETY: null, or alive until it is null again.
        match unsafe { COUNTER.load(SeqCst).as_ref() } {
            Some(counter) => counter.inc(),
            None => set_a_key(),
        }
    }

    /// Interrupts the allocator in each of ten threads, and returns how often the handler called it.
    fn calls_of_handlers() -> Vec<usize> {
        // SAFETY: the handler does nothing but what is tested.
        let before = unsafe { libc::signal(libc::SIGUSR1, on_signal as *const () as usize) };
        assert_ne!(before, libc::SIG_ERR);
        together(10, |_| {
            INTERRUPT.set(true);
            drop(std::hint::black_box(vec![0_u8; 100]));
            assert!(!INTERRUPT.get(), "the allocator was not called");
            NESTED.get()
        })
    }

    #[test]
    fn a_threads_first_add_in_a_handler_that_interrupts_the_allocator_does_not_call_it() {
        const NAME: &str = "allocator::\
            a_threads_first_add_in_a_handler_that_interrupts_the_allocator_does_not_call_it";
        alone(NAME, || {
            make_keys();
            on_every_backend(|case| {
                let mut counter = case.counter();
                COUNTER.store(&raw mut counter, SeqCst);
                assert_eq!(calls_of_handlers(), [0; 10]);
                COUNTER.store(ptr::null_mut(), SeqCst);
                assert_eq!(counter.sum(), 10);
            });
        });
    }

    #[test]
    fn seeded_a_handler_that_calls_the_allocator_it_interrupts_is_noticed() {
        const NAME: &str =
            "allocator::seeded_a_handler_that_calls_the_allocator_it_interrupts_is_noticed";
        alone(NAME, || {
            make_keys();
            assert_eq!(calls_of_handlers(), [1; 10]);
        });
    }
}

#[test]
fn a_hundred_thousand_threads_one_after_another_use_few_numbers_and_little_memory() {
    const THREADS: u64 = 100_000;
    const NAME: &str =
        "a_hundred_thousand_threads_one_after_another_use_few_numbers_and_little_memory";
    alone(NAME, || {
        make_keys();
        let counters: Vec<_> = Case::all().map(|case| (case, case.counter())).collect();
        let live = || counters.iter().for_each(|(_, counter)| counter.add(3));
        let mut mapped = 0;
        for thread in 0..THREADS {
            together(1, |_| live());
            if thread == 1_000 {
                mapped = support::residency::mapped();
            }
        }
        for (case, counter) in &counters {
            assert_eq!(counter.sum(), 3 * THREADS, "{case}");
            if counter.backend() == Backend::PerThread {
                assert!(counter.shards() <= 128, "{}", counter.shards());
            }
        }
        let more = support::residency::mapped().saturating_sub(mapped);
        assert!(more < 1 << 20, "{more} bytes");
    });
}
