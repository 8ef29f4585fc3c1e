//! The two fences work as a pair, whatever the kernel makes of membarrier(2). A registration cannot
//! be undone, nor can a filter for system calls, so each test has its own process.

#![expect(unsafe_code, reason = "the filter is installed through libc")]

use super::{
    ends_sections, heavy, light,
    linux::{
        COMMANDS, PRIVATE_EXPEDITED, PRIVATE_EXPEDITED_RSEQ, REGISTERED, is_registered, membarrier,
    },
    register,
};
use crate::testing::in_child;
use crossbeam_utils::{Backoff, CachePadded};
use std::{
    ffi::c_int,
    hint, panic,
    sync::atomic::{AtomicU64, Ordering, fence},
    thread,
    time::{Duration, Instant},
};

/// Returns the commands that the kernel knows, one bit each.
fn offered() -> c_int {
    // SAFETY: membarrier(2) accepts any numbers, and touches no memory of the process.
    let answer = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_QUERY, 0, 0) };
    answer.max(0).try_into().unwrap()
}

/// Makes the kernel refuse to this process all commands that have a bit of `bits`. Returns false if
/// it cannot.
fn refuse(bits: u32) -> bool {
    let step = |code, [jt, jf]: [u8; 2], k| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k,
    };
    // In `seccomp_data` the number of the call comes first, and the first argument at 16.
    let argument = 16 + if cfg!(target_endian = "big") { 4 } else { 0 };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, [0, 0], 0),
        step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            [0, 3],
            libc::SYS_membarrier.try_into().unwrap(),
        ),
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, [0, 0], argument),
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, [0, 1], bits),
        step(
            libc::BPF_RET | libc::BPF_K,
            [0, 0],
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(),
        ),
        step(libc::BPF_RET | libc::BPF_K, [0, 0], libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 6, filter: steps.as_mut_ptr() };
    // SAFETY: no memory is involved.
    let allowed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } == 0;
    let (set, mode) = (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER);
    // SAFETY: `program` is valid for the read, and so are the six steps that it points to.
    let done = allowed && unsafe { libc::prctl(set, mode, &raw const program) } == 0;
    if !done {
        eprintln!("not shown here: the kernel does not filter system calls");
    }
    done
}

/// Runs two threads, of which each stores and then loads what the other one stores, over and over,
/// one with `light` in between and one with `heavy`. Returns how often neither saw the other's
/// store.
fn neither_saw_the_other(light: fn(), heavy: fn(), rounds: u64) -> usize {
    let [x, y, done] = &[0; 3].map(|zero| CachePadded::new(AtomicU64::new(zero)));
    // The threads start at once or with a lead of either, since a thread that waits comes late.
    let wait_for = |ended| {
        let backoff = Backoff::new();
        while done.load(Ordering::Acquire) < ended {
            backoff.snooze();
        }
    };
    let go = |mine: &AtomicU64, fence: fn(), theirs: &AtomicU64, pauses: u64| -> Vec<u64> {
        (1..=rounds)
            .map(|round| {
                wait_for(2 * (round - 1));
                (0..round % pauses).for_each(|_| hint::spin_loop());
                mine.store(round, Ordering::Relaxed);
                fence();
                let seen = theirs.load(Ordering::Relaxed);
                done.fetch_add(1, Ordering::AcqRel);
                seen
            })
            .collect()
    };
    let (lights, heavies) = thread::scope(|scope| {
        let frequent = scope.spawn(|| go(x, light, y, 61));
        (go(y, heavy, x, 67), frequent.join().unwrap())
    });
    (1..)
        .zip(lights.iter().zip(&heavies))
        .filter(|&(round, (&a, &b))| a < round && b < round)
        .count()
}

#[test]
fn a_process_is_registered_for_what_its_kernel_offers_and_for_nothing_before() {
    const NAME: &str = "a_process_is_registered_for_what_its_kernel_offers_and_for_nothing_before";
    in_child(module_path!(), NAME, || {
        assert!(COMMANDS.iter().all(|&command| !is_registered(command) && !membarrier(command)));
        assert!(!ends_sections());
        (0..2).for_each(|_| register());
        for command in COMMANDS {
            let is_offered = offered() & command != 0;
            assert_eq!([is_registered(command), membarrier(command)], [is_offered; 2], "{command}");
        }
        assert_eq!(ends_sections(), offered() & PRIVATE_EXPEDITED_RSEQ != 0);
    });
}

#[test]
fn at_least_one_of_two_sees_the_others_store() {
    in_child(module_path!(), "at_least_one_of_two_sees_the_others_store", || {
        assert_eq!(neither_saw_the_other(light, heavy, 20_000), 0);
    });
}

#[test]
fn at_least_one_of_two_sees_the_others_store_where_the_kernel_refuses() {
    const NAME: &str = "at_least_one_of_two_sees_the_others_store_where_the_kernel_refuses";
    in_child(module_path!(), NAME, || {
        if refuse(u32::MAX) {
            register();
            assert!(!COMMANDS.into_iter().any(is_registered) && !ends_sections());
            assert_eq!(neither_saw_the_other(light, heavy, 20_000), 0);
            // The same without system calls, which give the other thread time.
            assert_eq!(neither_saw_the_other(light, || fence(Ordering::SeqCst), 100_000), 0);
        }
    });
}

/// Calls `neither_saw_the_other` until it happens.
fn noticed(light: fn(), heavy: fn()) {
    const PATIENCE: Duration = Duration::from_secs(180);
    let start = Instant::now();
    while neither_saw_the_other(light, heavy, 20_000) == 0 {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}");
    }
}

/// Returns whether two threads ever run at once, and prints a message if not.
fn two_threads_run_at_once() -> bool {
    let at_once = thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1);
    if !at_once {
        eprintln!("not shown here: two threads never run at once");
    }
    at_once
}

#[test]
fn seeded_a_pair_without_the_heavy_fence_is_noticed() {
    in_child(module_path!(), "seeded_a_pair_without_the_heavy_fence_is_noticed", || {
        register();
        if two_threads_run_at_once() {
            noticed(light, || ());
        }
    });
}

#[test]
fn seeded_a_pair_without_the_light_fence_is_noticed_where_the_kernel_refuses() {
    const NAME: &str = "seeded_a_pair_without_the_light_fence_is_noticed_where_the_kernel_refuses";
    in_child(module_path!(), NAME, || {
        if refuse(u32::MAX) && two_threads_run_at_once() {
            noticed(|| (), || fence(Ordering::SeqCst));
        }
    });
}

#[test]
fn a_registration_that_was_lost_is_renewed() {
    in_child(module_path!(), "a_registration_that_was_lost_is_renewed", || {
        let commands = || COMMANDS.into_iter().filter(|&command| offered() & command != 0);
        REGISTERED.store(commands().fold(0, |bits, command| bits | command), Ordering::Relaxed);
        assert!(!commands().any(membarrier), "the kernel knows of no registration");
        heavy();
        assert!(commands().all(membarrier));
    });
}

#[test]
fn a_kernel_that_withdraws_what_it_agreed_to_is_not_relied_on() {
    in_child(module_path!(), "a_kernel_that_withdraws_what_it_agreed_to_is_not_relied_on", || {
        register();
        if is_registered(PRIVATE_EXPEDITED) && refuse(PRIVATE_EXPEDITED.cast_unsigned()) {
            let text = *panic::catch_unwind(heavy).unwrap_err().downcast::<String>().unwrap();
            assert_eq!(text, "membarrier: the kernel withdrew command 8");
        }
    });
}
