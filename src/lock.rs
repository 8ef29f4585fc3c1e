//! A lock in one word of shared memory, which is free when it is zero.
//!
//! Readers wait for it; an add takes it only if it is free. The standard library's `Mutex` is
//! unsuitable: a counter has its lock in the memory of its shards, which begins as zeros, and on
//! some platforms the first lock of a `Mutex` allocates, which a counter in a global allocator
//! cannot allow.
//!
//! The upper half of the word belongs to the user, and never changes.

#[cfg(all(test, loom))]
mod models;

use crate::sync::{AtomicU64, Ordering, spin_loop};
#[cfg(not(any(target_os = "linux", all(test, any(loom, shuttle)))))]
use elsewhere as sleep;
#[cfg(all(target_os = "linux", not(all(test, any(loom, shuttle)))))]
use linux as sleep;
#[cfg(all(test, any(loom, shuttle)))]
use modelled as sleep;

const LOCKED: u64 = 1;
/// A thread may be waiting.
const WAITED_FOR: u64 = 2;

/// The word of a taken lock, for memory that no other thread sees yet; see [`adopt`].
pub(crate) const TAKEN: u64 = LOCKED;

/// How often to look before sleeping: for longer than an unlocked sum of a few shards takes. Not at
/// all in the models, where each look multiplies the interleavings.
const SPINS: usize = if cfg!(all(test, any(loom, shuttle))) { 0 } else { 100 };

/// Releases the lock when dropped.
#[must_use = "the lock is released at once"]
pub(crate) struct Guard<'a>(&'a AtomicU64);

/// Waits until the lock is free, and takes it.
pub(crate) fn lock(word: &AtomicU64) -> Guard<'_> {
    for _ in 0..SPINS {
        if let Some(guard) = try_lock(word) {
            return guard;
        }
        spin_loop();
    }
    loop {
        // Acquire: as in `try_lock`.
        let before = word.fetch_or(LOCKED | WAITED_FOR, Ordering::Acquire);
        if before & LOCKED == 0 {
            return Guard(word);
        }
        sleep::wait(word, before | WAITED_FOR);
    }
}

/// Takes the lock if it is free.
pub(crate) fn try_lock(word: &AtomicU64) -> Option<Guard<'_>> {
    // Relaxed: a guess, which avoids writing to a lock that is taken.
    if word.load(Ordering::Relaxed) & LOCKED != 0 {
        return None;
    }
    take_if_free(word)
}

fn take_if_free(word: &AtomicU64) -> Option<Guard<'_>> {
    // Acquire: partners the release in `drop`. A guard may only be made if the lock was free:
    // dropping it would release the lock that another thread has.
    (word.fetch_or(LOCKED, Ordering::Acquire) & LOCKED == 0).then(|| Guard(word))
}

/// Returns the guard of a lock that the caller has stored as [`TAKEN`].
pub(crate) fn adopt(word: &AtomicU64) -> Guard<'_> {
    Guard(word)
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // Relaxed: the upper half is never written to while there is a lock.
        let free = self.0.load(Ordering::Relaxed) & !(LOCKED | WAITED_FOR);
        // Release: partners the acquire in `lock` and `try_lock`.
        if self.0.swap(free, Ordering::Release) & WAITED_FOR != 0 {
            sleep::wake(self.0);
        }
    }
}

#[cfg(all(target_os = "linux", not(all(test, any(loom, shuttle)))))]
#[expect(unsafe_code, reason = "a system call")]
mod linux {
    use super::AtomicU64;
    use std::ffi::c_int;

    /// The half of the word that the kernel compares: the one with the lock's bits.
    const HALF: usize = if cfg!(target_endian = "little") { 0 } else { 1 };

    fn futex(word: &AtomicU64, operation: c_int, value: u32) {
        let half = word.as_ptr().cast::<u32>().wrapping_add(HALF);
        let no_timeout = std::ptr::null::<libc::timespec>();
        // SAFETY: `half` is within the word, which outlives the call; neither operation writes to it.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                half,
                operation | libc::FUTEX_PRIVATE_FLAG,
                value,
                no_timeout,
            )
        };
    }

    /// Returns when woken, at once if the word is no longer `seen`, or spuriously.
    #[expect(clippy::cast_possible_truncation, reason = "the half with the lock's bits")]
    pub(super) fn wait(word: &AtomicU64, seen: u64) {
        futex(word, libc::FUTEX_WAIT, seen as u32);
    }

    pub(super) fn wake(word: &AtomicU64) {
        futex(word, libc::FUTEX_WAKE, 1);
    }
}

