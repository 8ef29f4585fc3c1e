//! Memory: the bytes requested from the allocator, and the growth of resident memory.
//!
//! The allocator is the system's, and counts per thread, so that counting is one plain addition per
//! allocation, and other threads' allocations are not included.
//!
//! Memory that a library maps directly is invisible to an allocator; `striped_counter` does that on
//! Linux. So [`growth`] also measures resident memory. For that it needs its own process, a
//! [`fresh`] one: memory that was used before and freed is still resident, so using it again would
//! look like no growth.

#![expect(unsafe_code, reason = "an allocator is unsafe to implement")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env, fs,
    hint::black_box,
    io,
    process::{self, Command, Stdio},
    sync::{
        Barrier, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, Builder},
};

thread_local! {
    /// The bytes allocated by this thread, less those freed by it, modulo 2^64. Without a
    /// destructor or initialisation, so that it can be used at any time.
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Returns what `make` makes, and how many bytes the calling thread allocated for it and did not
/// free.
pub fn allocated<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = BYTES.get();
    let thing = make();
    (thing, BYTES.get().wrapping_sub(before))
}

/// Returns whether allocations are counted, which requires that the program's allocator is
/// [`Counting`].
pub fn counts() -> bool {
    allocated(|| black_box(Box::new(0_u8))).1 > 0
}

/// The memory of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// The bytes requested from the allocator, and in place if the caller adds them.
    pub asked: usize,
    /// The growth of the process's resident memory, in whole pages; `None` if the system does not
    /// provide it, or if there was none because a resident page had room.
    pub resident: Option<usize>,
}

/// Makes a thing, lets `threads` threads touch it, all alive at the same time, and returns it with
/// its memory then. For a process that has done nothing else; ends the process if the threads
/// cannot be started.
pub fn growth<T: Send + Sync>(
    threads: usize,
    make: impl FnOnce() -> T,
    touch: impl Fn(&T) + Sync,
) -> (T, Bytes) {
    let (thing, asked) = (OnceLock::new(), AtomicUsize::new(0));
    let together = Barrier::new(threads + 1);
    let job = || {
        deepen();
        // All threads are alive.
        together.wait();
        // The thing is made.
        together.wait();
        if let Some(thing) = thing.get() {
            let ((), bytes) = allocated(|| touch(thing));
            // All have touched it. They do so once more, since they may have interfered with each
            // other the first time.
            together.wait();
            let ((), more) = allocated(|| touch(thing));
            asked.fetch_add(bytes.wrapping_add(more), Ordering::Relaxed);
        }
        // All are done.
        together.wait();
        // Resident memory has been measured.
        together.wait();
    };
    let resident = thread::scope(|scope| {
        for _ in 0..threads {
            if let Err(error) = Builder::new().spawn_scoped(scope, job) {
                // The others would wait without end.
                eprintln!("error: cannot start another thread: {error}");
                process::exit(1);
            }
        }
        together.wait();
        // The first measurement itself takes memory.
        let _ = resident();
        let before = resident();
        let (new, bytes) = allocated(make);
        asked.fetch_add(bytes, Ordering::Relaxed);
        assert!(thing.set(new).is_ok(), "only one thread makes it");
        (0..3).for_each(|_| _ = together.wait());
        let after = resident();
        together.wait();
        after?.checked_sub(before?).filter(|bytes| *bytes > 0)
    });
    let thing = thing.into_inner().expect("it was made");
    (thing, Bytes { asked: asked.into_inner(), resident })
}

/// Touches the thread's stack as deep as it will be needed, so that it is resident.
fn deepen() {
    black_box([1_u8; 16_000]);
}

/// Returns the bytes of this process's resident memory that belong to no file. Memory of files is
/// left out: the first call of a function loads its code, which is not the callee's memory.
pub fn resident() -> Option<usize> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Anonymous:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib << 10)
}

/// Returns a note about these figures for readers of the results.
pub fn note() -> Option<&'static str> {
    let unknown =
        "resident memory is not known on this system: only bytes requested from the allocator are";
    resident().is_none().then_some(unknown)
}

/// The environment variable with the job of a fresh process.
const JOB: &str = "STRIPED_COUNTER_JOB";

/// Returns the job of this process, if it is a [`fresh`] one.
pub fn job() -> Option<String> {
    env::var(JOB).ok()
}

/// Prints the result of this process, which [`fresh`] started.
pub fn done(bytes: Bytes) -> io::Result<()> {
    use io::Write as _;
    let resident = bytes.resident.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    writeln!(io::stdout(), "{} {resident}", bytes.asked)
}

/// Starts this program once more, with the same options, to do only `job`, and returns what it has
/// measured, or `None` if it could not.
pub fn fresh(job: &str) -> Option<Bytes> {
    let mut command = Command::new(env::current_exe().ok()?);
    command.args(env::args_os().skip(1)).env(JOB, job).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let (asked, resident) = text.trim_end().split_once(' ')?;
    Some(Bytes { asked: asked.parse().ok()?, resident: resident.parse().ok() })
}

/// The system's allocator, with counting. A program that measures requests installs it:
/// `#[global_allocator] static ALLOCATOR: Counting = Counting;`
#[derive(Debug)]
pub struct Counting;

// SAFETY: every method passes its arguments unchanged to the system's allocator, and returns what
// that returns; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller ensures what the system's allocator requires.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller ensures what the system's allocator requires.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        // SAFETY: the caller ensures what the system's allocator requires.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), size);
        // SAFETY: the caller ensures what the system's allocator requires.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count(freed: usize, allocated: usize) {
    BYTES.set(BYTES.get().wrapping_sub(freed).wrapping_add(allocated));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn what_is_kept_is_counted() {
        let (kept, bytes) = allocated(|| {
            drop(vec![0_u8; 1_000]);
            let mut kept = Vec::<u64>::with_capacity(10);
            kept.reserve_exact(20);
            (kept, vec![0_u8; 3])
        });
        assert_eq!(bytes, 20 * size_of::<u64>() + 3);
        assert_eq!(kept.1.len(), 3);
        assert!(counts());
    }

    #[test]
    fn a_thing_takes_what_is_asked_and_is_resident_once_touched() {
        let bytes = 16 << 20;
        let make = |byte: u8| vec![byte; bytes];
        let read = |thing: &Vec<u8>| _ = black_box(thing[7]);
        let (_, taken) = growth(3, || make(0), read);
        assert_eq!(taken.asked, bytes);
        // It was never written to.
        assert!(taken.resident.is_none_or(|resident| resident < bytes), "{taken:?}");
        let (_, taken) = growth(1, || make(1), read);
        assert_eq!(taken.asked, bytes);
        assert!(taken.resident.is_none_or(|resident| resident > bytes / 2), "{taken:?}");
    }

    #[test]
    fn other_threads_are_not_counted() {
        let work = || thread::spawn(|| vec![0_u8; 1 << 20]).join().unwrap();
        let (kept, bytes) = allocated(work);
        assert!(bytes < kept.len(), "{bytes}");
    }
}
