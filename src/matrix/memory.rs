//! Runs of zeroed cells, from the kernel or the allocator. All memory of the matrix comes from
//! here, and only cells are ever put into it.

use crate::sync::AtomicU64;

#[cfg(all(test, any(loom, shuttle)))]
pub(super) use elsewhere::{MOST_GRANTED, unmap_all};
#[cfg(not(all(target_os = "linux", not(all(test, any(loom, shuttle))))))]
pub(super) use elsewhere::{map, unmap};
#[cfg(all(target_os = "linux", not(all(test, any(loom, shuttle)))))]
pub(super) use linux::{map, unmap};

#[cfg(all(test, not(any(loom, shuttle))))]
pub(super) mod tests;

/// Memory from the kernel: an add never meets the lock of an allocator, and an allocator that
/// counts is not called. Pages that are never written to take no memory, and a page lies on the
/// NUMA node of the first CPU that writes to it.
///
/// A few small runs are kept when they are returned, for programs that often make and drop
/// counters: two system calls and a page fault take twenty times as long.
#[cfg(all(target_os = "linux", not(all(test, any(loom, shuttle)))))]
#[expect(unsafe_code, reason = "system calls")]
mod linux {
    use super::AtomicU64;
    use crate::sync::{AtomicPtr, Ordering};
    use std::{
        alloc::Layout,
        ptr::{self, NonNull},
    };

    /// The cells of 4 KiB, the smallest size of a page.
    const PAGE: usize = 4_096 / size_of::<AtomicU64>();
    /// The sizes of runs that are kept: up to one page, two, four, eight.
    const SIZES: usize = 4;
    /// How many runs of each size are kept.
    const EACH: usize = 4;

    /// The runs that are kept, all zeros. Each belongs to the thread that swaps it out.
    static KEPT: [[AtomicPtr<AtomicU64>; EACH]; SIZES] =
        [const { [const { AtomicPtr::new(ptr::null_mut()) }; EACH] }; SIZES];

    /// Returns which of the sizes a run of `count` cells has, if it is small enough.
    fn size(count: usize) -> Option<usize> {
        let size = count.div_ceil(PAGE).next_power_of_two().ilog2() as usize;
        (size < SIZES).then_some(size)
    }

    /// Returns `count` zeroed cells, aligned to a padded line, or `None` if there is no memory.
    pub(in crate::matrix) fn map(count: usize) -> Option<NonNull<AtomicU64>> {
        let Some(size) = size(count) else { return map_new(count) };
        // Acquire: partners the release in `keep`: the run is all zeros.
        let mut kept = KEPT[size].iter().map(|run| run.swap(ptr::null_mut(), Ordering::Acquire));
        kept.find_map(NonNull::new).or_else(|| map_new(PAGE << size))
    }

    /// Returns memory to the kernel, or keeps it for the next [`map`].
    ///
    /// # Safety
    ///
    /// `memory` is `count` cells from `map`, which are no longer used.
    pub(in crate::matrix) unsafe fn unmap(memory: NonNull<AtomicU64>, count: usize) {
        let Some(size) = size(count) else {
            // SAFETY: a run of this size was mapped on its own; the caller ensures the rest.
            return unsafe { unmap_now(memory, count) };
        };
        // SAFETY: the caller owns the cells, and zero bytes make a cell of 0.
        unsafe { memory.write_bytes(0, count) };
        if !keep(memory, size) {
            // SAFETY: a run of this size was mapped with all cells of its class; the caller ensures
            // the rest.
            unsafe { unmap_now(memory, PAGE << size) };
        }
    }

    /// Keeps an unused run of zeros, if there is a free place. Returns whether there was.
    fn keep(memory: NonNull<AtomicU64>, size: usize) -> bool {
        KEPT[size].iter().any(|run| {
            let null = ptr::null_mut();
            // Release: partners the acquire in `map`.
            run.compare_exchange(null, memory.as_ptr(), Ordering::Release, Ordering::Relaxed)
                .is_ok()
        })
    }