/// Models what the kernel does.
#[cfg(all(test, any(loom, shuttle)))]
mod modelled {
    use super::{AtomicU64, Ordering};
    use crate::sync::{Thread, current, park};
    use std::{cell::RefCell, ptr};

    std::thread_local! {
        /// The sleeping threads, each with its word. All threads of a model run on this one.
        static SLEEPERS: RefCell<Vec<(*const AtomicU64, Thread)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn wait(word: &AtomicU64, seen: u64) {
        let me = current();
        SLEEPERS.with_borrow_mut(|sleepers| sleepers.push((word, me.clone())));
        // This access never reads an old value. If the thread is woken from here on, `park` returns
        // at once.
        if word.fetch_or(0, Ordering::Relaxed) == seen {
            park();
        }
        SLEEPERS.with_borrow_mut(|sleepers| sleepers.retain(|(_, thread)| thread.id() != me.id()));
    }

    pub(super) fn wake(word: &AtomicU64) {
        let sleeper = SLEEPERS.with_borrow_mut(|sleepers| {
            let sleeper = sleepers.iter().position(|(theirs, _)| ptr::eq(*theirs, word))?;
            Some(sleepers.remove(sleeper).1)
        });
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }
}

#[cfg(not(any(target_os = "linux", all(test, any(loom, shuttle)))))]
mod elsewhere {
    use super::AtomicU64;
    use crate::sync::yield_now;

    pub(super) fn wait(_: &AtomicU64, _: u64) {
        yield_now();
    }

    pub(super) fn wake(_: &AtomicU64) {}
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{TAKEN, adopt, lock, take_if_free, try_lock};
    #[cfg(target_os = "linux")]
    use std::{
        fs,
        path::{Path, PathBuf},
        sync::mpsc,
        time::Duration,
    };
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    const UPPER: u64 = 7 << 32;

    #[test]
    fn one_holder_at_a_time_and_the_upper_half_is_left_alone() {
        const ROUNDS: u64 = 20_000;
        let (word, count) = (AtomicU64::new(UPPER), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        let _guard = lock(&word);
                        // In two steps, so that a second holder would lose one.
                        let before = count.load(Ordering::Relaxed);
                        count.store(before + 1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 4 * ROUNDS);
        assert_eq!(word.into_inner(), UPPER, "free, with no thread waiting");
    }

    /// A thread may find the lock free, and then find it taken.
    #[test]
    fn try_lock_leaves_a_taken_lock_taken() {
        let word = AtomicU64::new(UPPER | TAKEN);
        assert!(take_if_free(&word).is_none());
        assert_eq!(word.load(Ordering::Relaxed), UPPER | TAKEN);
    }

    #[test]
    fn a_lock_may_start_taken_and_wakes_its_waiters() {
        let word = AtomicU64::new(UPPER | TAKEN);
        assert!(try_lock(&word).is_none());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(lock(&word)));
            while word.load(Ordering::Relaxed) & super::WAITED_FOR == 0 {
                thread::yield_now();
            }
            drop(adopt(&word));
            waiting.join().unwrap();
        });
        assert!(try_lock(&word).is_some());
    }

    /// A waiter that spun would find the lock, too, but would take a CPU from the thread that has it.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_waiter_sleeps() {
        let word = &AtomicU64::new(TAKEN);
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let waiting = scope.spawn(move || {
                sender.send(stat_of_this_thread()).unwrap();
                drop(lock(word));
            });
            let stat = receiver.recv().unwrap();
            let asleep = (0..10_000).any(|_| {
                thread::sleep(Duration::from_millis(1));
                word.load(Ordering::Relaxed) & super::WAITED_FOR != 0 && sleeps(&stat)
            });
            drop(adopt(word));
            waiting.join().unwrap();
            assert!(asleep, "the waiter was found running each time");
        });
    }

    #[cfg(target_os = "linux")]
    fn stat_of_this_thread() -> PathBuf {
        let thread = fs::read_link("/proc/thread-self").unwrap();
        Path::new("/proc").join(thread).join("stat")
    }

    /// The state follows the name, which is in parentheses.
    #[cfg(target_os = "linux")]
    fn sleeps(stat: &Path) -> bool {
        let stat = fs::read_to_string(stat).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('S')
    }
}
