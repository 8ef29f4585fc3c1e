//! A level: [`UpDownCounter`], and one atomic.
//!
//! Three of four operations are ups and one is a down, so the expected level shows whether either
//! of them is missing.

use super::{Name, settings, single::Single, unplanned};
use crate::UpDownCounter;
use crate::bench::{
    lab::measure::{Load, Sample, shared},
    plan::Point,
};
use std::{
    hint::black_box,
    io,
    sync::atomic::{AtomicI64, Ordering},
};

const UPS: u64 = 3;
const DOWNS: u64 = 1;

pub(super) fn run(point: &Point, load: Load) -> io::Result<Sample> {
    match point.subject {
        Name::Backend(backend) => {
            shared(settings(UpDownCounter::builder(), backend, point).build(), load)
        }
        Name::AtomicI64 => shared(AtomicLevel::default(), load),
        _ => unplanned(point),
    }
}

/// One atomic for all threads.
#[derive(Default)]
struct AtomicLevel(AtomicI64);

impl AtomicLevel {
    #[inline(always)]
    fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    #[inline(always)]
    fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
    fn sum(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Implements the subject for a type with these methods.
macro_rules! level {
    ($level:ty, $shards:expr) => {
        impl Single for $level {
            const ADDS: u64 = UPS + DOWNS;
            const COME_TO: u64 = UPS - DOWNS;

            #[inline(always)]
            fn add(&self) {
                for _ in 0..UPS {
                    self.inc();
                    black_box(());
                }
                for _ in 0..DOWNS {
                    self.dec();
                }
            }
            #[inline(always)]
            fn sum(&self) -> u64 {
                crate::signs::unsigned(self.sum())
            }
            fn shards(&self) -> Option<usize> {
                $shards(self)
            }
        }
    };
}
level!(UpDownCounter, |level: &Self| Some(level.shards()));
level!(AtomicLevel, |_: &Self| None);
