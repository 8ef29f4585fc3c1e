//! Numbers are dense, come back, and may run out.
//!
//! Every other test that counts changes the numbers of the process, so tests that count them here
//! run in a child process.

use super::{super::route::MAX_THREADS, Numbers, current, real::NUMBERS};
use crate::{
    Backend, Builder, Counter, CounterSet, UpDownCounter, sync::Ordering, testing::in_child,
};
use std::{
    process,
    sync::{Barrier, atomic::AtomicUsize},
    thread,
};

/// Returns how many numbers of the process are taken.
fn taken() -> usize {
    usize::try_from(NUMBERS.taken()).unwrap()
}

#[test]
fn the_lowest_free_number_is_claimed_first() {
    let numbers = Numbers::<2>::new();
    assert!((0..128).all(|expected| numbers.claim() == Some(expected)));
    assert_eq!(numbers.claim(), None, "all taken");
    numbers.release(70);
    numbers.release(3);
    assert_eq!(numbers.claim(), Some(3));
    assert_eq!(numbers.claim(), Some(70));
    assert_eq!(numbers.taken(), 128);
}

mod churn {
    use super::*;

    const LIVES: usize = 1_000;

    /// A thousand threads hold a number, one after another. `give_back` is `Numbers::release`.
    fn holders_come_and_go(give_back: fn(&Numbers<2>, usize)) {
        let numbers = Numbers::new();
        for _ in 0..LIVES {
            let number = numbers.claim();
            assert_eq!(number, Some(0), "it was not given back");
            give_back(&numbers, 0);
        }
        assert_eq!(numbers.taken(), 0, "some were not given back");
    }

    #[test]
    fn a_number_is_handed_from_holder_to_holder() {
        holders_come_and_go(Numbers::release);
    }

    #[test]
    #[should_panic(expected = "it was not given back")]
    fn seeded_a_holder_that_does_not_give_its_number_back_is_noticed() {
        holders_come_and_go(|_, _| {});
    }

    /// What a thousand threads that count, one after another, leave behind.
    #[derive(Debug, PartialEq)]
    struct Left {
        /// How many more numbers are taken.
        numbers: usize,
        /// How many more shards a `PerThread` counter has.
        shards: usize,
        sum: usize,
    }

    /// Runs the threads, with `afterwards` at the end of each.
    fn threads_come_and_go(afterwards: impl Fn()) -> Left {
        let counter = Counter::builder().backend(Backend::PerThread).build();
        let before = (taken(), counter.shards());
        for _ in 0..LIVES {
            thread::scope(|scope| scope.spawn(|| counter.inc()).join().unwrap());
            afterwards();
        }
        Left {
            numbers: taken() - before.0,
            shards: counter.shards() - before.1,
            sum: usize::try_from(counter.sum()).unwrap(),
        }
    }

    #[test]
    fn threads_that_come_and_go_leave_neither_numbers_nor_shards_behind() {
        in_child(
            module_path!(),
            "threads_that_come_and_go_leave_neither_numbers_nor_shards_behind",
            || {
                let left = threads_come_and_go(|| {});
                assert_eq!(left, Left { numbers: 0, shards: 0, sum: LIVES });
            },
        );
    }

    /// A number that is claimed again at once is like one that was never returned. Both figures
    /// show it, and the sum does not.
    #[test]
    fn seeded_threads_that_do_not_give_their_number_back_are_noticed() {
        in_child(
            module_path!(),
            "seeded_threads_that_do_not_give_their_number_back_are_noticed",
            || {
                let left = threads_come_and_go(|| _ = NUMBERS.claim());
                assert_eq!((left.numbers, left.sum), (LIVES, LIVES));
                assert!(left.shards > LIVES / 2, "{left:?}");
            },
        );
    }
}

/// How often threads look for numbers of dead threads, and what they find in time. The numbers are
/// the test's own, and so are the threads: a look queries the test and not the kernel.
mod looks {
    use super::*;
    use std::{cell::Cell, collections::BTreeSet};

