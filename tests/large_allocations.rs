//! A counter in an allocator that counts only large allocations: its first add happens while another library
//! allocates, with whatever locks that library holds.
//!
//! `num_cpus` allocates within a `Once` on its first call. An add that called `num_cpus` would wait for that
//! `Once` forever. So this process calls it before anything is counted.

#![cfg(target_os = "linux")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use striped_counter::{Backend, Counter};
use support::{
    allocator::{Observed, Request},
    children::{Ended, in_child_for},
};

/// Allocations of at least this size are counted.
const LARGE: usize = 4 << 10;

static COUNTERS: [Counter; 3] = [
    Counter::builder().backend(Backend::Striped).build(),
    Counter::builder().backend(Backend::PerThread).build(),
    Counter::new(),
];
static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Observed = Observed(|request| {
    if matches!(request, Request::Allocate(LARGE..)) && COUNTING.load(SeqCst) {
        ALLOCATIONS.fetch_add(1, SeqCst);
        COUNTERS.iter().for_each(Counter::inc);
    }
    true
});

#[test]
fn a_first_add_within_an_allocation_of_num_cpus_does_not_wait_for_it() {
    let ended = in_child_for(10, || {
        COUNTING.store(true, SeqCst);
        num_cpus::get();
        COUNTING.store(false, SeqCst);
        let counted = ALLOCATIONS.load(SeqCst);
        let exact = COUNTERS.iter().all(|counter| counter.sum() == counted);
        i32::from(counted == 0) + 2 * i32::from(!exact)
    });
    assert_eq!(ended, Ended::Returned(0), "1: num_cpus has allocated nothing large");
}
