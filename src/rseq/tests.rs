//! The rare paths of the critical section, forced.
//!
//! Where the process has no restartable sequences (switched off, or under valgrind) there is
//! nothing to abort: those tests say so and end.

#![expect(
    unsafe_code,
    reason = "signals, affinity and the descriptors' section are reached through libc"
)]

use super::{
    Area, abi,
    arch::{SIGNATURE, thread_pointer},
    area,
    inject::{BOUNDARIES, Faults, WITHIN},
    possible_cpus,
};
use crate::{
    Backend, Builder, Counter, CounterSet,
    builder::Settings,
    child::in_child,
    membarrier,
    shards::{Lone, Matrix},
};
use std::{
    ffi::c_int,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const PER_CPU: Builder<Counter> = Counter::builder().backend(Backend::PerCpu);

fn supported() -> bool {
    let area = area();
    if let Err(missing) = area {
        eprintln!("nothing to test: {missing}");
    }
    area.is_ok()
}

/// Sets the CPUs that the thread `tid` may run on; 0 is the calling thread.
fn set_affinity(tid: libc::pid_t, cpus: impl IntoIterator<Item = usize>) {
    // SAFETY: all zeroes is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in cpus {
        // SAFETY: `cpu` comes from a set of the same type, so it is within it.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: `set` is a set of the size given.
    assert_eq!(unsafe { libc::sched_setaffinity(tid, size_of_val(&set), &raw const set) }, 0);
}

/// The CPUs that the calling thread may run on.
fn affinity() -> Vec<usize> {
    // SAFETY: all zeroes is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a set of the size given.
    assert_eq!(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) }, 0);
    (0..8 * size_of_val(&set))
        // SAFETY: `cpu` is within the set.
        .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .collect()
}

fn gettid() -> libc::pid_t {
    // SAFETY: `gettid` has no requirement.
    unsafe { libc::gettid() }
}

static HANDLED: AtomicU64 = AtomicU64::new(0);
/// One for each section: a counter's knows the width of its rows at compile time, a set's does not.
static FROM_HANDLER: Counter = PER_CPU.build();
static SET_FROM_HANDLER: CounterSet = CounterSet::builder(40).backend(Backend::PerCpu).build();
const COLUMN: usize = 37;

fn add_to_both() {
    FROM_HANDLER.inc();
    SET_FROM_HANDLER.inc(COLUMN);
}

extern "C" fn add_in_handler(_: c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    add_to_both();
}

/// Has `add_in_handler` handle `SIGUSR1`.
fn handle_signal() {
    let handler: extern "C" fn(c_int) = add_in_handler;
    // SAFETY: all zeroes is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is valid, and the handler does nothing that a handler must not do.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Sends `SIGUSR1` to the thread `tid` of this process.
fn signal(tid: libc::pid_t) {
    let process = std::process::id();
    // SAFETY: `tgkill` takes any numbers; the signal has a handler.
    unsafe { libc::syscall(libc::SYS_tgkill, process, tid, libc::SIGUSR1) };
}

/// `adders` threads call `add` while `disturb` is called with their ids, `rounds` times.
/// Returns how often they called it.
fn adds_disturbed(
    add: impl Fn() + Sync,
    adders: usize,
    rounds: usize,
    mut disturb: impl FnMut(&[libc::pid_t]),
) -> u64 {
    let stop = AtomicBool::new(false);
    let adds = AtomicU64::new(0);
    let tids = Mutex::new(Vec::new());
    let ready = Barrier::new(adders + 1);
    thread::scope(|scope| {
        for _ in 0..adders {
            scope.spawn(|| {
                tids.lock().unwrap().push(gettid());
                ready.wait();
                let mut tally = 0;
                while !stop.load(Ordering::Relaxed) {
                    (0..64).for_each(|_| add());
                    tally += 64;
                }
                adds.fetch_add(tally, Ordering::Relaxed);
            });
        }
        ready.wait();
        let tids = tids.lock().unwrap().clone();
        for _ in 0..rounds {
            disturb(&tids);
            // Between two rounds the adders are to get somewhere, also where CPUs are scarce.
            thread::sleep(Duration::from_micros(100));
        }
        stop.store(true, Ordering::Relaxed);
    });
    adds.into_inner()
}

/// Calls `attempt` until the fault has happened often enough: a test that saw none proves nothing.
/// On a machine that is busy with other things, faults can be rare.
fn until(fault: &str, mut attempt: impl FnMut() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(180);
    let start = Instant::now();
    while !attempt() {
        assert!(start.elapsed() < PATIENCE, "{fault}: not within {PATIENCE:?}");
    }
}

#[test]
fn the_area_is_the_same_every_time() {
    assert_eq!(area(), area());
    assert!(area().is_err() || area().is_ok_and(|area| area.raw() & crate::shards::TOP == 0));
}

/// The major and minor version of the kernel.
fn kernel() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[test]
fn the_area_is_found_wherever_glibc_has_one_and_tells_the_cpu() {
    // SAFETY: the name is a C string.
    let size = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()) };
    // SAFETY: null, or glibc's variable of this type.
    let size = unsafe { size.cast::<std::ffi::c_uint>().as_ref() };
    assert_eq!(area().is_ok(), size.is_some_and(|&size| size > 0), "{:?}", area());
    let Ok(area) = area() else { return };
    if kernel() >= (6, 3) {
        assert_eq!(area.id(), abi::MM_CID as usize);
    }
    let pinned_to = |cpu| {
        set_affinity(0, [cpu]);
        let cpu_id = thread_pointer().wrapping_add_signed(area.offset()) + abi::CPU_ID as usize;
        // SAFETY: a field of the calling thread's area.
        let told = unsafe { std::ptr::with_exposed_provenance::<u32>(cpu_id).read_volatile() };
        assert_eq!(told as usize, cpu);
    };
    for cpu in affinity() {
        thread::scope(|scope| scope.spawn(move || pinned_to(cpu)).join().unwrap());
    }
}

