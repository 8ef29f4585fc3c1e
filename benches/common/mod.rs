//! What the benchmarks share: criterion's settings.

use criterion::{AxisScale, BenchmarkGroup, Criterion, PlotConfiguration, measurement::WallTime};
use std::time::Duration;

/// Returns a group with logarithmic axes, short enough for a whole run in a minute or two.
pub(crate) fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic))
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    group
}

/// Runs `benches` with the options of the command line.
pub(crate) fn run(benches: &[fn(&mut Criterion)]) {
    let mut criterion = Criterion::default().configure_from_args();
    for bench in benches {
        bench(&mut criterion);
    }
    criterion.final_summary();
}