    const WORDS: usize = 64;
    const LIVE: [usize; 15] = [0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 500, 512, 1_000, 1_024];

    struct Threads {
        numbers: Numbers<WORDS>,
        live: BTreeSet<usize>,
        dead: BTreeSet<usize>,
        claims: usize,
        looks: usize,
        /// How many threads all looks have queried.
        queries: usize,
    }

    impl Threads {
        fn new() -> Self {
            let (live, dead) = (BTreeSet::new(), BTreeSet::new());
            Self { numbers: Numbers::new(), live, dead, claims: 0, looks: 0, queries: 0 }
        }

        fn start(&mut self) -> Option<usize> {
            let looked_at = Cell::new(None);
            let number = self.numbers.claim_or_look(|below| {
                let dead = self.dead.range(..below);
                looked_at.set(Some(dead.clone().count() + self.live.range(..below).count()));
                dead.for_each(|&dead| self.numbers.release(dead));
                true
            });
            if let Some(queries) = looked_at.get() {
                self.looks += 1;
                self.queries += queries;
                self.dead.clear();
            }
            self.claims += 1;
            self.live.extend(number);
            number
        }

        /// Ends the thread that has `number`, which does not return it.
        fn end(&mut self, number: usize) {
            assert!(self.live.remove(&number));
            self.dead.insert(number);
        }

        /// Ends it, and returns its number.
        fn give_back(&mut self, number: usize) {
            assert!(self.live.remove(&number));
            self.numbers.release(number);
        }
    }

    #[test]
    fn any_number_of_live_threads_leaves_later_ones_few_looks() {
        for live in LIVE {
            let mut threads = Threads::new();
            for _ in 0..live {
                threads.start().unwrap();
            }
            let looks = threads.looks;
            for _ in 0..200 {
                let number = threads.start().unwrap();
                threads.give_back(number);
            }
            assert!(threads.looks - looks <= 1, "{} looks with {live}", threads.looks - looks);
        }
    }

    #[test]
    fn numbers_of_unnoticed_threads_are_used_again_at_two_queries_per_claim() {
        for live in LIVE {
            let mut threads = Threads::new();
            for _ in 0..live {
                threads.start().unwrap();
            }
            for _ in 0..10_000 {
                let number = threads.start().unwrap();
                let bound = 64.max(2 * (live + 1));
                assert!(number < bound, "{number} with {live} threads alive");
                threads.end(number);
            }
            let Threads { claims, queries, .. } = threads;
            assert!(queries <= 2 * claims, "{queries} queries of {claims} threads");
        }
    }

    /// Some threads return their numbers, some do not, and some live on.
    #[test]
    fn looks_stay_few_and_numbers_low_as_threads_end_in_either_way() {
        let mut random = 1_u64;
        let mut threads = Threads::new();
        let mut peak = 0;
        for _ in 0..100_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (what, which) = (random >> 62, (random >> 32) as usize);
            // Phases of many live threads and of few.
            let crowd = if threads.claims / 1_000 % 2 == 0 { 40 } else { 150 };
            let any = threads.live.iter().nth(which % crowd).copied();
            match any {
                Some(any) if what == 0 => threads.give_back(any),
                Some(any) => threads.end(any),
                None => _ = threads.start().unwrap(),
            }
            peak = peak.max(threads.live.len());
            let highest = threads.live.last().copied().unwrap_or(0);
            assert!(highest < 64.max(2 * peak), "{highest} with {peak} threads alive at most");
        }
        let Threads { claims, queries, looks, .. } = threads;
        assert!(looks > 10 && queries <= 2 * claims, "{looks} looks, {queries} for {claims}");
    }

    #[test]
    fn threads_beyond_the_last_number_look_seldom_and_find_numbers_again() {
        const ALL: usize = WORDS * 64;
        let mut threads = Threads::new();
        (0..ALL).for_each(|number| assert_eq!(threads.start(), Some(number)));
        let before = threads.looks;
        while threads.looks == before {
            assert_eq!(threads.start(), None);
        }
        let looks = threads.looks;
        threads.end(7);
        let refused = (0..=ALL).take_while(|_| threads.start().is_none()).count();
        assert_eq!((refused, threads.looks - looks), (ALL, 1));
        assert!(threads.live.contains(&7));
    }
}

