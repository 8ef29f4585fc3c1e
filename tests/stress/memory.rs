//! The system's allocator, which knows how many bytes are out; and a system that has no more memory.

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

/// Bytes that are out, of the whole process.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The number of bytes allocated and not freed.
pub(crate) fn live() -> usize {
    LIVE.load(Relaxed)
}

/// How many KiB the process has in memory.
pub(crate) fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// While it lives, the process can map no more than so many bytes: for a child of a fork, which has no
/// other threads. Chunks of counters are mapped, and do not come from the allocator.
pub(crate) struct Refusal(());

impl Refusal {
    /// `None` if the limit cannot be had.
    pub(crate) fn beyond(bytes: libc::rlim_t) -> Option<Self> {
        // What the checks allocate, the allocator has at hand from here on.
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

/// How many bytes the process has mapped.
fn mapped() -> Option<libc::rlim_t> {
    let mut text = [0; 128];
    let read = File::open("/proc/self/statm").ok()?.read(&mut text).ok()?;
    let pages: libc::rlim_t =
        str::from_utf8(&text[..read]).ok()?.split(' ').next()?.parse().ok()?;
    // SAFETY: `sysconf` has no requirement.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * libc::rlim_t::try_from(page).ok()?)
}

/// Whether the address space could be limited to so many bytes.
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