#[test]
fn as_many_cpus_are_possible_as_are_configured_asked_once_or_again() {
    // SAFETY: no requirement.
    let configured = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
    for _ in 0..2 {
        assert_eq!(possible_cpus(), usize::try_from(configured).unwrap());
    }
}

#[test]
fn an_area_may_be_on_either_side_of_the_thread_pointer() {
    // glibc 2.36 has it above, other versions below.
    for offset in [2_464, -128, i32::MIN, i32::MAX] {
        for id in [abi::CPU_ID, abi::MM_CID] {
            let area = Area::new(offset, id);
            assert_eq!((area.offset(), area.id()), (offset as isize, id as usize));
            assert!(area.raw() & crate::shards::TOP == 0 && area.raw() != 0, "{area:?}");
        }
    }
}

#[test]
fn a_signal_at_every_boundary_of_the_section_loses_and_doubles_nothing() {
    if !supported() {
        return;
    }
    let faults = Faults::alone();
    handle_signal();
    eprintln!("the id is at {}: cpu_id 4, mm_cid 24", area().unwrap().id());
    for boundary in 0..BOUNDARIES {
        until(&format!("a signal, and an abort if within, at boundary {boundary}"), || {
            let [aborts, handled] = signals_at(&faults, boundary);
            eprintln!("boundary {boundary}: {handled} signals, {aborts} aborts");
            handled > 0 && (aborts > 0 || !WITHIN.contains(&boundary))
        });
    }
}

/// Sends signals to adders that mostly are at `boundary`, and checks that nothing is lost. How many
/// sections were aborted, and signals handled.
fn signals_at(faults: &Faults, boundary: usize) -> [u64; 2] {
    let counts = || [faults.aborts, &HANDLED].map(|count| count.load(Ordering::SeqCst));
    let (before, sum) = (counts(), FROM_HANDLER.sum());
    assert_eq!(SET_FROM_HANDLER.sum(COLUMN), sum);
    faults.delays[boundary].store(2_000, Ordering::SeqCst);
    // The handler adds to the very counters whose adds it interrupts.
    let adds = adds_disturbed(add_to_both, 2, 100, |tids| {
        for &tid in tids {
            signal(tid);
        }
    });
    faults.delays[boundary].store(0, Ordering::SeqCst);
    let after = counts();
    let [aborts, handled] = [0, 1].map(|index| after[index] - before[index]);
    assert_eq!(FROM_HANDLER.sum() - sum, adds + handled, "boundary {boundary}");
    assert_eq!(SET_FROM_HANDLER.sum(COLUMN) - sum, adds + handled, "boundary {boundary}");
    [aborts, handled]
}

