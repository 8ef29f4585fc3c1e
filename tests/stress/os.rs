//! What faults are made with: the scheduler, signals, forks and restartable sequences, through libc.

#![expect(unsafe_code, reason = "the system is reached through libc")]

use std::{
    ffi::{CStr, c_int, c_long},
    fs, io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::{LazyLock, OnceLock},
};

pub(crate) fn gettid() -> libc::pid_t {
    // SAFETY: `gettid` has no requirement.
    unsafe { libc::gettid() }
}

/// Returns the CPUs that this process may use: to be called before any thread is pinned.
pub(crate) fn cpus() -> &'static [usize] {
    static CPUS: LazyLock<Vec<usize>> = LazyLock::new(|| {
        let mut set = no_cpus();
        // SAFETY: `set` is a set of the size given.
        unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
        // SAFETY: `cpu` is within the set.
        (0..8 * size_of_val(&set)).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
    });
    &CPUS
}

fn no_cpus() -> libc::cpu_set_t {
    // SAFETY: all zeroes is an empty set.
    unsafe { mem::zeroed() }
}

/// Pins the thread `tid`, or the calling thread if that is 0, to one of the CPUs. Returns whether that moved
/// it: false, too, if there is no such thread.
pub(crate) fn pin(tid: libc::pid_t, turn: u64) -> bool {
    let cpus = cpus();
    let mut set = no_cpus();
    let cpu = cpus[usize::try_from(turn).unwrap_or(0) % cpus.len()];
    let moves = cpu_of(tid).is_some_and(|now| now != cpu);
    // SAFETY: `cpu` was found in such a set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: `set` is a set of the size given.
    let bound = unsafe { libc::sched_setaffinity(tid, size_of_val(&set), &raw const set) == 0 };
    bound && moves
}

