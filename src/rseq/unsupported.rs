//! Where there is no critical section written: `area` says so, and nobody gets to `add`.

use super::Area;
use crate::{
    shards::Width,
    sync::{AtomicU64, AtomicUsize},
};

pub(crate) fn area() -> Result<Area, &'static str> {
    Err("restartable sequences need x86_64 or aarch64 Linux")
}

pub(crate) fn possible_cpus() -> usize {
    1
}

/// Never called: there is no [`Area`] to call it with.
///
/// # Safety
/// None needed.
#[expect(unsafe_code, reason = "the same signature on every platform")]
pub(crate) unsafe fn add<W: Width>(
    _: Area,
    _: &AtomicUsize,
    _: *mut AtomicU64,
    _: usize,
    _: u64,
) -> bool {
    false
}