    fn map_new(count: usize) -> Option<NonNull<AtomicU64>> {
        // Refuses more than half of the address space, across which no pointer may be offset.
        let bytes = Layout::array::<AtomicU64>(count).ok()?.size();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: maps new memory, at an address that the kernel chooses.
        let memory = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return None;
        }
        // A single write to a huge page takes all of it. However small this mapping is, the kernel
        // may merge it with its neighbours into a large one.
        // SAFETY: the memory was just mapped. If the kernel refuses, only more memory is resident.
        unsafe { libc::madvise(memory, bytes, libc::MADV_NOHUGEPAGE) };
        NonNull::new(memory.cast())
    }

    /// Returns memory to the kernel.
    ///
    /// # Safety
    ///
    /// `memory` is `count` cells from `map_new`, which are no longer used.
    unsafe fn unmap_now(memory: NonNull<AtomicU64>, count: usize) {
        // SAFETY: the caller ensures it.
        unsafe { libc::munmap(memory.as_ptr().cast(), count * size_of::<AtomicU64>()) };
    }
}

/// Memory from the allocator.
#[cfg(not(all(target_os = "linux", not(all(test, any(loom, shuttle))))))]
#[expect(unsafe_code, reason = "allocates and frees by hand")]
mod elsewhere {
    use super::{super::rows::CELLS, AtomicU64};
    use std::{
        alloc::{Layout, alloc_zeroed, dealloc},
        cell::Cell,
        ptr::NonNull,
    };

    std::thread_local! {
        /// Whether this thread is in the allocator on our behalf.
        static ALLOCATING: Cell<bool> = const { Cell::new(false) };
    }

    #[cfg(all(test, any(loom, shuttle)))]
    std::thread_local! {
        /// In the models, whose threads all run on this one: what has not been unmapped yet.
        static MAPPED: std::cell::RefCell<Vec<(NonNull<AtomicU64>, usize)>> =
            const { std::cell::RefCell::new(Vec::new()) };
    }

    /// Unmaps all memory, which must no longer be used.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(in crate::matrix) fn unmap_all() {
        for (memory, count) in MAPPED.take() {
            // SAFETY: it came from `map`, and the interleaving that used it is over.
            unsafe { unmap(memory, count) };
        }
    }

    #[cfg(all(test, any(loom, shuttle)))]
    crate::sync::lazy_static! {
        /// In the models, requests for more cells than this are refused.
        pub(in crate::matrix) static ref MOST_GRANTED: AtomicU64 = AtomicU64::new(u64::MAX);
    }

    fn layout(count: usize) -> Option<Layout> {
        Layout::array::<AtomicU64>(count).ok()?.align_to(CELLS * size_of::<u64>()).ok()
    }

    /// Returns `count` zeroed cells, aligned to a padded line, or `None` if there is no memory, or
    /// if the allocator itself is adding while it serves such a request.
    pub(in crate::matrix) fn map(count: usize) -> Option<NonNull<AtomicU64>> {
        #[cfg(all(test, any(loom, shuttle)))]
        if count as u64 > MOST_GRANTED.load(crate::sync::Ordering::Relaxed) {
            return None;
        }
        if count == 0 || ALLOCATING.replace(true) {
            return None;
        }
        let memory = layout(count).and_then(|layout| {
            // SAFETY: the layout is not empty.
            NonNull::new(unsafe { alloc_zeroed(layout) }.cast::<AtomicU64>())
        });
        ALLOCATING.set(false);
        #[cfg(all(test, any(loom, shuttle)))]
        MAPPED.with_borrow_mut(|mapped| mapped.extend(memory.map(|memory| (memory, count))));
        memory.inspect(|memory| zero(*memory, count))
    }

    /// Writes zeros, since zero bytes are not a valid atomic of the models.
    fn zero(memory: NonNull<AtomicU64>, count: usize) {
        if cfg!(all(test, any(loom, shuttle))) {
            for index in 0..count {
                // SAFETY: the index is within the allocation.
                let cell = unsafe { memory.add(index) };
                // SAFETY: the cell is valid for writes, and no other thread sees it yet.
                unsafe { cell.write(AtomicU64::new(0)) };
            }
        }
    }

    /// Returns memory to the allocator.
    ///
    /// # Safety
    ///
    /// `memory` is `count` cells from `map`, which are no longer used.
    pub(in crate::matrix) unsafe fn unmap(memory: NonNull<AtomicU64>, count: usize) {
        #[cfg(all(test, any(loom, shuttle)))]
        MAPPED.with_borrow_mut(|mapped| mapped.retain(|(mapped, _)| *mapped != memory));
        if let Some(layout) = layout(count) {
            for index in 0..count {
                // SAFETY: the index is within the allocation.
                let cell = unsafe { memory.add(index) };
                // SAFETY: the cell was made by `map`, and is dropped once.
                unsafe { cell.drop_in_place() };
            }
            // SAFETY: allocated by `map` with this layout.
            unsafe { dealloc(memory.as_ptr().cast(), layout) };
        }
    }
}
