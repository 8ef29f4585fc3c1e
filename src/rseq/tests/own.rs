//! An area of our own: where it is, that it is not registered for longer than its thread lives, and
//! what happens if the kernel refuses it.
//!
//! Most of it is for C libraries that register none; `--cfg striped_counter_old_glibc` with
//! `GLIBC_TUNABLES=glibc.pthread.rseq=0` turns any glibc into one.

use super::{
    super::{
        arch::thread_pointer, elf::Segments, glibc::Symbols, kernel_may_not_abort, leave, own,
    },
    PER_CPU, area, per_cpu,
};
use crate::{Backend, Counter, matrix::One, testing::in_child};
use std::{
    ffi::c_void,
    fs, ptr,
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

/// Returns whether there could be areas of our own, without registering one.
fn possible() -> bool {
    Symbols::found().is_none()
        && own::rseq(ptr::null(), 0, 0) == Err(libc::EINVAL)
        && !kernel_may_not_abort()
}

/// Returns whether areas of our own are in use.
fn supported() -> bool {
    let supported = Symbols::found().is_none() && area().is_ok();
    if !supported {
        eprintln!("no area of our own: the C library has one, or {:?}", area());
    }
    supported
}

#[test]
fn the_thread_locals_of_the_executable_are_told_from_all_other_memory() {
    static STATIC: u8 = 0;
    let executable = Segments::of_executable();
    let are_locals = |address: usize, bytes| {
        executable.have_locals(address.wrapping_sub(thread_pointer()), bytes)
    };
    let own = own::address();
    assert!(are_locals(own, own::SIZE));
    // Ranges that extend beyond all thread-locals, before and after the area.
    assert!(!are_locals(own, 1 << 20) && !are_locals(own - (1 << 20), 1 << 20));
    let (on_stack, on_heap) = (0, Box::new(0));
    for other in [&raw const on_stack, &raw const *on_heap, &raw const STATIC] {
        assert!(!are_locals(other.addr(), 1));
    }
    // A thread-local of another module, if there is one.
    if cfg!(not(target_feature = "crt-static")) {
        // SAFETY: it has no requirements.
        let errno = unsafe { libc::__errno_location() };
        assert!(!are_locals(errno.addr(), 4));
    }
}

#[test]
fn a_thread_that_has_left_adds_exactly_and_is_never_registered_again() {
    if !supported() {
        return;
    }
    let matrix = per_cpu(None);
    matrix.add(One::COLUMN, 1);
    let on_this_thread = || {
        assert!(!own::is_registered());
        matrix.add(One::COLUMN, 1);
        assert!(own::is_registered());
        leave();
        (0..1_000).for_each(|_| matrix.add(One::COLUMN, 1));
        assert!(!own::is_registered());
    };
    thread::scope(|scope| scope.spawn(on_this_thread).join().unwrap());
    assert_eq!(matrix.sum(One::COLUMN), 1_002);
    assert!(matrix.spilled(One::COLUMN) >= 1_001);
}

/// A thread that adds in destructors of a POSIX key, which it sets again until the C library stops
/// calling them.
struct LastWords {
    /// The round of destructors in which it adds first.
    from: usize,
    round: usize,
}

static LAST_WORDS: Counter = PER_CPU.build();
/// How often a thread was registered after it had added in a destructor.
static REGISTERED: AtomicUsize = AtomicUsize::new(0);
/// The number of threads that have reached the last round.
static ENDED: AtomicU64 = AtomicU64::new(0);

impl LastWords {
    /// `PTHREAD_DESTRUCTOR_ITERATIONS` of glibc and musl.
    const ROUNDS: usize = 4;

    fn leave(self) {
        static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();
        let key = KEY.get_or_init(|| {
            let mut key = 0;
            // SAFETY: `key` is valid for the write, and `say` fits what is stored below.
            assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(Self::say)) }, 0);
            key
        });
        let words = Box::into_raw(Box::new(self)).cast();
        // SAFETY: the key is never deleted, and its destructor expects such a pointer.
        assert_eq!(unsafe { libc::pthread_setspecific(*key, words) }, 0);
    }

    extern "C" fn say(words: *mut c_void) {
        // SAFETY: only `leave` stores under the key, and POSIX clears the value before this call.
        let mut words = *unsafe { Box::from_raw(words.cast::<Self>()) };
        words.round += 1;
        if words.round >= words.from {
            // The second add uses what the first has prepared.
            (0..2).for_each(|_| LAST_WORDS.inc());
            REGISTERED.fetch_add(own::is_registered().into(), Ordering::SeqCst);
        }
        if words.round == Self::ROUNDS {
            ENDED.fetch_add(1, Ordering::SeqCst);
        } else {
            words.leave();
        }
    }
}

/// musl unmaps a detached thread's memory while the thread is still running: if its area is still
/// registered, the kernel kills the process at the next interrupt.
#[test]
fn no_thread_registers_its_area_when_it_is_already_ending() {
    const THREADS: u64 = 2_000;
    if !supported() {
        return;
    }
    in_child(module_path!(), "no_thread_registers_its_area_when_it_is_already_ending", || {
        LAST_WORDS.inc();
        let mut adds = 1;
        for from in (1..=LastWords::ROUNDS).cycle().take(usize::try_from(THREADS).unwrap()) {
            // Detached.
            drop(thread::spawn(move || LastWords { from, round: 0 }.leave()));
            adds += 2 * (LastWords::ROUNDS - from + 1) as u64;
        }
        while ENDED.load(Ordering::SeqCst) < THREADS {
            thread::yield_now();
        }
        assert_eq!(LAST_WORDS.sum(), adds);
        if cfg!(target_env = "musl") {
            assert_eq!(REGISTERED.load(Ordering::SeqCst), 0);
        }
    });
}

