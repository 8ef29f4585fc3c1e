//! Guarantee 11: no sum is negative if every decrement happens after its own increment and no thread takes:
//! with and without a read lock, whichever thread decrements, and wherever the two adds went.

use crate::{
    level,
    support::{Stop, on_every_backend, per_cpu_works},
};
use std::{
    sync::{
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
        mpsc::sync_channel,
    },
    thread,
};
use striped_counter::{Backend, UpDownCounter};

/// How many sums a reader reads at least, and how often they must change. The reader stops the others, so all
/// its reads are concurrent with adds.
const SUMS: usize = 2_000;
const CHANGES: usize = 40;

/// How many decrements may be outstanding: few, so that a wrong sum is below zero.
const OUTSTANDING: usize = 2;

/// Reads the level while `busy` keeps it busy.
fn watch_while(level: &UpDownCounter, busy: impl Fn(&UpDownCounter, &AtomicBool) + Sync) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| busy(level, &stop));
        read_until_content(level);
    });
    assert_eq!(level.sum(), 0);
}

fn read_until_content(level: &UpDownCounter) {
    let (mut last, mut sums, mut changes) = (0, 0, 0);
    while sums < SUMS || changes < CHANGES {
        let sum = level.sum();
        assert!(sum >= 0, "{sum}");
        sums += 1;
        changes += usize::from(sum != last);
        last = sum;
    }
}

/// Calls `body` with levels of every backend, and with some that have so many shards that a lot happens
/// during a sum.
fn on_every_level(body: impl Fn(&UpDownCounter)) {
    on_every_backend(|case| body(&level(case)));
    let wide = [Backend::Striped, Backend::PerCpu];
    for backend in wide.into_iter().filter(|&it| it != Backend::PerCpu || per_cpu_works()) {
        let level = UpDownCounter::builder().backend(backend).shards(4096);
        body(&level.build());
        body(&level.read_lock(true).build());
    }
    // These never lock.
    for backend in [Backend::PerCpu, Backend::PerThread, Backend::Striped] {
        body(&UpDownCounter::builder().backend(backend).read_lock(false).build());
    }
}

#[test]
fn when_a_thread_increments_and_then_decrements() {
    fn busy(level: &UpDownCounter, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            level.inc();
            level.dec();
        }
    }
    on_every_level(|level| watch_while(level, busy));
}

#[test]
fn when_a_thread_adds_and_then_subtracts_the_same_amount_in_parts() {
    fn busy(level: &UpDownCounter, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            level.add(1 << 40);
            level.sub(1);
            level.add(1 - (1 << 40));
        }
    }
    on_every_level(|level| watch_while(level, busy));
}

#[test]
fn when_another_thread_decrements_after_a_message() {
    fn busy(level: &UpDownCounter, stop: &AtomicBool) {
        let (hand_over, receive) = sync_channel(OUTSTANDING);
        thread::scope(|scope| {
            scope.spawn(|| receive.into_iter().for_each(|()| level.dec()));
            while !stop.load(Relaxed) {
                level.inc();
                hand_over.send(()).unwrap();
            }
            drop(hand_over);
        });
    }
    on_every_level(|level| watch_while(level, busy));
}

#[test]
fn when_another_thread_decrements_after_a_release_store() {
    fn busy(level: &UpDownCounter, stop: &AtomicBool) {
        let (outstanding, over) = (&AtomicU64::new(0), &AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !(over.load(Acquire) && outstanding.load(Acquire) == 0) {
                    if outstanding.load(Acquire) == 0 {
                        thread::yield_now();
                        continue;
                    }
                    level.dec();
                    outstanding.fetch_sub(1, AcqRel);
                }
            });
            let _over = Stop(over);
            while !stop.load(Relaxed) {
                if outstanding.load(Acquire) == OUTSTANDING as u64 {
                    thread::yield_now();
                    continue;
                }
                level.inc();
                outstanding.fetch_add(1, Release);
            }
        });
    }
    on_every_level(|level| watch_while(level, busy));
}

/// The increment went to a shard, and the first add of a thread may go to the spill.
#[test]
fn when_a_guard_moves_to_a_thread_whose_first_add_is_the_decrement() {
    fn busy(level: &UpDownCounter, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            let guard = level.guard();
            thread::scope(|scope| drop(scope.spawn(move || drop(guard))));
        }
    }
    on_every_level(|level| watch_while(level, busy));
}

/// Vice versa.
#[test]
fn when_a_guard_is_made_by_a_thread_whose_first_add_is_the_increment() {
    fn busy(level: &UpDownCounter, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            drop(thread::scope(|scope| scope.spawn(|| level.guard()).join().unwrap()));
        }
    }
    on_every_level(|level| watch_while(level, busy));
}