/// Threads that do not return their numbers: there is no key left for them, they add for the first
/// time in the last round of key destructors, or they end by the bare system call.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "keys and system calls are reached through libc")]
mod without_a_word {
    use super::*;
    use std::{ffi::c_void, ptr, sync::atomic::AtomicU32};

    const THREADS: usize = 1_000;

    static COUNTER: Counter = Counter::builder().backend(Backend::PerThread).build();
    static KEY: AtomicU32 = AtomicU32::new(0);

    fn set_key(value: usize) {
        let key = KEY.load(Ordering::Relaxed);
        // SAFETY: the key was made, and its value is never dereferenced.
        unsafe { libc::pthread_setspecific(key, ptr::without_provenance::<c_void>(value)) };
    }

    /// Sets its key again until the last round.
    extern "C" fn in_every_round(round: *mut c_void) {
        match round.addr() {
            4 => COUNTER.inc(),
            round => set_key(round + 1),
        }
    }

    /// Runs many threads, one after another, whose `body` counts once and never returns its number.
    /// Returns how many numbers are taken in the end.
    fn taken_by(body: extern "C" fn(*mut c_void) -> *mut c_void) -> usize {
        for _ in 0..THREADS {
            // SAFETY: a number or a pointer, for which all zeros is a valid value.
            let mut thread = unsafe { std::mem::zeroed() };
            // SAFETY: the thread id is valid for the write, and `body` accepts any argument.
            let result = unsafe {
                libc::pthread_create(&raw mut thread, ptr::null(), body, ptr::null_mut())
            };
            assert_eq!(result, 0);
            // SAFETY: the thread was made above, and is joined once.
            unsafe { libc::pthread_join(thread, ptr::null_mut()) };
        }
        assert_eq!(COUNTER.sum(), THREADS as u64);
        taken()
    }

    extern "C" fn count(_: *mut c_void) -> *mut c_void {
        COUNTER.inc();
        ptr::null_mut()
    }

    /// With musl there is a key for them, but not in a process that has used up its keys.
    #[test]
    fn numbers_of_threads_without_a_key_are_used_again() {
        in_child(module_path!(), "numbers_of_threads_without_a_key_are_used_again", || {
            let mut key = 0;
            // SAFETY: the key is valid for the write, and has no destructor.
            while unsafe { libc::pthread_key_create(&raw mut key, None) } == 0 {}
            let taken = taken_by(count);
            assert!((1..=64).contains(&taken), "{taken}");
            assert!(COUNTER.shards() <= 128, "{}", COUNTER.shards());
        });
    }

    extern "C" fn count_in_the_last_round(_: *mut c_void) -> *mut c_void {
        set_key(1);
        ptr::null_mut()
    }

    #[test]
    fn numbers_of_threads_that_count_after_their_key_destructors_are_used_again() {
        const NAME: &str =
            "numbers_of_threads_that_count_after_their_key_destructors_are_used_again";
        in_child(module_path!(), NAME, || {
            // Our key is made first, so its destructor comes first in each round.
            thread::scope(|scope| scope.spawn(|| COUNTER.add(0)).join().unwrap());
            let mut key = 0;
            // SAFETY: the key is valid for the write, and the destructor accepts any value.
            unsafe { libc::pthread_key_create(&raw mut key, Some(in_every_round)) };
            KEY.store(key, Ordering::Relaxed);
            let taken = taken_by(count_in_the_last_round);
            assert!((1..=64).contains(&taken), "{taken}");
            assert!(COUNTER.shards() <= 128, "{}", COUNTER.shards());
        });
    }

