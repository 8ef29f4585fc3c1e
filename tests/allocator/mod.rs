//! The system's allocator, with a look at every request.

#![expect(unsafe_code, reason = "an allocator is unsafe to implement")]
#![allow(dead_code, reason = "every test file takes what it needs")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr,
};

/// Calls a function with what is about to be freed or allocated, in bytes, which says whether there is to be
/// memory. A program makes it its own: `#[global_allocator] static ALLOCATOR: Observed = Observed(observe);`
pub(crate) struct Observed(pub(crate) fn(Request) -> bool);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    Allocate(usize),
    Free(usize),
}

// SAFETY: allocates as `System` does, or not at all; what observes neither unwinds nor keeps memory.
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
        // SAFETY: the caller's; whatever was allocated was so by `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}
