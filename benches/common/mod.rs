//! What the benchmarks share: the counters under one name each, and criterion's settings.

use criterion::{AxisScale, BenchmarkGroup, Criterion, PlotConfiguration, measurement::WallTime};
use crossbeam_utils::CachePadded;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use striped_counter::{
    Counter,
    classic::{FastReadCounter, FastWriteCounter, SingleThreadCounter, ThreadLocalCounter},
};

/// What is measured of a counter.
pub(crate) trait Count {
    fn inc(&self);
    fn sum(&self) -> u64;
}

impl Count for AtomicU64 {
    #[inline]
    fn inc(&self) {
        self.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn sum(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
}

/// The baseline has its cache line to itself: it is to meet its own adders and nothing else.
impl Count for CachePadded<AtomicU64> {
    #[inline]
    fn inc(&self) {
        (**self).inc();
    }

    #[inline]
    fn sum(&self) -> u64 {
        (**self).sum()
    }
}

macro_rules! count {
    ($($name:ident)*) => {$(
        impl Count for $name {
            #[inline]
            fn inc(&self) {
                $name::inc(self);
            }

            #[inline]
            fn sum(&self) -> u64 {
                $name::sum(self)
            }
        }
    )*};
}
count!(Counter FastReadCounter FastWriteCounter SingleThreadCounter ThreadLocalCounter);

/// A group with logarithmic axes, short enough for a whole run in a minute or two.
pub(crate) fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic))
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    group
}

/// Runs `benches` as the command line says.
pub(crate) fn run(benches: &[fn(&mut Criterion)]) {
    let mut criterion = Criterion::default().configure_from_args();
    for bench in benches {
        bench(&mut criterion);
    }
    criterion.final_summary();
}