    /// Not with musl, where joining such a thread never returns, since the thread itself would have
    /// to announce its end.
    #[cfg(not(target_env = "musl"))]
    #[test]
    fn numbers_of_threads_that_end_by_the_bare_system_call_are_used_again() {
        extern "C" fn count_and_leave(_: *mut c_void) -> *mut c_void {
            COUNTER.inc();
            // SAFETY: ends the calling thread, which has nothing on its stack to drop.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
            ptr::null_mut()
        }

        const NAME: &str = "numbers_of_threads_that_end_by_the_bare_system_call_are_used_again";
        in_child(module_path!(), NAME, || {
            let taken = taken_by(count_and_leave);
            assert!((1..=64).contains(&taken), "{taken}");
            assert!(COUNTER.shards() <= 128, "{}", COUNTER.shards());
        });
    }
}

/// Numbers whose owners end while another thread looks for them.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a process that shares its parent's memory")]
mod owners_are_asked_for {
    use super::{
        super::owners::{for_each_dead, forget, look, note},
        *,
    };
    use std::{
        ffi::{c_int, c_void},
        ptr,
        sync::atomic::AtomicBool,
    };

    const NUMBER: usize = 3;

    /// Returns the numbers that are returned if the owner of [`NUMBER`] has ended, and `meanwhile`
    /// happens between marking the note and asking the kernel.
    fn given_back(meanwhile: fn()) -> Vec<usize> {
        let given_back = std::cell::RefCell::new(Vec::new());
        note(NUMBER);
        let has_ended = |_| {
            meanwhile();
            true
        };
        look(64, has_ended, |number| given_back.borrow_mut().push(number));
        forget(NUMBER);
        given_back.into_inner()
    }

    #[test]
    fn a_number_that_changes_hands_meanwhile_is_left_alone() {
        in_child(module_path!(), "a_number_that_changes_hands_meanwhile_is_left_alone", || {
            assert_eq!(given_back(|| {}), [NUMBER]);
            assert_eq!(given_back(|| forget(NUMBER)), [0; 0]);
            // The next owner has the same id, since it is the same thread.
            let next = || {
                forget(NUMBER);
                note(NUMBER);
            };
            assert_eq!(given_back(next), [0; 0]);
        });
    }

    #[test]
    fn the_holder_of_a_number_is_found_dead_only_once() {
        in_child(module_path!(), "the_holder_of_a_number_is_found_dead_only_once", || {
            let found = AtomicUsize::new(0);
            note(NUMBER);
            for alive in [true, true, false, false] {
                look(64, |_| !alive, |_| _ = found.fetch_add(1, Ordering::Relaxed));
            }
            assert_eq!(found.into_inner(), 1);
        });
    }

    fn status_of(child: libc::pid_t) -> c_int {
        let mut status = -1;
        // SAFETY: the status is valid for the write.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        status
    }

    /// As after vfork(2): to user space, the child's thread is the parent's.
    #[test]
    fn a_number_claimed_in_a_process_that_shares_the_memory_stays_the_threads() {
        const NAME: &str = "a_number_claimed_in_a_process_that_shares_the_memory_stays_the_threads";
        static COUNTER: Counter = Counter::builder().backend(Backend::PerThread).build();
        static GIVEN_BACK: AtomicBool = AtomicBool::new(false);
        fn gives_back() -> bool {
            for_each_dead(MAX_THREADS, |_| GIVEN_BACK.store(true, Ordering::Relaxed))
        }
        extern "C" fn count(_: *mut c_void) -> c_int {
            COUNTER.inc();
            // To the kernel none of the threads that are noted is in this process.
            assert!(!gives_back());
            0
        }
        in_child(module_path!(), NAME, || {
            thread::spawn(|| COUNTER.inc()).join().unwrap();
            note(NUMBER);
            let mut stack = vec![0_u128; 16 << 10];
            let top = stack.as_mut_ptr_range().end.cast();
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            // SAFETY: the child has its own stack, and this thread sleeps until the child has
            // ended.
            let child = unsafe { libc::clone(count, top, flags, ptr::null_mut()) };
            assert!(child > 0);
            assert_eq!(status_of(child), 0);
            assert!(current().get().is_some(), "the child has claimed none");
            assert!(gives_back());
            assert!(!GIVEN_BACK.load(Ordering::Relaxed), "while its thread is alive");
            assert_eq!(COUNTER.sum(), 2);
        });
    }

