//! Faults for the critical section, compiled into it in unit tests only.
//!
//! A delay loop stands at every boundary between two of its instructions, off unless a test turns
//! it on, so that a signal or a migration is sure to occur there; the idea is that of librseq's
//! `inject.h`. Aborts are counted, since a stress test proves something only if the fault occurred.
//! And there is a seeded bug, a section that disarms itself, to prove that the stress test would
//! notice.

#![expect(unsafe_code, reason = "the section refers to these by name")]

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod arch;

pub(super) use arch::{BOUNDARIES, WITHIN, count_abort, delay, disarm};

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// The number of turns of the delay loop at each boundary.
#[unsafe(no_mangle)]
static STRIPED_COUNTER_DELAYS: [AtomicU64; BOUNDARIES] = [const { AtomicU64::new(0) }; BOUNDARIES];
/// The number of sections that the kernel has aborted.
#[unsafe(no_mangle)]
static STRIPED_COUNTER_ABORTS: AtomicU64 = AtomicU64::new(0);
/// Turns on the seeded bug if it is not 0.
#[unsafe(no_mangle)]
static STRIPED_COUNTER_DISARMED: AtomicU64 = AtomicU64::new(0);

/// The switches. Faults are global, so only one test at a time may hold them.
pub(super) struct Faults {
    /// The number of turns of the delay loop at each boundary.
    pub(super) delays: &'static [AtomicU64; BOUNDARIES],
    /// Makes sections run unarmed if it is not 0.
    pub(super) disarmed: &'static AtomicU64,
    /// The number of sections that the kernel has aborted so far.
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
