//! Adds under fire: threads that hop between CPUs, and a storm of signals whose handler adds too.
//!
//! ```text
//! cargo run --release --example stress -- [BACKEND] [THREADS] [ADDS]
//! GLIBC_TUNABLES=glibc.pthread.rseq=0 cargo run --release --example stress -- Auto 64 500000000
//! ```
//!
//! Checks the sum against the threads' and the handler's own tallies, and exits with 1 if it is not
//! exact, or if one of the faults never happened. Linux only. Without a test harness, for tools
//! that dislike one.

#![expect(unsafe_code, reason = "signals, timers and affinity are reached through libc")]

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("stress: needs Linux");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        env,
        ffi::c_int,
        io::{IsTerminal, Write},
        process::ExitCode,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
        thread,
        time::Instant,
    };
    use striped_counter::{Backend, Counter};

    /// How many adds a thread makes before it asks for another CPU.
    const HOP: u64 = 64 * 1024;

    static COUNTER: OnceLock<Counter> = OnceLock::new();
    static HANDLED: AtomicU64 = AtomicU64::new(0);
    static HOPS: AtomicU64 = AtomicU64::new(0);
    static DONE: AtomicU64 = AtomicU64::new(0);

    pub(super) fn main() -> ExitCode {
        match arguments() {
            Ok((backend, threads, adds)) => run(backend, threads, adds),
            Err(error) => {
                eprintln!("stress: {error}\nusage: stress [BACKEND] [THREADS] [ADDS]");
                ExitCode::from(2)
            }
        }
    }

    fn arguments() -> Result<(Backend, u64, u64), String> {
        let mut given = env::args().skip(1);
        let backend = given.next().map_or(Ok(Backend::Auto), |name| {
            name.parse().map_err(|error: striped_counter::ParseBackendError| error.to_string())
        })?;
        let mut number = |name: &str, default: u64, most: u64| match given.next() {
            None => Ok(default),
            Some(text) => text
                .parse()
                .ok()
                .filter(|number| (1..=most).contains(number))
                .ok_or(format!("{name}: {text:?} is no number from 1 to {most}")),
        };
        let threads = number("THREADS", 8, 10_000)?;
        let adds = number("ADDS", 20_000_000, u64::MAX / 2)?;
        match given.next() {
            Some(more) => Err(format!("{more:?} is one argument too many")),
            None => Ok((backend, threads, adds)),
        }
    }

    fn run(backend: Backend, threads: u64, adds: u64) -> ExitCode {
        let counter = COUNTER.get_or_init(|| Counter::builder().backend(backend).build());
        counter.add(0); // Touched: from here on a handler may add.
        let per_thread_handler = counter.backend() == Backend::PerThread;
        if !per_thread_handler {
            storm();
        }
        let begun = Instant::now();
        let each = adds / threads;
        thread::scope(|scope| {
            let adders: Vec<_> =
                (0..threads).map(|seed| scope.spawn(move || add(counter, each, seed))).collect();
            shelter();
            report_progress(each * threads, || {
                adders.iter().all(thread::ScopedJoinHandle::is_finished)
            });
        });
        calm();

        let (handled, hops) = (HANDLED.load(Ordering::SeqCst), HOPS.load(Ordering::SeqCst));
        let (expected, sum) = (each * threads + handled, counter.sum());
        println!(
            "{}: {threads} threads, {} adds, {handled} signals, {hops} hops, {:.1} s",
            counter.backend(),
            each * threads,
            begun.elapsed().as_secs_f64(),
        );
        println!(
            "expected {expected}, sum {sum}: {}",
            if sum == expected { "exact" } else { "WRONG" }
        );
        let happened = hops > 0 && (handled > 0 || per_thread_handler);
        if !happened {
            println!("a fault never happened: this proves nothing; give it more adds");
        }
        ExitCode::from(u8::from(sum != expected || !happened))
    }

    fn add(counter: &Counter, adds: u64, seed: u64) {
        let cpus = affinity();
        let mut turn = seed;
        let mut left = adds;
        while left > 0 {
            hop(&cpus, turn);
            turn += 1;
            let some = left.min(HOP);
            for _ in 0..some {
                counter.inc();
            }
            DONE.fetch_add(some, Ordering::Relaxed);
            left -= some;
        }
    }

    /// Shows how far the adds are, on a terminal, until `finished`.
    fn report_progress(adds: u64, finished: impl Fn() -> bool) {
        let mut terminal = std::io::stderr();
        while !finished() {
            if terminal.is_terminal() {
                let percent = DONE.load(Ordering::Relaxed) * 100 / adds.max(1);
                // A progress display that cannot be written is no reason to stop.
                let _ = write!(terminal, "\r{percent} %");
            }
            thread::sleep(std::time::Duration::from_millis(100));
        }
        if terminal.is_terminal() {
            let _ = writeln!(terminal);
        }
    }

    /// The CPUs that the calling thread may use: all of its process's, before it has hopped.
    fn affinity() -> Vec<usize> {
        // SAFETY: all zeroes is an empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is a set of the size given.
        unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
        // SAFETY: `cpu` is within the set.
        (0..8 * size_of_val(&set)).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
    }

    /// Moves the calling thread to one of `cpus`.
    fn hop(cpus: &[usize], turn: u64) {
        let Some(&cpu) = usize::try_from(turn).ok().and_then(|turn| cpus.get(turn % cpus.len()))
        else {
            return;
        };
        // SAFETY: all zeroes is an empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `cpu` was found in such a set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
        // SAFETY: `set` is a set of the size given.
        if unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) } == 0 {
            HOPS.fetch_add(1, Ordering::Relaxed);
        }
    }

    extern "C" fn on_alarm(_: c_int) {
        HANDLED.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) = COUNTER.get() {
            counter.inc();
        }
    }

    /// A signal every 100 microseconds, to whichever adder the kernel likes.
    fn storm() {
        let handler: extern "C" fn(c_int) = on_alarm;
        // SAFETY: all zeroes is a valid `sigaction`.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `action` is valid, and the handler does only what a handler may do.
        unsafe { libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()) };
        timer(100);
    }

    /// Has the calling thread, which adds nothing, take none of the signals.
    fn shelter() {
        // SAFETY: all zeroes is a set for `sigemptyset` to initialize.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is valid for the write.
        unsafe { libc::sigemptyset(&raw mut set) };
        // SAFETY: `set` is initialized, and SIGALRM is a signal.
        unsafe { libc::sigaddset(&raw mut set, libc::SIGALRM) };
        // SAFETY: `set` is initialized, and the previous mask is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    }

    fn calm() {
        timer(0);
    }

    fn timer(microseconds: libc::suseconds_t) {
        let every = libc::timeval { tv_sec: 0, tv_usec: microseconds };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        // SAFETY: `timer` is valid, and the previous timer is not asked for.
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    }
}
