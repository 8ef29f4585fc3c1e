//! The number of CPUs, queried once, without a lock, an allocation, or a wait.
//!
//! A counter's first add queries it, possibly within the global allocator, in a signal handler, or
//! in the child of a fork. So on Linux this module makes the system calls itself. The crate
//! `num_cpus` reads files there under a lock of its own, and is used only on other systems, where
//! it has none.

#[cfg(not(all(test, any(loom, shuttle))))]
pub(crate) use real::{possible, usable};

#[cfg(all(test, any(loom, shuttle)))]
pub(crate) use modelled::{possible, usable};

/// The models' machine has two CPUs.
#[cfg(all(test, any(loom, shuttle)))]
mod modelled {
    pub(crate) const fn usable() -> usize {
        2
    }

    pub(crate) const fn possible() -> usize {
        2
    }
}

#[cfg(not(all(test, any(loom, shuttle))))]
mod real {
    #[cfg(not(target_os = "linux"))]
    use super::elsewhere as ask;
    #[cfg(target_os = "linux")]
    use super::linux as ask;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Returns the number of CPUs available to the first thread that asked, at least 1.
    pub(crate) fn usable() -> usize {
        static FOUND: AtomicUsize = AtomicUsize::new(0);
        once(&FOUND, ask::usable)
    }

    /// Returns the number of CPUs that the machine can ever have, as far as can be found out, at
    /// least 1. CPU numbers are below this.
    pub(crate) fn possible() -> usize {
        static FOUND: AtomicUsize = AtomicUsize::new(0);
        once(&FOUND, ask::possible)
    }

