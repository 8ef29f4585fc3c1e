//! A divert and a membarrier end every section in progress.

use super::{
    super::inject::{Faults, WITHIN},
    adds_disturbed, affinity, per_cpu, supported, until,
};
use crate::{matrix::One, membarrier};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// Diverts adds and calls `fence`, again and again, while another thread adds and mostly is right
/// before its commit. Returns how many commits came after `fence` nevertheless, and how many
/// sections were aborted.
fn commits_behind(fence: fn(), faults: &Faults) -> [u64; 2] {
    let (matrix, ended) = (per_cpu(None), AtomicU64::new(0));
    let aborts = || faults.aborts.load(Ordering::SeqCst);
    let before = aborts();
    // Longer than the first of two membarriers takes to reach the other CPU.
    faults.delays[WITHIN.end - 1].store(100_000, Ordering::SeqCst);
    let add = || {
        matrix.add(One::COLUMN, 1);
        ended.fetch_add(1, Ordering::SeqCst);
    };
    // After two more adds, any section that was in progress has ended.
    let two_more_adds = || {
        let two_more = ended.load(Ordering::SeqCst) + 2;
        while ended.load(Ordering::SeqCst) < two_more {
            thread::yield_now();
        }
    };
    let mut late = 0;
    let adds = adds_disturbed(add, 1, 100, |_| {
        // On a busy machine the other thread may not have run since the last divert. It should be
        // in a section again.
        two_more_adds();
        let lock = matrix.lock().ok().unwrap();
        let _diverted = matrix.divert(&lock);
        fence();
        let shards = matrix.collect(One::COLUMN);
        two_more_adds();
        late += matrix.collect(One::COLUMN) - shards;
    });
    faults.delays[WITHIN.end - 1].store(0, Ordering::SeqCst);
    assert_eq!(matrix.sum(One::COLUMN), adds);
    [late, aborts() - before]
}

#[test]
fn no_section_commits_behind_a_divert_and_a_membarrier() {
    membarrier::register();
    if !supported() || !membarrier::ends_sections() {
        return;
    }
    let faults = Faults::alone();
    let mut all = 0;
    until("50 aborts", || {
        let [late, aborts] = commits_behind(membarrier::heavy, &faults);
        assert_eq!(late, 0);
        all += aborts;
        eprintln!("membarriers: {aborts} aborts");
        all >= 50
    });
}

#[test]
fn seeded_sections_commit_behind_a_divert_without_a_membarrier() {
    if !supported() || affinity().len() < 2 {
        return;
    }
    let faults = Faults::alone();
    until("a late commit", || {
        let [late, _] = commits_behind(|| (), &faults);
        eprintln!("no membarriers: {late} commits too late");
        late > 0
    });
}
