//! Moves the calling thread from CPU to CPU. On systems other than Linux it stays where it is.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::OnceLock;

/// Moves the calling thread around the CPUs that the process may run on, and lets it run on any when dropped.
pub(crate) struct Hopper {
    cpus: &'static imp::Cpus,
    at: usize,
}

impl Hopper {
    /// Pins the calling thread to the CPU with that `index`, modulo their number.
    pub(crate) fn pinned(index: usize) -> Self {
        // Read once, since a thread inherits the CPUs that its parent is pinned to.
        static ALLOWED: OnceLock<imp::Cpus> = OnceLock::new();
        let cpus = ALLOWED.get_or_init(imp::Cpus::allowed);
        cpus.pin(index);
        Self { cpus, at: index }
    }

    /// Moves to the next CPU, if there is more than one.
    pub(crate) fn hop(&mut self) {
        self.at += 1;
        self.cpus.pin(self.at);
    }
}

impl Drop for Hopper {
    fn drop(&mut self) {
        self.cpus.unpin();
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) struct Cpus;

    impl Cpus {
        pub(super) fn allowed() -> Self {
            Self
        }

        pub(super) fn pin(&self, _: usize) {}

        pub(super) fn unpin(&self) {}
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "affinity is set through libc")]
mod imp {
    use std::{io, mem};

    pub(super) struct Cpus {
        allowed: libc::cpu_set_t,
        numbers: Vec<usize>,
    }

    impl Cpus {
        pub(super) fn allowed() -> Self {
            let mut allowed = empty();
            // SAFETY: the set has the size given, and the kernel writes no further.
            let failed =
                unsafe { libc::sched_getaffinity(0, size_of_val(&allowed), &raw mut allowed) };
            assert_eq!(failed, 0, "{}", io::Error::last_os_error());
            // SAFETY: the number is within the set.
            let is_allowed = |&cpu: &usize| unsafe { libc::CPU_ISSET(cpu, &allowed) };
            let all = 0..libc::CPU_SETSIZE.unsigned_abs() as usize;
            let numbers = all.filter(is_allowed).collect();
            Self { allowed, numbers }
        }

        pub(super) fn pin(&self, index: usize) {
            let mut one = empty();
            // SAFETY: the number comes from a set of the same size.
            unsafe { libc::CPU_SET(self.numbers[index % self.numbers.len()], &mut one) };
            set(&one);
        }

        pub(super) fn unpin(&self) {
            set(&self.allowed);
        }
    }

    fn empty() -> libc::cpu_set_t {
        // SAFETY: a bit set of integers, for which zero is the empty set.
        unsafe { mem::zeroed() }
    }

    fn set(cpus: &libc::cpu_set_t) {
        // SAFETY: the set has the size given, and the kernel only reads it.
        let failed = unsafe { libc::sched_setaffinity(0, size_of_val(cpus), cpus) };
        assert_eq!(failed, 0, "{}", io::Error::last_os_error());
    }
}