    /// Returns the number in `found`, or calls `ask` if there is none yet. If several threads do so
    /// at once, all return what the first one stored.
    fn once(found: &AtomicUsize, ask: fn() -> usize) -> usize {
        // Relaxed throughout: only the number itself matters.
        let known = found.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let asked = ask().max(1);
        match found.compare_exchange(0, asked, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => asked,
            Err(theirs) => theirs,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_number_of_cpus_is_read_once_and_at_least_one() {
            let found = AtomicUsize::new(0);
            assert_eq!(once(&found, || 0), 1);
            assert_eq!(once(&found, || unreachable!()), 1);
        }

        #[test]
        fn concurrent_first_readers_get_the_same_number_of_cpus() {
            static FOUND: AtomicUsize = AtomicUsize::new(0);
            let slow = || {
                FOUND.store(3, Ordering::Relaxed);
                5
            };
            assert_eq!(once(&FOUND, slow), 3);
        }

        #[test]
        fn the_usable_are_among_the_possible() {
            assert!((1..=possible()).contains(&usable()));
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg_attr(
    all(test, any(loom, shuttle)),
    allow(dead_code, reason = "the models' machine has two CPUs")
)]
#[expect(unsafe_code, reason = "system calls")]
mod linux {
    use std::ffi::CStr;

    const POSSIBLE: &CStr = c"/sys/devices/system/cpu/possible";

    /// The words of a mask with room for more CPUs than Linux can be built for.
    const MASK_WORDS: usize = 8_192 / 64;

    pub(super) fn usable() -> usize {
        affinity().cpus
    }

    /// Returns the largest of all known numbers, since a container may fake or hide any of them:
    /// too few rows would always send the other CPUs to the spill, too many cost next to nothing.
    /// Avoids `sysconf`, which allocates in old versions of glibc, and counts what a container
    /// shows.
    pub(super) fn possible() -> usize {
        most(read(POSSIBLE).map_or(0, |list| highest_in(&list)), &affinity())
    }

    /// Returns the number that follows from the list of possible CPUs and the affinity. Without a
    /// list, as in an empty root directory, the affinity may be a small part of the machine, and
    /// may change: then the result is the kernel's bound for CPU numbers, which is some dozens on
    /// most machines.
    fn most(listed: usize, affinity: &Affinity) -> usize {
        if listed > 0 { listed.max(affinity.highest) } else { affinity.bound }
    }

    /// The CPUs that the calling thread may run on.
    #[derive(Default)]
    struct Affinity {
        cpus: usize,
        /// One more than the highest number.
        highest: usize,
        /// One more than any number that the kernel has room for.
        bound: usize,
    }

    fn affinity() -> Affinity {
        let mut mask = [0_u64; MASK_WORDS];
        // SAFETY: the kernel writes at most the given number of bytes to the mask.
        let bytes = unsafe {
            libc::syscall(libc::SYS_sched_getaffinity, 0, size_of_val(&mask), mask.as_mut_ptr())
        };
        if bytes <= 0 {
            return Affinity::default();
        }
        let cpus = mask.iter().map(|word| word.count_ones() as usize).sum();
        let last = mask.iter().rposition(|&word| word != 0);
        let highest = last.map_or(0, |word| word * 64 + (64 - mask[word].leading_zeros() as usize));
        Affinity { cpus, highest, bound: usize::try_from(bytes).map_or(0, |bytes| 8 * bytes) }
    }

    /// Reads the beginning of a file by bare system calls, which are no cancellation points of the
    /// thread.
    fn read(path: &CStr) -> Option<[u8; 256]> {
        let mut bytes = [0; 256];
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: `path` is a C string.
        let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) };
        if file < 0 {
            return None;
        }
        // SAFETY: the kernel writes at most the given number of bytes.
        let read = unsafe { libc::syscall(libc::SYS_read, file, bytes.as_mut_ptr(), bytes.len()) };
        // SAFETY: the file was opened above, and its descriptor was not given away.
        unsafe { libc::syscall(libc::SYS_close, file) };
        (read > 0).then_some(bytes)
    }

    /// Returns one more than the highest number in a list such as `0-3,8`, or 0 if there is none.
    /// Ignores numbers above what Linux can have.
    fn highest_in(list: &[u8]) -> usize {
        let end = list.iter().position(|byte| matches!(byte, b'\n' | 0)).unwrap_or(list.len());
        let numbers = list[..end].split(|byte| matches!(byte, b'-' | b','));
        let parse = |number| std::str::from_utf8(number).ok()?.parse::<usize>().ok();
        let believed = |number: &usize| *number < 64 * MASK_WORDS;
        numbers.filter_map(parse).filter(believed).map(|number| number + 1).max().unwrap_or(0)
    }

    #[cfg(all(test, not(any(loom, shuttle))))]
    mod tests {
        use super::*;
        use std::ffi::CString;

        #[test]
        fn the_largest_of_what_is_known_counts() {
            let affinity = |highest| Affinity { cpus: 1, highest, bound: 64 };
            // In turn: both agree, the list hides CPUs, the affinity hides CPUs, there is no list.
            for (listed, highest, most_of) in [(8, 8, 8), (1, 8, 8), (8, 1, 8), (0, 2, 64)] {
                assert_eq!(most(listed, &affinity(highest)), most_of);
            }
            assert_eq!(most(0, &Affinity::default()), 0);
            let here = super::affinity();
            assert!(here.cpus <= here.highest && possible() <= here.bound);
        }

        #[test]
        fn lists_of_cpus_are_read() {
            let lists: [(&[u8], usize); 9] = [
                (b"0-1\n", 2),
                (b"0\n", 1),
                (b"0-3,8\n\0\0", 9),
                (b"0,2-127\n9999999", 128),
                (b"8191", 8_192),
                (b"0-99999999999999999999", 1),
                (b"0-8192", 1),
                (b"\n", 0),
                (b"none", 0),
            ];
            for (list, highest) in lists {
                assert_eq!(highest_in(list), highest, "{}", list.escape_ascii());
            }
        }

        #[test]
        fn the_kernels_answers_are_those_of_the_c_library() {
            assert_eq!(usable(), num_cpus::get());
            // SAFETY: `sysconf` has no requirement.
            let configured = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
            assert!(possible() >= usize::try_from(configured).unwrap());
            assert!(read(c"/sys/no/such/file").is_none());
        }

        /// Pins the calling thread to each CPU that it may run on, one after another.
        #[test]
        fn a_pinned_thread_has_one_cpu_and_the_numbers_up_to_it() {
            let pin = |mask: &[u64; MASK_WORDS]| {
                // SAFETY: the kernel reads the mask, whose length is given.
                let done = unsafe {
                    libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(mask), mask.as_ptr())
                };
                done == 0
            };
            let Affinity { cpus: all, highest, .. } = affinity();
            let pinned = (0..highest).filter(|cpu| {
                let mut mask = [0; MASK_WORDS];
                mask[cpu / 64] = 1 << (cpu % 64);
                let allowed = pin(&mask);
                let now = affinity();
                assert!(!allowed || (now.cpus, now.highest) == (1, cpu + 1));
                allowed
            });
            assert_eq!(pinned.count(), all);
        }

        #[test]
        fn the_beginning_of_a_file_is_what_is_in_it() {
            let long = b"0-3,8\n".repeat(100);
            let path = std::env::temp_dir().join(format!("cpus.{}", std::process::id()));
            std::fs::write(&path, &long).unwrap();
            let read = read(&CString::new(path.to_str().unwrap()).unwrap());
            std::fs::remove_file(&path).unwrap();
            assert_eq!(read.unwrap(), long[..256]);
            assert_eq!(super::read(c"/dev/null"), None, "an empty file has no beginning");
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[cfg_attr(
    all(test, any(loom, shuttle)),
    allow(dead_code, reason = "the models' machine has two CPUs")
)]
mod elsewhere {
    pub(super) fn usable() -> usize {
        num_cpus::get()
    }

    pub(super) fn possible() -> usize {
        num_cpus::get()
    }
}
