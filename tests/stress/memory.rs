//! The system's allocator with a count of allocated bytes, and a limit for mapped memory.

#![expect(unsafe_code, reason = "limits are set through libc")]

use crate::allocator::{Observed, Request};
use std::{
    fs::{self, File},
    hint::black_box,
    io::Read as _,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

#[global_allocator]
static ALLOCATOR: Observed = Observed(|request| {
    match request {
        Request::Allocate(bytes) => LIVE.fetch_add(bytes, Relaxed),
        Request::Free(bytes) => LIVE.fetch_sub(bytes, Relaxed),
    };
    true
});

/// Allocated bytes of the whole process.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The number of bytes allocated and not freed.
pub(crate) fn live() -> usize {
    LIVE.load(Relaxed)
}

/// Returns the resident memory of the process in KiB.
pub(crate) fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Limits the mapped memory of the process until it is dropped: for a child of a fork, which has no other
/// threads. Chunks of counters are mapped, and do not come from the allocator.
pub(crate) struct Refusal(());

impl Refusal {
    /// Returns `None` if the limit cannot be set.
    pub(crate) fn beyond(bytes: libc::rlim_t) -> Option<Self> {
        // From here on the allocator has enough memory for the checks.
        let room: Vec<Vec<u8>> = (0..64).map(|_| Vec::with_capacity(1_000)).collect();
        drop(black_box(room));
        limit_to(mapped()? + bytes).then_some(Self(()))
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        limit_to(libc::RLIM_INFINITY);
    }
}

/// Returns how many bytes the process has mapped.
fn mapped() -> Option<libc::rlim_t> {
    let mut text = [0; 128];
    let read = File::open("/proc/self/statm").ok()?.read(&mut text).ok()?;
    let pages: libc::rlim_t =
        str::from_utf8(&text[..read]).ok()?.split(' ').next()?.parse().ok()?;
    // SAFETY: `sysconf` has no requirement.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * libc::rlim_t::try_from(page).ok()?)
}

/// Limits the address space, and returns whether that worked.
fn limit_to(bytes: libc::rlim_t) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the write.
    if unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } != 0 {
        return false;
    }
    limit.rlim_cur = bytes.min(limit.rlim_max);
    // SAFETY: `limit` is valid for the read.
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) == 0 }
}