/// Returns the CPU that the thread `tid`, or the calling thread if that is 0, runs on or ran on last.
fn cpu_of(tid: libc::pid_t) -> Option<usize> {
    if tid == 0 {
        // SAFETY: `sched_getcpu` has no requirement.
        return usize::try_from(unsafe { libc::sched_getcpu() }).ok();
    }
    // The 39th field, see proc(5): the 37th after the name, which may contain anything.
    let stat = fs::read_to_string(format!("/proc/self/task/{tid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(36)?.parse().ok()
}

/// Returns how often threads of this process were preempted.
pub(crate) fn preemptions() -> u64 {
    // SAFETY: all zeroes is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: `usage` is valid for the write.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    u64::try_from(usage.ru_nivcsw).unwrap_or(0)
}

/// Sets whether the calling thread receives the storm's signals.
pub(crate) fn take_signals(take: bool) {
    // SAFETY: all zeroes is a set for `sigemptyset` to initialize.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: `set` is valid for the write.
    unsafe { libc::sigemptyset(&raw mut set) };
    // SAFETY: `set` is initialized, and the number is a signal's.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGUSR1) };
    let how = if take { libc::SIG_UNBLOCK } else { libc::SIG_BLOCK };
    // SAFETY: `set` is initialized, and the previous mask is not requested.
    unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
}

/// A signal every 100 microseconds until it is dropped, to any thread that does not block it.
pub(crate) struct Storm(libc::timer_t);

// SAFETY: a timer belongs to the process.
unsafe impl Send for Storm {}

impl Storm {
    pub(crate) fn new(handler: extern "C" fn(c_int)) -> Self {
        // SAFETY: all zeroes is a valid `sigaction`.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `action` is valid, and the handler does only what a handler may do.
        unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
        // SAFETY: a struct of integers and a union of them.
        let mut event: libc::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGUSR1;
        let mut timer = ptr::null_mut();
        // SAFETY: `event` is valid for the read and `timer` for the write.
        let made =
            unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
        assert_eq!(made, 0, "timer_create: {}", io::Error::last_os_error());
        let every = libc::timespec { tv_sec: 0, tv_nsec: 100_000 };
        let both = libc::itimerspec { it_interval: every, it_value: every };
        // SAFETY: `timer` was made above; `both` is valid for the read.
        unsafe { libc::timer_settime(timer, 0, &raw const both, ptr::null_mut()) };
        Self(timer)
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // SAFETY: the timer was made by `new`, and is deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Runs `body` in a child, whose only thread is a copy of this one. Returns an error unless it returns true.
/// `body` must not print: locks of other threads may be held there for good.
pub(crate) fn in_child(body: impl FnOnce() -> bool) -> Result<(), String> {
    // SAFETY: the child runs `body`, and then ends without returning.
    let child = unsafe { libc::fork() };
    match child {
        -1 => return Err(format!("fork: {}", io::Error::last_os_error())),
        0 => leave_child(body),
        _ => {}
    }
    let mut status = 0;
    // SAFETY: `status` is valid for the write.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    match (waited == child, status) {
        (true, 0) => Ok(()),
        _ => Err(format!("child {child}: waitpid says {waited}, status {status:#x}")),
    }
}

fn leave_child(body: impl FnOnce() -> bool) -> ! {
    // SAFETY: no requirement. A child that hangs is killed, which its parent sees.
    unsafe { libc::alarm(60) };
    let succeeded = catch_unwind(AssertUnwindSafe(body)).unwrap_or(false);
    // SAFETY: ends the process without destructors or exit handlers.
    unsafe { libc::_exit(c_int::from(!succeeded)) }
}

/// The calling thread's rseq area, as registered by glibc. (The crate's own area cannot be found from
/// outside.)
pub(crate) struct RseqArea(usize);

impl RseqArea {
    /// Returns `None` if glibc has registered nothing, or on an unknown architecture.
    pub(crate) fn of_this_thread() -> Option<Self> {
        let size = symbol::<u32>(c"__rseq_size")?;
        let offset = symbol::<isize>(c"__rseq_offset")?;
        let pointer = arch::thread_pointer();
        (size > 0 && pointer > 0).then_some(Self(pointer.wrapping_add_signed(offset)))
    }

    /// Returns the thread's CPU according to the kernel, negative without a registration.
    pub(crate) fn cpu_id(&self) -> i32 {
        self.field(4)
    }

    /// Returns the id that `PerCpu` uses: `mm_cid` where the kernel has that, otherwise `cpu_id`.
    pub(crate) fn id(&self) -> i32 {
        // SAFETY: `getauxval` has no requirement, and returns 0 for unknown types.
        let size = unsafe { libc::getauxval(27) }; // AT_RSEQ_FEATURE_SIZE
        if size >= 28 { self.field(24) } else { self.cpu_id() }
    }

    fn field(&self, offset: usize) -> i32 {
        let field = ptr::with_exposed_provenance::<i32>(self.0 + offset);
        // SAFETY: the kernel keeps an aligned field there, in memory of this thread.
        unsafe { field.read_volatile() }
    }

    /// Ends the registration, or registers again. Returns false if the kernel refuses.
    pub(crate) fn register(&self, register: bool) -> bool {
        static LENGTH: OnceLock<u32> = OnceLock::new();
        let call = |length: u32| self.call(length, c_int::from(!register)) == 0;
        match LENGTH.get() {
            Some(&length) => call(length),
            None => lengths().into_iter().any(|length| call(length) && LENGTH.set(length).is_ok()),
        }
    }

    fn call(&self, length: u32, flags: c_int) -> c_long {
        // SAFETY: the area is glibc's for this thread, and glibc never checks it; the kernel refuses a length
        // that differs from the registered one.
        unsafe { libc::syscall(libc::SYS_rseq, self.0, length, flags, arch::SIGNATURE) }
    }
}

/// Returns the lengths that glibc may have registered. From 2.40 on that is `__rseq_size`, but at least 32:
/// for example 33 with Linux 7.3. Before, it is 32.
fn lengths() -> [u32; 6] {
    let size = symbol::<u32>(c"__rseq_size").unwrap_or(0);
    [size.max(32), size.next_multiple_of(32), 32, 64, 96, 128]
}

/// Returns the value of one of glibc's variables, if this process has it.
fn symbol<T: Copy>(name: &CStr) -> Option<T> {
    // SAFETY: `name` is a C string; `dlsym` has no other requirement.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: glibc documents each name as a variable of that type.
    unsafe { found.cast::<T>().as_ref() }.copied()
}

#[cfg(target_arch = "x86_64")]
mod arch {
    pub(super) const SIGNATURE: u32 = 0x5305_3053;

    pub(super) fn thread_pointer() -> usize {
        let pointer: usize;
        // SAFETY: reads the thread control block's pointer to itself.
        unsafe { std::arch::asm!("mov {}, fs:[0]", out(reg) pointer, options(nostack, readonly)) };
        pointer
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    pub(super) const SIGNATURE: u32 = 0xd428_bc00;

    pub(super) fn thread_pointer() -> usize {
        let pointer: usize;
        // SAFETY: reads a register.
        unsafe {
            std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem));
        }
        pointer
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod arch {
    pub(super) const SIGNATURE: u32 = 0;

    /// Not known here.
    pub(super) fn thread_pointer() -> usize {
        0
    }
}
