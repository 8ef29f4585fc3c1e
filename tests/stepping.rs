//! The guarantees at every single instruction: a thread runs step by step, and after each of its instructions
//! a signal handler adds, or lets other threads add.
//!
//! That finds what stress finds only by luck. It also aborts every restartable sequence, so adds through
//! `PerCpu` go to the spill here, except for those of the other threads.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(unsafe_code, reason = "the trap flag is set by hand, the handler through libc")]

mod support;

use std::{
    arch::asm,
    cell::Cell,
    ffi::{c_int, c_void},
    mem, ptr,
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc,
    },
    thread,
};
use striped_counter::{Backend, Counter, CounterSet, Histogram, HistogramSnapshot};
use support::{Case, affinity::Hopper, leaked, on_every_backend, together};

/// Called after each step with the number of steps so far; false ends the stepping.
type Hook = &'static dyn Fn(u64) -> bool;

thread_local! {
    static HOOK: Cell<Option<Hook>> = const { Cell::new(None) };
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// The trap flag: while it is set, the CPU traps after every instruction.
const TRAP: i64 = 1 << 8;

extern "C" fn on_step(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    STEPS.set(STEPS.get() + 1);
    if HOOK.get().is_some_and(|hook| hook(STEPS.get())) {
        return;
    }
    // SAFETY: the kernel hands a handler with SA_SIGINFO the interrupted thread's context.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    context.uc_mcontext.gregs[libc::REG_EFL as usize] &= !TRAP;
}

fn install_handler() {
    // SAFETY: a struct of integers and a nullable handler, for which zero is the default.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_step as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler does what its thread's hook does, which is what is tested.
    let failed = unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, ptr::null_mut()) };
    assert_eq!(failed, 0);
}

/// Steps until it is dropped.
struct Stepping;

impl Stepping {
    fn start(hook: Hook) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(install_handler);
        HOOK.set(Some(hook));
        STEPS.set(0);
        // SAFETY: a handler for the trap is installed; no other flag is changed.
        unsafe { asm!("pushfq", "or qword ptr [rsp], {trap}", "popfq", trap = const TRAP) };
        Self
    }
}

impl Drop for Stepping {
    fn drop(&mut self) {
        // SAFETY: the trap flag is clear unless it was set on purpose.
        unsafe { asm!("pushfq", "and qword ptr [rsp], {other}", "popfq", other = const !TRAP) };
        HOOK.set(None);
    }
}

/// Runs `body` step by step, with `hook` after each; returns the number of steps and the result.
fn stepped<T>(hook: impl Fn(u64) -> bool + 'static, body: impl FnOnce() -> T) -> (u64, T) {
    let stepping = Stepping::start(leaked(hook));
    let result = body();
    drop(stepping);
    (STEPS.get(), result)
}

/// Waits for other tests to end: thread numbers belong to the process.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leaks a counter of `case`'s settings that has been added to.
fn touched(case: &Case) -> &'static Counter {
    let counter = leaked(case.counter());
    counter.add(0);
    counter
}

mod handlers {
    use super::*;

    const HANDLERS_ADD: u64 = 1 << 20;

    /// Calls `add` three times on a new thread, step by step, with an `add` by the handler at each step.
    /// Returns the expected sum.
    fn interrupted(add: &'static (dyn Fn(u64) + Sync)) -> u64 {
        let hook = |_| {
            add(HANDLERS_ADD);
            true
        };
        let steps = together(1, |_| stepped(hook, || (0..3).for_each(|_| add(1))).0)[0];
        assert!(steps > 30, "only {steps} steps");
        3 + steps * HANDLERS_ADD
    }

    #[test]
    fn adds_are_exact_when_a_handler_adds_at_any_of_their_instructions() {
        let _turn = alone();
        on_every_backend(|case| {
            if case.backend() == Backend::PerThread {
                return; // Such adds may be lost, as documented.
            }
            let counter = touched(case);
            let expected = interrupted(leaked(|n| counter.add(n)));
            assert_eq!(counter.sum(), expected);
        });
    }