/// How many adds a counter misses whose adders are moved from CPU to CPU in their sections, while
/// they wait for `delay` turns right before the commit.
fn lost_to_migrations(faults: &Faults, delay: u64) -> u64 {
    let counter = PER_CPU.build();
    let cpus = affinity();
    faults.delays[WITHIN.end - 1].store(delay, Ordering::SeqCst);
    let mut turn = 0;
    let adds = adds_disturbed(
        || counter.inc(),
        4,
        200,
        |tids| {
            turn += 1;
            for (index, &tid) in tids.iter().enumerate() {
                set_affinity(tid, [cpus[(turn + index) % cpus.len()]]);
            }
        },
    );
    adds - counter.sum()
}

#[test]
fn a_thread_moved_within_its_section_loses_nothing() {
    if !supported() {
        return;
    }
    let faults = Faults::alone();
    let before = faults.aborts.load(Ordering::SeqCst);
    until("20 aborts", || {
        // Long, so that most moves strike there.
        assert_eq!(lost_to_migrations(&faults, 2_000), 0);
        // Short, so that a thread on the other CPU is about to commit, too.
        assert_eq!(lost_to_migrations(&faults, 4), 0);
        let aborts = faults.aborts.load(Ordering::SeqCst) - before;
        eprintln!("moved: {aborts} aborts");
        aborts >= 20
    });
}

#[test]
fn the_stress_would_notice_a_section_that_is_not_armed() {
    if !supported() || affinity().len() < 2 {
        return;
    }
    let faults = Faults::alone();
    faults.disarmed.store(1, Ordering::SeqCst);
    until("the seeded bug is noticed", || {
        let lost = lost_to_migrations(&faults, 4);
        eprintln!("not armed: {lost} adds lost");
        lost > 0
    });
}

/// Diverts adds and calls `fence`, again and again, beside an adder that mostly is right before its
/// commit. How many commits came after `fence` nevertheless, and how many sections were aborted.
fn commits_behind(fence: fn(), faults: &Faults) -> [u64; 2] {
    let settings = Settings { backend: Backend::PerCpu, ..Settings::DEFAULT };
    let (matrix, ended) = (Matrix::new(Lone::new(), settings), AtomicU64::new(0));
    let aborts = || faults.aborts.load(Ordering::SeqCst);
    let before = aborts();
    // Longer than the first of two membarriers takes to reach the other CPU.
    faults.delays[WITHIN.end - 1].store(100_000, Ordering::SeqCst);
    let add = || {
        matrix.add(Lone::COLUMN, 1);
        ended.fetch_add(1, Ordering::SeqCst);
    };
    // What was under way is over with the second add from here.
    let two_more_adds = || {
        let two_more = ended.load(Ordering::SeqCst) + 2;
        while ended.load(Ordering::SeqCst) < two_more {
            thread::yield_now();
        }
    };
    let mut late = 0;
    let adds = adds_disturbed(add, 1, 100, |_| {
        // On a busy machine the adder may not have run since the divert before: it is to be in a
        // section again.
        two_more_adds();
        let lock = matrix.lock();
        let _diverted = matrix.divert(&lock);
        fence();
        let shards = matrix.collect(Lone::COLUMN);
        two_more_adds();
        late += matrix.collect(Lone::COLUMN) - shards;
    });
    faults.delays[WITHIN.end - 1].store(0, Ordering::SeqCst);
    assert_eq!(matrix.sum(Lone::COLUMN), adds);
    [late, aborts() - before]
}

#[test]
fn no_section_commits_behind_a_divert_and_a_membarrier() {
    membarrier::register();
    if !supported() || !membarrier::ends_sections() {
        return;
    }
    let faults = Faults::alone();
    until("50 aborts", || {
        let [late, aborts] = commits_behind(membarrier::heavy, &faults);
        assert_eq!(late, 0);
        eprintln!("membarriers: {aborts} aborts");
        aborts >= 50
    });
}

#[test]
fn seeded_sections_commit_behind_a_divert_without_a_membarrier() {
    if !supported() || affinity().len() < 2 {
        return;
    }
    let faults = Faults::alone();
    until("a late commit", || {
        let [late, _] = commits_behind(|| (), &faults);
        eprintln!("no membarriers: {late} commits too late");
        late > 0
    });
}

