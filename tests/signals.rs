//! Guarantee 8: an add by a signal handler, through `PerCpu` or `Striped`, is exact, wherever the signal
//! interrupts a thread.
//!
//! `tests/stepping.rs` interrupts every instruction; here a timer interrupts several threads at once.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "signals and timers are reached through libc")]

mod support;

use std::{
    ffi::c_int,
    io, mem, ptr,
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicPtr, AtomicU64, Ordering::SeqCst},
    },
};
use striped_counter::{Backend, Counter, CounterSet, Histogram, UpDownCounter};
use support::{Case, amounts, leaked, on_every_backend, together};

/// What a handler adds: more than any sum of other amounts.
const HANDLERS_ADD: u64 = 1 << 40;

/// The counter that the handler adds to.
static TARGET: AtomicPtr<Counter> = AtomicPtr::new(ptr::null_mut());
static HANDLED: AtomicU64 = AtomicU64::new(0);

/// Counters without a first add.
struct Untouched {
    counter: Counter,
    padded: Counter,
    level: UpDownCounter,
    set: CounterSet,
    few_buckets: Histogram,
    many_buckets: Histogram,
}

impl Untouched {
    fn new(case: &Case) -> Self {
        Self {
            counter: case.counter(),
            padded: case.set(Counter::builder()).padded(true).build(),
            level: case.set(UpDownCounter::builder()).build(),
            set: case.set(CounterSet::builder(40)).build(),
            few_buckets: case.set(Histogram::builder()).bounds(&[9]).build(),
            many_buckets: case.set(Histogram::builder()).build(),
        }
    }

    fn add(&self, n: u32) {
        self.counter.add(n.into());
        self.padded.add(n.into());
        self.level.sub(n.into());
        self.set.add(39, n.into());
        self.set.add_many(&[(0, n.into()), (1, n.into())]);
        self.few_buckets.record_n(3, n.into());
        self.many_buckets.record_n(3, n.into());
    }

    fn assert_have(&self, n: u32) {
        let sums = [self.counter.sum(), self.padded.sum(), self.level.sum().unsigned_abs()];
        assert_eq!(sums, [n.into(); 3]);
        let mut of_set = vec![0; 40];
        of_set[0] = n.into();
        of_set[1] = n.into();
        of_set[39] = n.into();
        assert_eq!(self.set.sums(), of_set);
        for snapshot in [self.few_buckets.snapshot(), self.many_buckets.snapshot()] {
            assert_eq!((snapshot.count(), snapshot.sum()), (n.into(), Some(3 * u64::from(n))));
        }
    }
}

/// The histogram that the handler records [`HANDLERS_ADD`] in.
static RECORDED: AtomicPtr<Histogram> = AtomicPtr::new(ptr::null_mut());

/// The counters that the handler adds 1 to.
static UNTOUCHED: AtomicPtr<Untouched> = AtomicPtr::new(ptr::null_mut());

/// Settings of counters that the handler makes, adds to and drops.
static LEASING: AtomicPtr<Case> = AtomicPtr::new(ptr::null_mut());
/// How many of them were wrong.
static WRONG: AtomicU64 = AtomicU64::new(0);

fn lease_and_drop(case: &Case) {
    let counter = case.set(Counter::builder()).build();
    let level = case.set(UpDownCounter::builder()).build();
    (0..3).for_each(|_| counter.add(5));
    (0..3).for_each(|_| level.sub(5));
    let wrong = (counter.sum(), level.sum()) != (15, -15);
    WRONG.fetch_add(u64::from(wrong), SeqCst);
}

