//! Which thread has which number, so that a number can be taken from a thread that has ended.
//!
//! The notes are in memory that the child of a fork finds wiped: threads have other ids there, and
//! all but one are gone. Their numbers stay taken.

#[cfg(all(test, target_os = "linux"))]
pub(super) use linux::look;
#[cfg(target_os = "linux")]
pub(super) use linux::{for_each_dead, forget, note};

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "system calls, and notes reached by pointer")]
mod linux {
    use crate::matrix::{memory, route::MAX_THREADS};
    use crate::sync::{AtomicPtr, AtomicU64, Ordering, fence};
    use std::ptr::{self, NonNull};

    /// A cell for each number, with the id of the thread that has it, or 0, then [`LOOKING`] and
    /// [`PROCESS`]. Null before there are any notes.
    static NOTES: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
    const CELLS: usize = MAX_THREADS + 2;
    /// The cell that is not 0 while a thread looks for numbers of dead ones.
    const LOOKING: usize = MAX_THREADS;
    /// The cell with the process whose threads these are: after vfork(2) another one may share the
    /// memory.
    const PROCESS: usize = MAX_THREADS + 1;
    /// Marks a note whose thread is being looked for. A mark may stay.
    const MARK: u64 = 1 << 63;

    /// Notes that the calling thread has `number`, and returns whether it did. It does not without
    /// memory for notes, or in a process that shares the memory of the one whose threads are noted,
    /// which could not look for this thread.
    pub(in super::super) fn note(number: usize) -> bool {
        if place().is_none() || !is_ours() {
            return false;
        }
        let Some(note) = at(number) else { return false };
        let thread = id(libc::SYS_gettid);
        // Relaxed: an old note is no worse than none.
        note.store(thread, Ordering::Relaxed);
        thread != 0
    }

    pub(in super::super) fn forget(number: usize) {
        if let Some(note) = at(number) {
            // Relaxed: the number is returned with release after this.
            note.store(0, Ordering::Relaxed);
        }
    }

    /// Calls `give_back` with each number below `end` whose thread has ended without returning it.
    /// Returns false if this process has no notes, or another thread is looking.
    pub(in super::super) fn for_each_dead(end: usize, give_back: impl Fn(usize)) -> bool {
        if NOTES.load(Ordering::Relaxed).is_null() || !is_ours() {
            return false;
        }
        let this = id(libc::SYS_getpid);
        look(end, |thread| has_ended(this, thread), give_back)
    }

    /// Does the same with a given `has_ended`.
    ///
    /// Between loading a note and asking the kernel whether its thread has ended, that thread may
    /// return its number and another may claim it. So the note is marked before asking, and the
    /// number is returned only if the mark is still there: returning or claiming the number
    /// overwrites it, even by a thread with the same id.
    pub(in super::super) fn look(
        end: usize,
        has_ended: impl Fn(u64) -> bool,
        give_back: impl Fn(usize),
    ) -> bool {
        let Some(looking) = at(LOOKING) else { return false };
        // Acquire: partners the release below.
        if looking.swap(1, Ordering::Acquire) != 0 {
            return false;
        }
        for number in 0..end {
            let Some(note) = at(number) else { break };
            // Relaxed: only skips the notes of free numbers, which are not written to.
            if note.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // Relaxed: it only has to come before asking the kernel, which the system call ensures.
            let marked = note.fetch_or(MARK, Ordering::Relaxed) | MARK;
            let thread = marked & !MARK;
            if thread == 0 || !has_ended(thread) {
                continue;
            }
            // The thread's last stores, also to the note, happened before its end, which the kernel
            // has confirmed.
            fence(Ordering::Acquire);
            let not_given_back =
                note.compare_exchange(marked, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            if not_given_back {
                give_back(number);
            }
        }
        // Release: partners the acquire above.
        looking.store(0, Ordering::Release);
        true
    }

    /// Returns whether the noted threads belong to this process. The first caller decides.
    fn is_ours() -> bool {
        let Some(process) = at(PROCESS) else { return false };
        let this = id(libc::SYS_getpid);
        // Relaxed: only the number itself matters.
        match process.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => true,
            Err(known) => known == this,
        }
    }

    /// Returns the id of the calling thread or of its process.
    fn id(call: libc::c_long) -> u64 {
        // SAFETY: `gettid` and `getpid` have no requirements.
        let id = unsafe { libc::syscall(call) };
        // Never negative; `c_long` has 32 bits on some targets.
        u64::try_from(id).unwrap_or(0)
    }

    /// Converts an id to an argument of a system call, which is as wide as a register.
    fn word(id: u64) -> libc::c_long {
        // Every id is a positive 32-bit number; the kernel refuses others as invalid.
        libc::c_long::try_from(id).unwrap_or(-1)
    }

    /// Returns whether there is no such thread in this process.
    fn has_ended(process: u64, thread: u64) -> bool {
        const NO_SIGNAL: i32 = 0;
        // SAFETY: `tgkill` accepts any numbers, and sends no signal here.
        let sent =
            unsafe { libc::syscall(libc::SYS_tgkill, word(process), word(thread), NO_SIGNAL) };
        // SAFETY: `errno` is the calling thread's.
        let error = unsafe { libc::__errno_location() };
        // SAFETY: as above.
        sent != 0 && unsafe { *error } == libc::ESRCH
    }

    fn at(number: usize) -> Option<&'static AtomicU64> {
        // Acquire: partners the release in `place`.
        let first = NonNull::new(NOTES.load(Ordering::Acquire))?;
        // SAFETY: there is a cell for each number.
        let note = unsafe { first.add(number) };
        // SAFETY: the notes are never unmapped.
        Some(unsafe { note.as_ref() })
    }

    /// Maps the notes, unless they are there. Returns `None` if that is impossible.
    fn place() -> Option<()> {
        if !NOTES.load(Ordering::Relaxed).is_null() {
            return Some(());
        }
        let notes = memory::map(CELLS)?;
        let bytes = CELLS * size_of::<AtomicU64>();
        // SAFETY: the memory was just mapped, with this many bytes.
        let wiped =
            unsafe { libc::madvise(notes.as_ptr().cast(), bytes, libc::MADV_WIPEONFORK) == 0 };
        let ours = notes.as_ptr();
        // Release: partners the acquire in `at`.
        let raced = || {
            NOTES
                .compare_exchange(ptr::null_mut(), ours, Ordering::Release, Ordering::Relaxed)
                .is_err()
        };
        if !wiped || raced() {
            // SAFETY: mapped above, and not known to any other thread.
            unsafe { memory::unmap(notes, CELLS) };
        }
        wiped.then_some(())
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{for_each_dead, forget, note};

/// Elsewhere the system cannot say whether a thread has ended.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    pub(in super::super) fn note(_: usize) -> bool {
        false
    }

    pub(in super::super) fn forget(_: usize) {}

    pub(in super::super) fn for_each_dead(_: usize, _: impl Fn(usize)) -> bool {
        false
    }
}
