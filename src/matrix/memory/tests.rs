#![expect(unsafe_code, reason = "cells are reached by pointer")]

use super::{AtomicU64, map, unmap};
use crate::sync::Ordering;
#[cfg(target_os = "linux")]
use crate::testing::in_child;
use std::{ptr::NonNull, slice};

fn cells<'a>(run: NonNull<AtomicU64>, count: usize) -> &'a [AtomicU64] {
    // SAFETY: the caller has mapped this many, and looks at them before it returns them.
    unsafe { slice::from_raw_parts(run.as_ptr(), count) }
}

/// Several threads at once, each with more runs at a time than are kept of any size.
#[test]
fn a_reused_run_is_all_zeros_and_has_one_owner() {
    let counts = [1, 16, 511, 512, 513, 1024, 2000, 4095, 4096, 4097, 20_000];
    let one = |thread: u64| {
        for round in 0..50 {
            let runs = counts.map(|count| (map(count).unwrap(), count));
            for (run, count) in runs {
                assert!(cells(run, count).iter().all(|cell| cell.load(Ordering::Relaxed) == 0));
                for cell in cells(run, count) {
                    cell.store(thread, Ordering::Relaxed);
                }
            }
            let ours = |cell: &AtomicU64| cell.load(Ordering::Relaxed) == thread;
            assert!(runs.iter().all(|&(run, count)| cells(run, count).iter().all(ours)), "{round}");
            // SAFETY: mapped above with this count, and not used again.
            runs.iter().for_each(|&(run, count)| unsafe { unmap(run, count) });
        }
    };
    std::thread::scope(|scope| {
        for thread in 1..5 {
            scope.spawn(move || one(thread));
        }
    });
}

/// In a process where no other thread maps anything.
#[cfg(target_os = "linux")]
#[test]
fn a_small_run_is_kept_for_the_next_of_the_same_pages_and_a_large_one_is_not() {
    let test = "a_small_run_is_kept_for_the_next_of_the_same_pages_and_a_large_one_is_not";
    in_child(module_path!(), test, || {
        let map_and_unmap = |count| {
            let run = map(count).unwrap();
            // SAFETY: just mapped with this count, and not used again.
            unsafe { unmap(run, count) };
            run
        };
        // Up to one page of 512 cells, two, four and eight. None of those is of another size.
        let sizes = [[1, 512], [513, 1024], [1025, 2048], [2049, 4096]];
        let runs = sizes.map(|[few, many]| {
            let run = map_and_unmap(many);
            assert_eq!(map_and_unmap(few), run, "of {few} after {many} cells");
            run
        });
        for (index, run) in runs.iter().enumerate() {
            assert!(!runs[..index].contains(run), "a run is for two sizes");
        }
        // A kept run would still be mapped where it was.
        let large = map_and_unmap(4097);
        assert!(!is_mapped(large.addr().get()), "a large run was kept");
    });
}

/// Returns whether there is memory at the address of a page.
#[cfg(target_os = "linux")]
pub(in crate::matrix) fn is_mapped(page: usize) -> bool {
    // SAFETY: only asks; the page need not exist.
    unsafe { libc::msync(std::ptr::without_provenance_mut(page), 1, libc::MS_ASYNC) == 0 }
}
