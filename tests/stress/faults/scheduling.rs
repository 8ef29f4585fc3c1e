//! Faults of scheduling: where adders run, and their registration with the kernel.

use super::{Fault, Side};
use crate::{
    os,
    run::{Adder, Run},
    target::Config,
};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// With a single CPU, no thread is moved.
fn has_more_than_one() -> bool {
    os::cpus().len() > 1
}

static HOPS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Hops;

impl Fault for Hops {
    fn name(&self) -> &'static str {
        "hops"
    }

    fn what(&self) -> &'static str {
        "adders move themselves to another CPU every 64 operations: moves"
    }

    fn applies(&self, _: Config) -> bool {
        has_more_than_one()
    }

    fn happened(&self, _: &Run) -> u64 {
        HOPS.load(Relaxed)
    }

    fn inject(&self, _: &Adder, turn: u64) {
        HOPS.fetch_add(u64::from(os::pin(0, turn)), Relaxed);
    }
}

static MOVES: AtomicU64 = AtomicU64::new(0);

pub(super) struct Moves;

impl Fault for Moves {
    fn name(&self) -> &'static str {
        "moves"
    }

    fn what(&self) -> &'static str {
        "another thread moves adders to another CPU, wherever they are: moves"
    }

    fn applies(&self, _: Config) -> bool {
        has_more_than_one()
    }

    fn happened(&self, _: &Run) -> u64 {
        MOVES.load(Relaxed)
    }

    fn side(&self) -> Option<Side> {
        static TURN: AtomicU64 = AtomicU64::new(0);
        Some(|run| {
            let turn = TURN.fetch_add(1, Relaxed);
            for (slot, adder) in run.adders.iter().enumerate() {
                let adder = adder.load(Relaxed);
                let moved = adder != 0 && os::pin(adder, turn + slot as u64);
                MOVES.fetch_add(u64::from(moved), Relaxed);
            }
            // Without a pause, the kernel would do nothing else.
            std::thread::sleep(std::time::Duration::from_micros(100));
            Ok(())
        })
    }
}

pub(super) struct Oversubscription;

impl Fault for Oversubscription {
    fn name(&self) -> &'static str {
        "oversubscription"
    }

    fn what(&self) -> &'static str {
        "50 adders a CPU: preemptions, by the kernel's count"
    }

    fn happened(&self, _: &Run) -> u64 {
        os::preemptions()
    }

    fn slots(&self) -> usize {
        50 * os::cpus().len()
    }
}

static LOST: AtomicU64 = AtomicU64::new(0);

pub(super) struct LostRegistration;

impl Fault for LostRegistration {
    fn name(&self) -> &'static str {
        "registration lost"
    }

    fn what(&self) -> &'static str {
        "adders end their rseq registration, and later register again: registrations ended"
    }

    fn happened(&self, _: &Run) -> u64 {
        LOST.load(Relaxed)
    }

    fn applies(&self, config: Config) -> bool {
        config.has_rseq() && os::RseqArea::of_this_thread().is_some()
    }

    fn inject(&self, _: &Adder, turn: u64) {
        let Some(area) = os::RseqArea::of_this_thread() else { return };
        let ending = turn.is_multiple_of(2);
        let done = area.cpu_id() >= 0 && ending || area.cpu_id() < 0 && !ending;
        if done && area.register(!ending) {
            LOST.fetch_add(u64::from(ending), Relaxed);
        }
    }
}

static OUT_OF_RANGE: AtomicU64 = AtomicU64::new(0);

pub(super) struct IdOutOfRange;

impl Fault for IdOutOfRange {
    fn name(&self) -> &'static str {
        "id out of range"
    }

    fn what(&self) -> &'static str {
        "one shard for all CPUs: bursts that began with another id than 0"
    }

    fn happened(&self, _: &Run) -> u64 {
        OUT_OF_RANGE.load(Relaxed)
    }

    fn applies(&self, config: Config) -> bool {
        config.has_rseq() && os::RseqArea::of_this_thread().is_some() && has_more_than_one()
    }

    fn shards(&self) -> Option<usize> {
        Some(1)
    }

    fn inject(&self, _: &Adder, _: u64) {
        let id = os::RseqArea::of_this_thread().map_or(0, |area| area.id());
        OUT_OF_RANGE.fetch_add(u64::from(id > 0), Relaxed);
    }
}
