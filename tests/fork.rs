//! Guarantee 1 across `fork`, and guarantee 2 as the kernel sees it: after a thread's first touch, an add
//! makes no system call.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "fork and its like are reached through libc")]

mod support;

use std::{
    hint::spin_loop,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};
use striped_counter::{Backend, Counter, CounterSet, Histogram, UpDownCounter};
use support::{Case, Stop, add_amounts, alone, children::in_child, on_every_backend, together};

#[test]
fn a_child_goes_on_from_its_parents_count_and_neither_counts_for_the_other() {
    on_every_backend(|case| {
        let counter = case.counter();
        let mut added = 0;
        for thread in 0..20 {
            added += add_amounts(&counter, thread, 10);
            let in_child = in_child(|| {
                let childs = add_amounts(&counter, thread, 1_000);
                counter.sum() == added + childs
                    && counter.take() == added + childs
                    && counter.sum() == 0
                    && counter.deltas().next_delta() == added + childs
            });
            assert!(in_child, "wrong in the child");
            assert_eq!(counter.sum(), added);
        }
        assert_eq!(counter.take(), added);
    });
}

#[test]
fn a_child_goes_on_with_levels_sets_and_histograms() {
    on_every_backend(|case| {
        let level = case.set(UpDownCounter::builder()).build();
        let set = case.set(CounterSet::builder(3)).build();
        let few_buckets = case.set(Histogram::builder()).bounds(&[9]).build();
        let many_buckets = case.set(Histogram::builder()).build();
        let add = || {
            few_buckets.record(5);
            many_buckets.record(5);
            level.add(5);
            level.sub(2);
            set.inc(0);
            set.add_many(&[(1, 2), (2, 2)]);
        };
        let reads = |rounds: u64| {
            level.sum() == 3 * rounds.cast_signed()
                && set.sums() == [rounds, 2 * rounds, 2 * rounds]
                && (!case.read_lock || set.snapshot() == Some(set.sums()))
                && [&few_buckets, &many_buckets].into_iter().all(|histogram| {
                    let read = histogram.snapshot();
                    (read.count(), read.sum()) == (rounds, Some(5 * rounds))
                })
        };
        for round in 1..=20 {
            add();
            let in_child = in_child(|| {
                add();
                let counted_on = reads(round + 1);
                let taken = few_buckets.take().count() + many_buckets.take().count();
                let taken_all = taken == 2 * (round + 1);
                counted_on && taken_all && level.take() > 0 && set.take_all()[2] > 0 && reads(0)
            });
            assert!(in_child, "wrong in the child");
            assert!(reads(round));
        }
    });
}

#[test]
fn a_childs_first_add_counts_whether_its_parent_had_counted_or_not() {
    on_every_backend(|case| {
        let untouched = case.counter();
        let padded = case.set(Counter::builder()).padded(true).build();
        let level = case.set(UpDownCounter::builder()).build();
        let set = case.set(CounterSet::builder(40)).build();
        let histogram = case.set(Histogram::builder()).bounds(&[9]).build();
        let in_child = in_child(|| {
            (0..2).for_each(|_| histogram.record(20));
            (0..2).for_each(|_| untouched.inc());
            (0..2).for_each(|_| padded.inc());
            (0..2).for_each(|_| level.dec());
            (0..2).for_each(|_| set.inc(39));
            set.add_many(&[(0, 1), (39, 1)]);
            untouched.sum() == 2
                && (histogram.snapshot().count(), histogram.take().sum()) == (2, Some(40))
                && (padded.sum(), padded.take(), padded.sum(), padded.total()) == (2, 2, 0, 2)
                && (level.sum(), level.take(), level.sum()) == (-2, -2, 0)
                && (set.sum(0), set.sum(39), set.sums()[39], set.take(39)) == (1, 3, 3, 3)
                && untouched.warm_up()
                && padded.warm_up()
                && level.warm_up()
                && set.warm_up()
        });
        assert!(in_child, "wrong in the child");
        assert_eq!((untouched.sum(), padded.sum(), level.sum()), (0, 0, 0));
        assert_eq!(set.sums(), [0; 40]);
        assert_eq!(histogram.total().count(), 0);
    });
}

