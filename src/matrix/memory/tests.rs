#![expect(unsafe_code, reason = "cells are reached by pointer")]

use super::{AtomicU64, map, unmap};
use crate::sync::Ordering;
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
