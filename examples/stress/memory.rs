//! The system's allocator, which knows how many bytes are out, and refuses on demand.

#![expect(unsafe_code, reason = "an allocator is unsafe to implement")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs, ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// From this size on, shards are allocated and little else.
const LARGE: usize = 128;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are out, of the whole process.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// How a thread is being refused memory.
#[derive(Clone, Copy)]
struct Refusal {
    /// How many large allocations it may have before.
    allowed: u64,
    refused: u64,
}

thread_local! {
    static REFUSAL: Cell<Option<Refusal>> = const { Cell::new(None) };
}

/// How many bytes are out.
pub(crate) fn live() -> usize {
    LIVE.load(Relaxed)
}

/// Refuses the calling thread large allocations during `body`, but for the first `allowed`, and
/// tells how many it refused.
pub(crate) fn refused_during(allowed: u64, body: impl FnOnce()) -> u64 {
    REFUSAL.set(Some(Refusal { allowed, refused: 0 }));
    body();
    REFUSAL.take().map_or(0, |refusal| refusal.refused)
}

/// How many allocations the calling thread has been refused during this refusal.
pub(crate) fn refused() -> u64 {
    REFUSAL.get().map_or(0, |refusal| refusal.refused)
}

/// How many KiB the process has in memory.
pub(crate) fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

struct Counting;

/// Whether the calling thread is refused an allocation of `size`.
fn refuses(size: usize) -> bool {
    let Some(mut refusal) = REFUSAL.get().filter(|_| size >= LARGE) else { return false };
    let refuses = refusal.allowed == 0;
    refusal.allowed = refusal.allowed.saturating_sub(1);
    refusal.refused += u64::from(refuses);
    REFUSAL.set(Some(refusal));
    refuses
}

// SAFETY: allocates as `System` does, or not at all; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refuses(layout.size()) {
            return ptr::null_mut();
        }
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's; whatever was allocated was so by `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}