#[test]
fn a_child_may_start_threads_that_count() {
    on_every_backend(|case| {
        let counter = case.counter();
        counter.inc();
        let in_child = in_child(|| {
            let count = || (0..1_000).for_each(|_| counter.inc());
            thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count))));
            counter.sum() == 4_001
        });
        assert!(in_child, "wrong in the child");
        assert_eq!(counter.sum(), 1);
    });
}

/// Threads that do not exist in the child may have been in the middle of an add, but not of their first one
/// nor of a read: the lock would stay taken in the child.
#[test]
fn a_fork_during_adds_of_other_threads_loses_no_add_of_child_or_parent() {
    const ADDERS: usize = 3;
    on_every_backend(|case| {
        let (counter, stop) = (case.counter(), AtomicBool::new(false));
        let (touched, one_by_one) = (Barrier::new(ADDERS + 1), Mutex::new(()));
        counter.add(0);
        let touch = || {
            let _turn = one_by_one.lock().unwrap();
            (0..2).for_each(|_| counter.add(0));
        };
        let add_until_stopped = |thread| {
            touch();
            touched.wait();
            let mut tally = 0;
            while !stop.load(Relaxed) {
                tally += add_amounts(&counter, thread, 10);
            }
            tally
        };
        let add_in_child = || {
            let before = counter.sum();
            let childs = add_amounts(&counter, 0, 500);
            counter.sum() == before + childs
        };
        let tallies = thread::scope(|scope| {
            let _stop = Stop(&stop);
            let add = &add_until_stopped;
            let start = |thread| scope.spawn(move || add(thread));
            let adders: Vec<_> = (0..ADDERS).map(start).collect();
            touched.wait();
            assert!((0..20).all(|_| in_child(add_in_child)), "wrong in a child");
            stop.store(true, Relaxed);
            adders.into_iter().map(|adder| adder.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(counter.sum(), tallies.iter().sum());
    });
}

/// Makes counters and levels, adds to them and drops them; returns whether they were exact. Each has the
/// columns of one that was dropped before.
fn lease_and_drop(case: &Case, times: u64) -> bool {
    (1..=times).all(|n| {
        let padded = n % 2 == 0;
        let counter = case.set(Counter::builder()).padded(padded).build();
        let level = case.set(UpDownCounter::builder()).padded(padded).build();
        (0..3).for_each(|_| counter.add(n));
        (0..3).for_each(|_| level.sub(n.cast_signed()));
        counter.sum() == 3 * n
            && counter.take() == 3 * n
            && (counter.sum(), counter.total()) == (0, 3 * n)
            && level.sum() == -3 * n.cast_signed()
    })
}

/// The fork may come at any moment while another thread claims or releases a lease: the child loses that
/// lease, and no two counters there have the same one.
#[test]
fn a_fork_while_another_thread_leases_and_drops_counters_leaves_the_child_exact() {
    const FORKS: u64 = 50;
    on_every_backend(|case| {
        let stop = AtomicBool::new(false);
        let old: Vec<_> = (0..4).map(|_| case.counter()).collect();
        let add_to_old = |n| old.iter().for_each(|counter| counter.add(n));
        let old_have = |n| old.iter().all(|counter| counter.sum() == n && counter.total() == n);
        add_to_old(1);
        thread::scope(|scope| {
            let _stop = Stop(&stop);
            let leasing = || {
                while !stop.load(Relaxed) {
                    assert!(lease_and_drop(case, 10));
                }
            };
            let leasing = scope.spawn(leasing);
            for fork in 1..=FORKS {
                let exact = in_child(|| {
                    add_to_old(5);
                    let new: Vec<_> = (0..70).map(|_| case.counter()).collect();
                    (1..).zip(&new).for_each(|(n, counter)| counter.add(n));
                    lease_and_drop(case, 100)
                        && (1..).zip(&new).all(|(n, counter)| counter.sum() == n)
                        && old_have(fork + 5)
                });
                assert!(exact, "wrong in child {fork}");
                add_to_old(1);
                assert!(old_have(fork + 1));
            }
            stop.store(true, Relaxed);
            leasing.join().unwrap();
        });
    });
}

/// In a child, locks that other threads held stay taken, including those of other libraries, such as the one
/// that `num_cpus` takes on its first call. So each of 2,000 processes makes that call on two threads, and
/// forks meanwhile.
#[test]
fn a_childs_first_add_does_not_wait_for_the_number_of_cpus() {
    const ROUNDS: u32 = 2_000;
    alone("a_childs_first_add_does_not_wait_for_the_number_of_cpus", || {
        static COUNTERS: [Counter; 3] = [
            Counter::builder().backend(Backend::Striped).build(),
            Counter::builder().backend(Backend::PerThread).build(),
            Counter::new(),
        ];
        let add_in_grandchild = || {
            (0..3).for_each(|_| COUNTERS.iter().for_each(Counter::inc));
            COUNTERS.iter().all(|counter| counter.sum() == 3)
        };
        for round in 0..ROUNDS {
            let exact = in_child(|| {
                let stop = AtomicBool::new(false);
                let in_time = together(3, |thread| {
                    if thread > 0 {
                        while !stop.load(Relaxed) {
                            num_cpus::get();
                        }
                        return true;
                    }
                    let _stop = Stop(&stop);
                    (0..round % 100 * 200).for_each(|_| spin_loop());
                    in_child(add_in_grandchild)
                });
                in_time[0]
            });
            assert!(exact, "wrong or killed in round {round}");
        }
    });
}

/// A filter for system calls that lets a thread end, and kills the process for any other call.
struct NothingButExit([libc::sock_filter; 4]);

impl NothingButExit {
    fn new() -> Self {
        let step = |code, jf, k: u32| {
            let code = u16::try_from(code).unwrap();
            libc::sock_filter { code, jt: 0, jf, k }
        };
        let exit = u32::try_from(libc::SYS_exit).unwrap();
        Self([
            // The number of the call is the first field of `seccomp_data`.
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, exit),
            step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
            step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_KILL_PROCESS),
        ])
    }

    /// Returns whether the kernel supports filters; an emulator may not.
    fn is_possible() -> bool {
        // SAFETY: no memory is involved.
        unsafe { libc::prctl(libc::PR_GET_SECCOMP) >= 0 }
    }

    /// Installs the filter for the rest of the thread's life; returns false if the kernel refuses.
    fn install(&mut self) -> bool {
        let program = libc::sock_fprog { len: 4, filter: self.0.as_mut_ptr() };
        // SAFETY: no memory is involved.
        let allowed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } == 0;
        let (set, mode) = (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER);
        // SAFETY: `program` is valid for the read, and so are the four steps that it points to.
        allowed && unsafe { libc::prctl(set, mode, &raw const program) } == 0
    }
}

#[test]
fn after_the_first_touch_an_add_makes_no_system_call() {
    if !NothingButExit::is_possible() {
        return eprintln!("not shown here: the kernel does not filter system calls");
    }
    on_every_backend(|case| {
        let (counter, mut filter) = (case.counter(), NothingButExit::new());
        let level = case.set(UpDownCounter::builder()).build();
        let set = case.set(CounterSet::builder(3)).build();
        let add_to_others = || {
            level.inc();
            level.dec();
            set.inc(0);
            set.add_many(&[(1, 1), (2, 1)]);
        };
        (0..2).for_each(|_| {
            counter.inc();
            add_to_others();
        });
        let in_child = in_child(|| {
            filter.install() && {
                let added = add_amounts(&counter, 0, 100_000);
                (0..10_000).for_each(|_| add_to_others());
                counter.sum() == 2 + added
            }
        });
        assert!(in_child, "wrong in the child");
    });
}

#[test]
#[should_panic(expected = "killed by signal")]
fn seeded_a_system_call_is_noticed() {
    let mut filter = NothingButExit::new();
    assert!(NothingButExit::is_possible(), "or else: killed by signal");
    in_child(|| {
        filter.install();
        thread::yield_now();
        true
    });
}