    /// Threads have other ids there, so a note that was left would be one of a dead thread.
    #[test]
    fn the_child_of_a_fork_has_no_notes_and_makes_its_own() {
        in_child(module_path!(), "the_child_of_a_fork_has_no_notes_and_makes_its_own", || {
            let numbers = [0, NUMBER, MAX_THREADS - 1];
            assert!(numbers.iter().all(|&number| note(number)));
            // SAFETY: the child only makes system calls and ends.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let is_found = AtomicBool::new(false);
                let give_back = |_| is_found.store(true, Ordering::Relaxed);
                let has_looked = note(NUMBER) && for_each_dead(MAX_THREADS, give_back);
                let right = has_looked && !is_found.into_inner();
                // SAFETY: ends the child.
                unsafe { libc::_exit(c_int::from(!right)) };
            }
            assert_eq!(status_of(child), 0);
        });
    }
}

mod exhaustion {
    use super::*;

    const THREADS: usize = 8;
    const ADDS: usize = 1_000;
    /// The stack of a thread, in bytes: small, since there may be many.
    const STACK: usize = 64 << 10;
    /// The only numbers that are free: the lowest, the next, and the highest.
    const FREE: [usize; 3] = [0, 1, MAX_THREADS - 1];

    /// One counter of each type, with the same settings.
    struct Counters {
        lone: Counter,
        level: UpDownCounter,
        set: CounterSet,
    }

    impl Counters {
        fn of(backend: Backend, read_lock: bool) -> Self {
            fn set<T>(builder: Builder<T>, backend: Backend, read_lock: bool) -> Builder<T> {
                builder.backend(backend).read_lock(read_lock)
            }
            Self {
                lone: set(Counter::builder(), backend, read_lock).build(),
                level: set(UpDownCounter::builder(), backend, read_lock).build(),
                set: set(CounterSet::builder(2), backend, read_lock).build(),
            }
        }

        fn of_every_setting() -> Vec<Self> {
            let backends = [Backend::PerCpu, Backend::PerThread, Backend::Striped];
            let settings = backends.map(|backend| [(backend, false), (backend, true)]);
            settings.into_iter().flatten().map(|(backend, lock)| Self::of(backend, lock)).collect()
        }

        fn add(&self) {
            self.lone.inc();
            self.level.add(2);
            self.level.dec();
            self.set.inc(1);
            self.set.add_many(&[(0, 1), (1, 1)]);
        }

        fn assert_sums(&self, adds: usize) {
            let adds = adds as u64;
            assert_eq!(self.lone.sum(), adds, "{:?}", self.lone);
            assert_eq!(self.level.sum(), adds.cast_signed(), "{:?}", self.level);
            assert_eq!(self.set.sums(), [adds, 2 * adds], "{:?}", self.set);
        }
    }

    /// Returns counters of every setting to which one thread has added, so that the shards are
    /// there, and the next thread's first add only claims a number.
    fn in_place() -> Vec<Counters> {
        let counters = Counters::of_every_setting();
        thread::scope(|scope| {
            scope.spawn(|| counters.iter().for_each(Counters::add)).join().unwrap();
        });
        counters
    }