    /// Through `PerThread`, too: an operation that is not counted as ended would keep a snapshot waiting.
    #[test]
    fn adds_to_a_locked_set_are_exact_when_a_handler_adds_at_any_of_their_instructions() {
        let _turn = alone();
        on_every_backend(|case| {
            if !case.read_lock {
                return;
            }
            let set = leaked(case.set(CounterSet::builder(3)).build());
            set.add_many(&[(0, 0), (2, 0)]);
            let single = interrupted(leaked(|n| set.add(1, n)));
            let batch = interrupted(leaked(|n| set.add_many(&[(0, n), (2, n)])));
            assert_eq!([0, 1, 2].map(|index| set.sum(index)), [batch, single, batch]);
            assert_eq!(set.snapshot(), Some(vec![batch, single, batch]));
        });
    }

    /// The values recorded by the thread and by the handler.
    #[track_caller]
    fn assert_all_counted_is_in_the_sum(total: &HistogramSnapshot) {
        let each = |one: bool| if one { 1 } else { HANDLERS_ADD };
        let worth = total.buckets().map(|(range, count)| count * each(range.contains(&1)));
        let (worth, sum) = (worth.sum::<u64>(), total.sum().unwrap());
        assert!(worth <= sum, "{worth} counted, and a sum of {sum}");
    }

    /// One leases a line, the other one has a chunk of its own.
    fn histograms(case: &Case) -> [&'static Histogram; 2] {
        let builder = case.set(Histogram::builder());
        [builder.bounds(&[1]), builder].map(|builder| {
            let histogram = leaked(builder.build());
            histogram.record_n(1, 0);
            histogram
        })
    }

    /// Also between the two adds of a record.
    #[test]
    fn records_are_exact_when_a_handler_records_at_any_of_their_instructions() {
        let _turn = alone();
        on_every_backend(|case| {
            if case.backend() == Backend::PerThread && !case.read_lock {
                return; // Such adds may be lost, as documented.
            }
            for histogram in histograms(case) {
                let expected = interrupted(leaked(|n| histogram.record(n)));
                let total = histogram.total();
                assert_eq!(total.sum(), Some(expected));
                assert_eq!(total.count(), expected / HANDLERS_ADD + 3);
            }
        });
    }

    #[test]
    fn the_sum_includes_whatever_is_counted_at_every_instruction_of_a_record() {
        let _turn = alone();
        on_every_backend(|case| {
            if case.read_lock {
                return; // A handler must not wait for what it interrupts.
            }
            for histogram in histograms(case) {
                let hook = |_| {
                    assert_all_counted_is_in_the_sum(&histogram.total());
                    true
                };
                together(1, |_| stepped(hook, || (0..3).for_each(|_| histogram.record(1))));
                assert_eq!((histogram.total().count(), histogram.total().sum()), (3, Some(3)));
            }
        });
    }

    #[test]
    fn the_sum_includes_whatever_a_handler_records_at_every_instruction_of_a_read() {
        let _turn = alone();
        on_every_backend(|case| {
            // Without optimization the larger one takes very many instructions.
            let [histogram, _] = histograms(case);
            let hook = |_| {
                histogram.record(HANDLERS_ADD);
                true
            };
            let (steps, total) = stepped(hook, || histogram.total());
            assert_all_counted_is_in_the_sum(&total);
            assert!(total.count() > 0, "nothing was recorded before the read");
            let after = histogram.total();
            assert_eq!((after.count(), after.sum()), (steps, Some(steps * HANDLERS_ADD)));
        });
    }

    /// As if the section ended before the store: the handler stands for the next thread on the CPU.
    #[test]
    fn seeded_a_store_split_from_its_load_loses_what_a_handler_adds_in_between() {
        static CELL: AtomicU64 = AtomicU64::new(0);
        let _turn = alone();
        let expected = interrupted(&|n| {
            let before = CELL.load(Relaxed);
            CELL.store(before + n, Relaxed);
        });
        let sum = CELL.load(Relaxed);
        assert!(sum < expected, "{sum} of {expected}");
    }

