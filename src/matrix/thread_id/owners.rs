//! Which thread has which number, so that a number can be taken from a thread that is no more.
//!
//! The notes are in memory that the child of a fork finds wiped, for there the threads have other ids, and
//! all but one are gone: what they held stays taken.

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

    /// A cell for each number, with the id of the thread that has it, or 0; and [`LOOKING`]. Null before
    /// there are any.
    static NOTES: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
    const CELLS: usize = MAX_THREADS + 2;
    /// Not 0 while a thread looks for numbers of dead ones.
    const LOOKING: usize = MAX_THREADS;
    /// The process whose threads these are: another one may share the memory, after vfork(2).
    const PROCESS: usize = MAX_THREADS + 1;
    /// Added to a note, whose thread is asked for; it may stay.
    const MARK: u64 = 1 << 63;

    /// Notes that the calling thread has `number`. Without memory for notes it is not noted, nor in a
    /// process that shares the memory of the one whose threads are noted: that process could not ask for
    /// this thread.
    pub(in super::super) fn note(number: usize) {
        if place().is_none() || !is_ours() {
            return;
        }
        if let Some(note) = at(number) {
            // Relaxed: an old note is no worse than none.
            note.store(id(libc::SYS_gettid), Ordering::Relaxed);
        }
    }

    pub(in super::super) fn forget(number: usize) {
        if let Some(note) = at(number) {
            // Relaxed: the number is given back with release after this.
            note.store(0, Ordering::Relaxed);
        }
    }

    /// Calls `give_back` with each number below `end` whose thread has ended without giving it back.
    pub(in super::super) fn for_each_dead(end: usize, give_back: impl Fn(usize)) {
        if NOTES.load(Ordering::Relaxed).is_null() || !is_ours() {
            return;
        }
        let this = id(libc::SYS_getpid);
        look(end, |thread| has_ended(this, thread), give_back);
    }

    /// The same, by `has_ended`. One thread at a time looks, and others go on without.
    ///
    /// A thread may give its number back between the look at its note and the question whether it has
    /// ended, and another thread take the number. So the note is marked before the question, and the number
    /// given back only if the mark is still there: giving the number back or taking it overwrites it,
    /// even if it has the same id.
    pub(in super::super) fn look(
        end: usize,
        has_ended: impl Fn(u64) -> bool,
        give_back: impl Fn(usize),
    ) {
        let Some(looking) = at(LOOKING) else { return };
        // Acquire: partners the release below.
        if looking.swap(1, Ordering::Acquire) != 0 {
            return;
        }
        for number in 0..end {
            let Some(note) = at(number) else { break };
            // Relaxed: for the notes of numbers that nobody has, which are not written to.
            if note.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // Relaxed: what counts is that it comes before the question, to which the kernel sees.
            let marked = note.fetch_or(MARK, Ordering::Relaxed) | MARK;
            let thread = marked & !MARK;
            if thread == 0 || !has_ended(thread) {
                continue;
            }
            // Its last stores are before its end, which the kernel has told of; among them what it wrote
            // to the note.
            fence(Ordering::Acquire);
            let not_given_back =
                note.compare_exchange(marked, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            if not_given_back {
                give_back(number);
            }
        }
        // Release: partners the acquire above.
        looking.store(0, Ordering::Release);
    }

    /// Whether the threads that are noted are this process's. The first to ask decides.
    fn is_ours() -> bool {
        let Some(process) = at(PROCESS) else { return false };
        let this = id(libc::SYS_getpid);
        // Relaxed: a number is all there is.
        match process.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => true,
            Err(known) => known == this,
        }
    }

    /// The id of the calling thread or of its process.
    fn id(call: libc::c_long) -> u64 {
        // SAFETY: `gettid` and `getpid` have no requirement.
        let id = unsafe { libc::syscall(call) };
        // Never negative; `c_long` has 32 bits on some targets.
        u64::try_from(id).unwrap_or(0)
    }

    /// An id as an argument of a system call, which is a register wide.
    fn word(id: u64) -> libc::c_long {
        // Every id is a positive 32-bit number; the kernel refuses others as invalid.
        libc::c_long::try_from(id).unwrap_or(-1)
    }

    /// Whether there is no such thread in this process.
    fn has_ended(process: u64, thread: u64) -> bool {
        const NO_SIGNAL: i32 = 0;
        // SAFETY: `tgkill` takes any numbers, and sends nothing here.
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

    /// Puts the notes in place, unless they are; `None` if that is not to be had.
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
            // SAFETY: mapped above, and known to nobody else.
            unsafe { memory::unmap(notes, CELLS) };
        }
        wiped.then_some(())
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{for_each_dead, forget, note};

/// Elsewhere there is nobody to ask.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    pub(in super::super) fn note(_: usize) {}

    pub(in super::super) fn forget(_: usize) {}

    pub(in super::super) fn for_each_dead(_: usize, _: impl Fn(usize)) {}
}