    /// Lets `threads` threads, all alive at once, add `adds` times to each of `counters`. Returns
    /// how many had no number.
    fn count_at_once(threads: usize, adds: usize, counters: &[Counters]) -> usize {
        let (alive, without) = (Barrier::new(threads), AtomicUsize::new(0));
        let live = || {
            counters.iter().for_each(Counters::add);
            // No thread ends before all have tried to claim a number.
            alive.wait();
            without.fetch_add(current().get().is_none().into(), Ordering::Relaxed);
            (1..adds).for_each(|_| counters.iter().for_each(Counters::add));
        };
        let builder = || thread::Builder::new().stack_size(STACK);
        thread::scope(|scope| {
            let spawn = |index| {
                builder().spawn_scoped(scope, live).unwrap_or_else(|error| {
                    eprintln!("thread {index} of {threads}: {error}");
                    // Threads that wait for it would wait without end.
                    process::abort()
                })
            };
            let threads: Vec<_> = (0..threads).map(spawn).collect();
            for thread in threads {
                thread.join().unwrap();
            }
        });
        without.into_inner()
    }

    fn assert_sums(counters: &[Counters], adds: usize) {
        for counters in counters {
            counters.assert_sums(adds);
        }
    }

    fn take_all_but(free: &[usize]) {
        while NUMBERS.claim().is_some() {}
        for &number in free {
            NUMBERS.release(number);
        }
    }

    #[test]
    fn threads_beyond_the_last_number_count_exactly_and_later_ones_find_numbers_again() {
        const NAME: &str =
            "threads_beyond_the_last_number_count_exactly_and_later_ones_find_numbers_again";
        in_child(module_path!(), NAME, || {
            assert_eq!(taken(), 0, "no other test counts here");
            let counters = in_place();
            take_all_but(&FREE);
            let mut met = 0;
            for round in 1..=2 {
                // In the second round, the numbers of the first are found again.
                let without = count_at_once(THREADS, ADDS, &counters);
                assert_eq!(without, THREADS - FREE.len(), "without a number");
                assert_eq!(taken(), MAX_THREADS - FREE.len(), "given back");
                assert_sums(&counters, 1 + round * THREADS * ADDS);
                met += without * ADDS * counters.len();
            }
            println!("rounds of adds that met exhaustion: {met}");
            (0..MAX_THREADS).for_each(|number| NUMBERS.release(number));
            assert_eq!(count_at_once(THREADS, ADDS, &counters), 0, "all have a number");
            assert_sums(&counters, 1 + 3 * THREADS * ADDS);
        });
    }

    #[test]
    #[ignore = "needs 65,544 threads: .ci/long threads"]
    fn more_live_threads_than_numbers_count_exactly() {
        in_child(module_path!(), "more_live_threads_than_numbers_count_exactly", || {
            const ALL: usize = MAX_THREADS + THREADS;
            const ADDS: usize = 4;
            let counters = in_place();
            assert_eq!(count_at_once(ALL, ADDS, &counters), THREADS, "without a number");
            assert_eq!(taken(), 0, "given back");
            assert_sums(&counters, 1 + ALL * ADDS);
            assert_eq!(count_at_once(THREADS, ADDS, &counters), 0, "all have a number");
            assert_sums(&counters, 1 + (ALL + THREADS) * ADDS);
        });
    }

    /// Otherwise each of its adds would go through all numbers, only to find them taken.
    #[test]
    fn a_thread_without_a_number_does_not_look_for_one_again() {
        in_child(module_path!(), "a_thread_without_a_number_does_not_look_for_one_again", || {
            let counters = in_place();
            take_all_but(&[]);
            thread::scope(|scope| {
                let late = scope.spawn(|| {
                    counters.iter().for_each(Counters::add);
                    NUMBERS.release(0);
                    counters.iter().for_each(Counters::add);
                    assert!(current().get().is_none(), "a number after all");
                });
                late.join().unwrap();
            });
            assert_eq!(NUMBERS.claim(), Some(0), "still free");
            assert_sums(&counters, 1 + 2);
        });
    }
}
