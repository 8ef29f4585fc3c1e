//! The README's line, pasted: a process of its own, since there is one global recorder.

use metrics::{counter, set_global_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::{
    thread,
    time::{Duration, Instant},
};
use striped_counter::integrations::metrics::ShardedRecorder;

#[test]
fn the_line_that_matters_is_enough() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let handle = exporter.handle();
    set_global_recorder(ShardedRecorder::new(exporter)).unwrap();
    let held = counter!("held");
    (0..1_000).for_each(|_| held.increment(1));
    counter!("mentioned").increment(3);
    let start = Instant::now();
    let shows = |line| handle.render().lines().any(|shown| shown == line);
    while !(shows("held 1000") && shows("mentioned 3")) {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", handle.render());
        thread::sleep(Duration::from_millis(10));
    }
}