#[test]
fn ids_beyond_the_shards_spill() {
    if !supported() {
        return;
    }
    // Alone: not beside the test whose sections are not armed.
    let _faults = Faults::alone();
    // Whoever runs with another id than 0 has no shard.
    let counter = PER_CPU.shards(1).build();
    let adds = adds_disturbed(|| counter.inc(), 8, 20, |_| {});
    assert_eq!(counter.sum(), adds);
    assert_eq!(counter.shards(), 1);
}

/// The `rseq` system call that ends the calling thread's registration.
fn unregister() {
    const UNREGISTER: c_int = 1; // RSEQ_FLAG_UNREGISTER in the kernel's rseq.h
    // What glibc registers: 32 up to 2.39 at least, and what the kernel asks for later.
    const LENGTHS: [u32; 4] = [32, 64, 96, 128];
    let area = thread_pointer().wrapping_add_signed(area().unwrap().offset());
    let ends = |length: u32| {
        // SAFETY: ends glibc's registration of this very thread, which glibc never asks after; with
        // another length than that of the registration it does nothing.
        unsafe { libc::syscall(libc::SYS_rseq, area, length, UNREGISTER, SIGNATURE) == 0 }
    };
    assert!(LENGTHS.into_iter().any(ends), "{}", std::io::Error::last_os_error());
}

#[test]
fn a_thread_that_loses_its_registration_spills() {
    if !supported() {
        return;
    }
    in_child(module_path!(), "a_thread_that_loses_its_registration_spills", || {
        const ADDS: u64 = 2_000_000;
        let counter = PER_CPU.build();
        let go = Barrier::new(4);
        thread::scope(|scope| {
            for registered in [true, true, false, false] {
                let (counter, go) = (&counter, &go);
                scope.spawn(move || {
                    counter.add(ADDS / 2);
                    if !registered {
                        unregister();
                    }
                    go.wait();
                    (0..ADDS).for_each(|_| counter.inc());
                });
            }
        });
        assert_eq!(counter.sum(), 4 * (ADDS + ADDS / 2));
    });
}

#[test]
fn one_cpu_for_all_threads() {
    if !supported() {
        return;
    }
    in_child(module_path!(), "one_cpu_for_all_threads", || {
        set_affinity(0, affinity().into_iter().take(1));
        let counter = PER_CPU.build();
        let adds = adds_disturbed(|| counter.inc(), 8, 20, |_| {});
        assert_eq!(counter.sum(), adds);
    });
}

#[test]
fn fifty_threads_a_cpu() {
    let _faults = Faults::alone();
    let counter = PER_CPU.build();
    let adds = adds_disturbed(|| counter.inc(), 50 * num_cpus::get(), 5, |_| {});
    assert_eq!(counter.sum(), adds);
}

#[test]
fn every_descriptor_is_what_the_kernel_wants() {
    /// `struct rseq_cs` in the kernel's rseq.h.
    #[repr(C, align(32))]
    struct Descriptor {
        version: u32,
        flags: u32,
        start: usize,
        length: usize,
        abort: usize,
    }
    unsafe extern "C" {
        #[link_name = "__start___rseq_cs"]
        static FIRST: Descriptor;
        #[link_name = "__stop___rseq_cs"]
        static END: Descriptor;
    }
    let (first, end) = (&raw const FIRST, &raw const END);
    let count = (end.addr() - first.addr()) / size_of::<Descriptor>();
    assert!(count > 0);
    for index in 0..count {
        let descriptor = first.wrapping_add(index);
        // SAFETY: the linker puts all descriptors between the two symbols.
        let descriptor = unsafe { &*descriptor };
        assert_eq!((descriptor.version, descriptor.flags), (0, 0));
        assert!((1..512).contains(&descriptor.length));
        let section = descriptor.start..descriptor.start + descriptor.length;
        assert!(!section.contains(&descriptor.abort), "the handler is outside of the section");
        let signature = std::ptr::with_exposed_provenance::<u32>(descriptor.abort - 4);
        // SAFETY: the signature stands right before the handler, in readable text.
        assert_eq!(unsafe { signature.read_unaligned() }, SIGNATURE);
    }
}
