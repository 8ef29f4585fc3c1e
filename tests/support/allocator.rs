//! The system's allocator, with a hook for every request.

#![expect(unsafe_code, reason = "an allocator is unsafe to implement")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr,
};

/// Calls a function before each allocation and deallocation, with its size in bytes; where it returns false, the
/// allocation fails. For use as `#[global_allocator] static ALLOCATOR: Observed = Observed(observe);`.
pub(crate) struct Observed(pub(crate) fn(Request) -> bool);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    Allocate(usize),
    Free(usize),
}

// SAFETY: allocates as `System` does, or fails; the hooks neither unwind nor keep memory.
unsafe impl GlobalAlloc for Observed {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !(self.0)(Request::Allocate(layout.size())) {
            return ptr::null_mut();
        }
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        (self.0)(Request::Free(layout.size()));
        // SAFETY: the caller's; all memory comes from `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}