    #[test]
    fn reads_are_exact_when_a_handler_adds_at_any_of_their_instructions() {
        let _turn = alone();
        on_every_backend(|case| {
            let counter = touched(case);
            let hook = |_| {
                counter.inc();
                true
            };
            let read = || {
                let mut seen = counter.deltas();
                let (one, two, first) = (counter.take(), counter.take(), seen.next_delta());
                let sum = counter.sum();
                assert!(first >= one + two, "{one} and {two} were taken, {first} seen");
                (one + two, first, sum, seen)
            };
            let (steps, (taken, first, sum, mut seen)) = stepped(hook, read);
            assert!(sum <= steps - taken, "{sum} after {taken} of {steps}");
            assert_eq!(taken + counter.take(), steps);
            assert_eq!(first + seen.next_delta(), steps);
        });
    }

    /// Returns how many shards a `PerThread` counter has after a new thread has added to it.
    fn shards_for_one_more_thread() -> usize {
        let counter = Counter::builder().backend(Backend::PerThread).build();
        together(1, |_| (0..2).for_each(|_| counter.inc()));
        counter.shards()
    }

    /// A thread that holds a number until it is dropped.
    struct Parked(Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>);

    impl Parked {
        fn new(counter: &'static Counter) -> Self {
            let (leave, left) = mpsc::channel();
            let (sender, receiver) = mpsc::channel();
            let thread = thread::spawn(move || {
                counter.add(0);
                sender.send(()).unwrap();
                let _ = left.recv();
            });
            receiver.recv().unwrap();
            Self(Some((leave, thread)))
        }
    }

    impl Drop for Parked {
        fn drop(&mut self) {
            let (leave, thread) = self.0.take().unwrap();
            drop(leave);
            thread.join().unwrap();
        }
    }

    /// Parks so many threads that the next one needs the last shard that there is.
    fn crowd(counter: &'static Counter) -> Vec<Parked> {
        let (before, mut crowd) = (shards_for_one_more_thread(), Vec::new());
        while shards_for_one_more_thread() == before {
            crowd.push(Parked::new(counter));
        }
        crowd.pop();
        crowd
    }

    /// Adds to `counter` on a new thread, and to `handlers` in a handler after that many steps. Returns
    /// whether there were that many.
    fn first_add_struck_at(
        strike: u64,
        counter: &'static Counter,
        handlers: &'static Counter,
    ) -> bool {
        let hook = move |step| {
            if step == strike {
                handlers.inc();
            }
            step < strike
        };
        together(1, |_| stepped(hook, || counter.inc()).0)[0] == strike
    }

    #[test]
    fn a_thread_interrupted_at_its_first_add_claims_and_releases_one_number() {
        static HANDLERS: Counter = Counter::builder().backend(Backend::Striped).build();
        static THREADS: Counter = Counter::builder().backend(Backend::PerThread).build();
        let _turn = alone();
        HANDLERS.inc();
        let crowd = crowd(&THREADS);
        let before = shards_for_one_more_thread();
        // Every 15th instruction, until an add ends before it is interrupted. The number of instructions
        // varies, since threads of other tests that end change which number is free.
        let mut strikes = 0;
        while first_add_struck_at(1 + 15 * strikes, &THREADS, &HANDLERS) {
            strikes += 1;
        }
        assert!(strikes > 5, "only {strikes} strikes");
        assert_eq!((HANDLERS.sum(), THREADS.sum()), (1 + strikes, 1 + strikes));
        // Or fewer: a thread of an earlier test may have ended meanwhile.
        assert!(shards_for_one_more_thread() <= before, "numbers are lost");
        drop(crowd);
    }
}

mod other_threads {
    use super::*;

    const HIGH: u64 = 1 << 32;

    /// Two threads that add on demand and in turn: one of them 1, the other one [`HIGH`].
    struct Pair {
        counter: &'static Counter,
        /// Even between turns, odd during the turn of one of them.
        turn: AtomicU64,
        stop: AtomicBool,
    }