extern "C" fn on_alarm(_: c_int) {
    // SAFETY: null, or alive until it is null again.
    if let Some(case) = unsafe { LEASING.load(SeqCst).as_ref() } {
        lease_and_drop(case);
    }
    // SAFETY: null, or alive until it is null again.
    if let Some(untouched) = unsafe { UNTOUCHED.load(SeqCst).as_ref() } {
        return untouched.add(1);
    }
    // SAFETY: null, or a leaked histogram.
    if let Some(histogram) = unsafe { RECORDED.load(SeqCst).as_ref() } {
        histogram.record(HANDLERS_ADD);
    }
    // SAFETY: null, or a leaked counter.
    if let Some(counter) = unsafe { TARGET.load(SeqCst).as_ref() } {
        counter.add(HANDLERS_ADD);
        HANDLED.fetch_add(1, SeqCst);
    }
}

/// Waits for other tests to end, and leaks a counter of `case`'s settings for the handler.
fn alone_with(case: &Case) -> (MutexGuard<'static, ()>, &'static Counter) {
    static TURN: Mutex<()> = Mutex::new(());
    static INSTALLED: Once = Once::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    INSTALLED.call_once(install_handler);
    let counter = leaked(case.counter());
    counter.add(0);
    TARGET.store(ptr::from_ref(counter).cast_mut(), SeqCst);
    HANDLED.store(0, SeqCst);
    (turn, counter)
}

fn install_handler() {
    // SAFETY: a struct of integers and a nullable handler, for which zero is the default.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_alarm as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler only does what a handler may do, which is what is tested.
    let failed = unsafe { libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut()) };
    assert_eq!(failed, 0, "{}", io::Error::last_os_error());
}

/// Sends SIGALRM to the thread that made it, again and again until dropped. With `setitimer` the kernel would
/// choose the thread, and choose the idle main thread.
struct Storm(libc::timer_t);