/// The same for a thread that has added before, and whose end is being watched.
#[test]
fn destructors_that_run_after_ours_add_exactly_and_unregistered() {
    const THREADS: u64 = 400;
    if !supported() {
        return;
    }
    in_child(
        module_path!(),
        "destructors_that_run_after_ours_add_exactly_and_unregistered",
        || {
            LAST_WORDS.inc();
            for _ in 0..THREADS {
                let first = || {
                    LAST_WORDS.inc();
                    assert!(own::is_registered());
                    // In round 1 the destructor may run before ours.
                    LastWords { from: 2, round: 0 }.leave();
                };
                thread::spawn(first).join().unwrap();
            }
            assert_eq!(ENDED.load(Ordering::SeqCst), THREADS);
            assert_eq!(LAST_WORDS.sum(), 1 + THREADS * 7);
            assert_eq!(REGISTERED.load(Ordering::SeqCst), 0);
        },
    );
}

/// Returns the resident memory of this process, in bytes.
fn resident() -> usize {
    let sizes = fs::read_to_string("/proc/self/statm").unwrap();
    sizes.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[test]
fn a_hundred_thousand_threads_leave_nothing_behind() {
    const THREADS: u64 = 100_000;
    if !supported() {
        return;
    }
    in_child(module_path!(), "a_hundred_thousand_threads_leave_nothing_behind", || {
        static COUNTER: Counter = PER_CPU.build();
        let some = |threads, sum| {
            for thread in 0..threads {
                let add = move || (0..10).for_each(|_| COUNTER.inc());
                // Every other one is detached, so that it unmaps its memory itself.
                match thread::spawn(add) {
                    joined if thread % 2 == 0 => joined.join().unwrap(),
                    _detached => {}
                }
            }
            // Wait for the last detached threads.
            while COUNTER.sum() < sum {
                thread::yield_now();
            }
        };
        some(THREADS / 10, THREADS);
        let before = resident();
        some(THREADS / 10 * 9, THREADS * 10);
        assert!(resident() < before + (4 << 20), "{before} bytes grew to {}", resident());
        assert_eq!(COUNTER.sum(), THREADS * 10);
    });
}

/// Registers memory that is never freed as the calling thread's area, as another library might.
fn register_elsewhere() {
    let foreign = Box::leak(Box::new(own::Own::new()));
    assert_eq!(own::rseq(foreign, own::SIZE, 0), Ok(()));
}

#[test]
fn a_thread_whose_area_another_library_has_registered_spills() {
    if !supported() {
        return;
    }
    let matrix = per_cpu(None);
    matrix.add(One::COLUMN, 1);
    let before = matrix.spilled(One::COLUMN);
    thread::scope(|scope| {
        let add = || {
            register_elsewhere();
            (0..1_000).for_each(|_| matrix.add(One::COLUMN, 1));
            assert!(!own::is_registered());
        };
        scope.spawn(add).join().unwrap();
    });
    assert_eq!(matrix.sum(One::COLUMN), 1_001);
    assert_eq!(matrix.spilled(One::COLUMN) - before, 1_000);
}

/// Asserts that `PerCpu` by name is refused for the reason `why`, and that `Auto` counts without
/// it.
fn assert_fallback(why: &str) {
    let refusal = PER_CPU.try_build().expect_err("PerCpu was built").to_string();
    assert!(refusal.contains(why), "{refusal}");
    for counter in [Counter::builder().build(), PER_CPU.build()] {
        assert_eq!(counter.backend(), Backend::Striped);
        let counter = &counter;
        thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(|| (0..1_000).for_each(|_| counter.inc()))));
        });
        assert_eq!(counter.sum(), 4_000);
    }
}

#[test]
fn where_another_library_was_first_all_threads_fall_back() {
    if !possible() {
        return;
    }
    in_child(module_path!(), "where_another_library_was_first_all_threads_fall_back", || {
        register_elsewhere();
        assert_fallback("another library has registered");
    });
}

#[test]
fn where_a_filter_refuses_the_system_call_all_threads_fall_back() {
    if !possible() {
        return;
    }
    in_child(
        module_path!(),
        "where_a_filter_refuses_the_system_call_all_threads_fall_back",
        || {
            if refuse_rseq() {
                assert_fallback("a filter of system calls refuses");
            } else {
                eprintln!("not shown here: the kernel does not filter system calls");
            }
        },
    );
}

/// Makes rseq(2) fail with `EPERM` from here on. Returns false if the kernel has no filters.
fn refuse_rseq() -> bool {
    let step = |code: u32, jf, k: u32| {
        let code = u16::try_from(code).unwrap();
        libc::sock_filter { code, jt: 0, jf, k }
    };
    let mut steps = [
        // The number of the call is the first field of `seccomp_data`.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            1,
            u32::try_from(libc::SYS_rseq).unwrap(),
        ),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EPERM).unwrap(),
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: no memory is involved.
    let allowed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } == 0;
    let (set, mode) = (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER);
    // SAFETY: `program` is valid for the read, and so are the four steps that it points to.
    allowed && unsafe { libc::prctl(set, mode, &raw const program) } == 0
}
