//! Faults for the critical section, compiled into it in unit tests only.
//!
//! A delay loop stands at every boundary between two of its instructions, off unless a test turns
//! it on, so that a signal or a migration is sure to strike there; the idea is that of librseq's
//! `inject.h`. Aborts are counted, since a stress proves something only if the fault happened. And
//! there is a seeded bug, a section that disarms itself, to prove that the stress would notice.

#![expect(unsafe_code, reason = "the section knows these by their names")]

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod arch;

pub(super) use arch::{BOUNDARIES, WITHIN, count_abort, delay, disarm};

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Turns of the delay loop at each boundary. Known to the section by name.
#[unsafe(no_mangle)]
static STRIPED_COUNTER_DELAYS: [AtomicU64; BOUNDARIES] = [const { AtomicU64::new(0) }; BOUNDARIES];
/// How many sections the kernel has aborted.
#[unsafe(no_mangle)]
static STRIPED_COUNTER_ABORTS: AtomicU64 = AtomicU64::new(0);
/// Not 0: the seeded bug is on.
#[unsafe(no_mangle)]
static STRIPED_COUNTER_DISARMED: AtomicU64 = AtomicU64::new(0);

/// The switches. Faults are global: one test at a time may hold them.
pub(super) struct Faults {
    /// Turns of the delay loop at each boundary.
    pub(super) delays: &'static [AtomicU64; BOUNDARIES],
    /// Not 0: sections run unarmed.
    pub(super) disarmed: &'static AtomicU64,
    /// How many sections the kernel has aborted so far.
    pub(super) aborts: &'static AtomicU64,
    _alone: MutexGuard<'static, ()>,
}

impl Faults {
    pub(super) fn alone() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        Self {
            delays: &STRIPED_COUNTER_DELAYS,
            disarmed: &STRIPED_COUNTER_DISARMED,
            aborts: &STRIPED_COUNTER_ABORTS,
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.disarmed.store(0, Ordering::SeqCst);
        self.delays.iter().for_each(|delay| delay.store(0, Ordering::SeqCst));
    }
}