impl Storm {
    fn over_this_thread() -> Self {
        // SAFETY: a struct of integers and a union of them.
        let mut event: libc::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        // SAFETY: no requirement.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer = ptr::null_mut();
        // SAFETY: `event` is valid for the read and `timer` for the write.
        let failed =
            unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
        assert_eq!(failed, 0, "{}", io::Error::last_os_error());
        let every = libc::timespec { tv_sec: 0, tv_nsec: 70_000 };
        let both = libc::itimerspec { it_interval: every, it_value: every };
        // SAFETY: `timer` was made above; `both` is valid for the read.
        let failed = unsafe { libc::timer_settime(timer, 0, &raw const both, ptr::null_mut()) };
        assert_eq!(failed, 0, "{}", io::Error::last_os_error());
        Self(timer)
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // SAFETY: the timer was made by `over_this_thread` and is deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Sends the signal to this thread once, which handles it before this returns.
fn strike() {
    // SAFETY: a handler is installed.
    assert_eq!(unsafe { libc::raise(libc::SIGALRM) }, 0);
}

/// A `PerThread` counter may lose such an add, as documented.
fn on_every_backend_fit_for_handlers(body: impl Fn(&Case)) {
    on_every_backend(|case| {
        if case.backend() != Backend::PerThread {
            body(case);
        }
    });
}

#[test]
fn adds_of_a_handler_and_of_the_code_it_interrupts_are_all_in_the_sum() {
    on_every_backend_fit_for_handlers(|case| {
        let (_turn, counter) = alone_with(case);
        let tallies = together(4, |thread| {
            let _storm = Storm::over_this_thread();
            let mut tally = 0;
            for n in amounts(thread, u64::MAX / 7).take_while(|_| HANDLED.load(SeqCst) < 400) {
                counter.add(n);
                tally += n;
            }
            tally
        });
        let handled = HANDLED.load(SeqCst);
        assert!(handled >= 400);
        assert_eq!(counter.sum(), tallies.iter().sum::<u64>() + handled * HANDLERS_ADD);
    });
}

/// The thread that the handler interrupts holds the lock: an add that waited for it would never end.
#[test]
fn adds_of_a_handler_do_not_wait_for_the_reader_it_interrupts() {
    on_every_backend_fit_for_handlers(|case| {
        let (_turn, counter) = alone_with(case);
        let taken = together(3, |_| {
            let _storm = Storm::over_this_thread();
            let mut taken = 0_u64;
            while HANDLED.load(SeqCst) < 400 {
                let _ = counter.sum();
                taken += counter.take();
            }
            taken
        });
        let handled = HANDLED.load(SeqCst);
        assert!(handled >= 400);
        assert_eq!(taken.iter().sum::<u64>() + counter.sum(), handled * HANDLERS_ADD);
    });
}

#[test]
fn a_handler_may_make_its_threads_first_add() {
    on_every_backend_fit_for_handlers(|case| {
        let (_turn, counter) = alone_with(case);
        for _ in 0..50 {
            together(3, |_| {
                strike();
                counter.inc();
                strike();
            });
        }
        assert_eq!(HANDLED.load(SeqCst), 300);
        assert_eq!(counter.sum(), 300 * HANDLERS_ADD + 150);
    });
}

/// On every backend: the handler interrupts no add.
#[test]
fn a_handler_may_make_the_first_add_to_a_counter() {
    on_every_backend(|case| {
        let (_turn, _) = alone_with(case);
        for _ in 0..20 {
            let untouched = Untouched::new(case);
            UNTOUCHED.store(ptr::from_ref(&untouched).cast_mut(), SeqCst);
            // On a thread that has never added, either.
            together(1, |_| {
                (0..3).for_each(|_| strike());
                untouched.add(10);
                strike();
            });
            UNTOUCHED.store(ptr::null_mut(), SeqCst);
            untouched.assert_have(14);
        }
    });
}

/// The handler interrupts leases, their release, and the first adds in between, and does the same itself.
#[test]
fn a_handler_may_interrupt_a_lease_and_lease_itself() {
    on_every_backend_fit_for_handlers(|case| {
        let (_turn, counter) = alone_with(case);
        LEASING.store(ptr::from_ref(case).cast_mut(), SeqCst);
        together(2, |_| {
            let _storm = Storm::over_this_thread();
            while HANDLED.load(SeqCst) < 400 {
                lease_and_drop(case);
            }
        });
        LEASING.store(ptr::null_mut(), SeqCst);
        assert_eq!(WRONG.load(SeqCst), 0);
        assert_eq!(counter.sum(), HANDLED.load(SeqCst) * HANDLERS_ADD);
    });
}

/// The handler also interrupts between the two adds of a record, and records itself. Whatever is counted then
/// is in the sum, and nothing is lost.
#[test]
fn a_handler_may_record_between_the_two_adds_of_a_record() {
    const VALUE: u64 = 7;
    on_every_backend_fit_for_handlers(|case| {
        for builder in [
            case.set(Histogram::builder()).bounds(&[VALUE, 1_000]),
            case.set(Histogram::builder()).max_value_power(20),
        ] {
            let (_turn, _) = alone_with(case);
            let histogram = leaked(builder.build());
            RECORDED.store(ptr::from_ref(histogram).cast_mut(), SeqCst);
            let recorded = together(3, |thread| {
                let _storm = Storm::over_this_thread();
                let mut recorded = 0_u64;
                while HANDLED.load(SeqCst) < 400 {
                    if thread == 0 {
                        let total = histogram.total();
                        let of = |value| {
                            let mut buckets = total.buckets();
                            buckets.find(|(range, _)| range.contains(&value)).unwrap().1
                        };
                        let worth = VALUE * of(VALUE) + HANDLERS_ADD * of(HANDLERS_ADD);
                        assert!(worth <= total.sum().unwrap(), "{total:?}");
                    } else {
                        (0..64).for_each(|_| histogram.record(VALUE));
                        recorded += 64;
                    }
                }
                recorded
            });
            RECORDED.store(ptr::null_mut(), SeqCst);
            let (recorded, handled) = (recorded.iter().sum::<u64>(), HANDLED.load(SeqCst));
            let total = histogram.total();
            assert_eq!(total.count(), recorded + handled);
            assert_eq!(total.sum(), Some(VALUE * recorded + HANDLERS_ADD * handled));
        }
    });
}