    impl Pair {
        /// Returns the true count after that many adds.
        fn count(adds: u64) -> u64 {
            adds.div_ceil(2) + adds / 2 * HIGH
        }

        fn adds(&self) -> u64 {
            self.turn.load(Acquire) / 2
        }

        /// Lets one of the two add, and waits until it has.
        fn add(&self) {
            let turn = self.turn.load(Acquire);
            self.turn.store(turn + 1, Release);
            while self.turn.load(Acquire) == turn + 1 {
                thread::yield_now();
            }
        }

        fn add_on_demand(&self, which: u64) {
            let _pinned = Hopper::pinned(usize::from(which == 1));
            while !self.stop.load(Relaxed) {
                let turn = self.turn.load(Acquire);
                if turn % 4 == 2 * which + 1 {
                    self.counter.add(if which == 0 { 1 } else { HIGH });
                    self.turn.store(turn + 1, Release);
                } else {
                    thread::yield_now();
                }
            }
        }
    }

    /// How many instructions there are between adds, and how many adds, so that there are some between one
    /// load of a cell and the next. An optimized read has few instructions, an unoptimized one very many, and
    /// each add waits for another thread.
    const STRIDE: u64 = if cfg!(debug_assertions) { 3 } else { 1 };
    const ADDS: u64 = if cfg!(debug_assertions) { 1 } else { 4 };

    /// Runs `read` while other threads add; returns the number of adds before it, its result, and the number
    /// of adds after it.
    fn read_slowly(counter: &'static Counter, read: impl FnOnce() -> u64) -> (u64, u64, u64) {
        let (turn, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let pair = leaked(Pair { counter, turn, stop });
        thread::scope(|scope| {
            for which in [0, 1] {
                scope.spawn(move || pair.add_on_demand(which));
                pair.add();
            }
            let hook = |step| {
                if step % STRIDE == 0 {
                    (0..ADDS).for_each(|_| pair.add());
                }
                true
            };
            let before = pair.adds();
            let (_, sum) = stepped(hook, read);
            pair.stop.store(true, Relaxed);
            (before, sum, pair.adds())
        })
    }

    /// Returns whether `sum` was the true count at one moment.
    fn is_whole((before, sum, after): (u64, u64, u64)) -> bool {
        (before..=after).any(|adds| sum == Pair::count(adds))
    }

    /// Would never end if an add waited for a reader.
    #[test]
    fn a_sum_is_within_its_bounds_and_a_locked_one_not_torn_while_others_add() {
        let _turn = alone();
        on_every_backend(|case| {
            let counter = touched(case);
            let read = read_slowly(counter, || counter.sum());
            let (before, sum, after) = read;
            assert!(after > before + 30, "only {} adds", after - before);
            assert!(sum >= Pair::count(before) && sum <= Pair::count(after), "{sum:x}");
            assert!(!case.read_lock || is_whole(read), "torn: {sum:x}");
            assert_eq!(counter.sum(), Pair::count(after));
        });
    }

    #[test]
    fn a_take_is_torn_no_more_than_a_sum_and_leaves_the_rest() {
        let _turn = alone();
        on_every_backend(|case| {
            let counter = touched(case);
            let read = read_slowly(counter, || counter.take());
            let (_, taken, after) = read;
            assert!(!case.read_lock || is_whole(read), "torn: {taken:x}");
            assert_eq!(taken + counter.take(), Pair::count(after));
        });
    }

    /// The seeded bug: one collect, without the lock. On `PerCpu` that needs two CPUs.
    #[test]
    fn seeded_an_unlocked_sum_is_torn() {
        let _turn = alone();
        on_every_backend(|case| {
            if case.read_lock || touched(case).shards() == 1 {
                return;
            }
            let counter = touched(case);
            let read = read_slowly(counter, || counter.sum());
            let one_cpu = thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1);
            let one_shard = one_cpu && case.backend() == Backend::PerCpu;
            assert!(one_shard || !is_whole(read), "whole: {:x}", read.1);
        });
    }
}
