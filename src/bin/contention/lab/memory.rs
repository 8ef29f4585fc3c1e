//! How many bytes a thread allocates: the system's allocator, and a number that it keeps.
//!
//! The number is the thread's own, so that counting is one plain addition an allocation, and what
//! other threads allocate meanwhile is not in it. No add allocates after the first to a counter.

#![expect(unsafe_code, reason = "an allocator is unsafe to implement")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Bytes allocated by this thread, less those freed by it, modulo 2^64. Needs no destructor
    /// and no initialisation, so that it can be used at any time.
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// What `make` makes, and how many bytes the calling thread allocated for it and did not free.
pub(crate) fn allocated<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = BYTES.get();
    let thing = make();
    (thing, BYTES.get().wrapping_sub(before))
}

struct Counting;

// SAFETY: every method hands its arguments to the system's allocator, as they are, and returns what
// that returns; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), size);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count(freed: usize, allocated: usize) {
    BYTES.set(BYTES.get().wrapping_sub(freed).wrapping_add(allocated));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_counted() {
        let (kept, bytes) = allocated(|| {
            drop(vec![0_u8; 1_000]);
            let mut kept = Vec::<u64>::with_capacity(10);
            kept.reserve_exact(20);
            (kept, vec![0_u8; 3])
        });
        assert_eq!(bytes, 20 * size_of::<u64>() + 3);
        assert_eq!(kept.1.len(), 3);
    }

    #[test]
    fn other_threads_are_not_counted() {
        let work = || std::thread::spawn(|| vec![0_u8; 1 << 20]).join().unwrap();
        let (kept, bytes) = allocated(work);
        assert!(bytes < kept.len(), "{bytes}");
    }
}
