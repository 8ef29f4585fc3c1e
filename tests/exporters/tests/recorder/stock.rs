//! The recorder shows the same as the stock exporter by itself.

use super::{PrometheusBuilder, ShardedRecorder, value, with_local_recorder};
use metrics::{Recorder, counter, gauge, histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use std::thread;
use striped_counter::{Backend, Counter, integrations::metrics::Flusher};
use striped_counter_exporters::monotone_and_complete;

type Subject = (Box<dyn Recorder + Sync>, Flusher, PrometheusHandle);

/// Mentions by themselves, and by key.
fn subjects() -> [Subject; 2] {
    [false, true].map(|by_key| {
        let exporter = PrometheusBuilder::new().build_recorder();
        let handle = exporter.handle();
        let counters = Counter::builder().backend(Backend::Striped).shards(4);
        let builder = ShardedRecorder::builder(exporter).counters(counters).flush_by_hand();
        let recorder = if by_key { builder.by_key() } else { builder }.build();
        let flusher = recorder.flusher();
        (Box::new(recorder) as _, flusher, handle)
    })
}

#[test]
fn it_shows_what_the_macros_count() {
    for (recorder, flusher, handle) in subjects() {
        with_local_recorder(&*recorder, || {
            counter!("hits", "route" => "/").increment(2);
            counter!("hits", "route" => "/").increment(3);
            counter!("other").absolute(7);
            gauge!("busy").increment(1.0);
        });
        flusher.flush();
        flusher.flush();
        let text = handle.render();
        assert_eq!(value(&text, "hits{route=\"/\"}"), 5);
        assert_eq!(value(&text, "other"), 7);
        assert_eq!(value(&text, "busy"), 1);
    }
}

/// A series that starts at zero, for alerts on its growth, and one that nothing was counted for yet.
#[test]
fn it_shows_series_at_zero() {
    for (recorder, flusher, handle) in subjects() {
        let held = with_local_recorder(&*recorder, || {
            counter!("errors").increment(0);
            (counter!("held"), histogram!("latency"))
        });
        flusher.flush();
        for name in ["errors", "held", "latency_count", "latency_bucket{le=\"10\"}"] {
            assert_eq!(value(&handle.render(), name), 0);
        }
        drop(held);
        (0..3).for_each(|_| flusher.flush());
        assert_eq!(format!("{flusher:?}"), "Flusher { handles: 0 }", "they come to rest");
    }
}

#[test]
fn scrapes_under_load_lose_nothing() {
    for (recorder, flusher, handle) in subjects() {
        let scrape = |name: &str| {
            flusher.flush();
            value(&handle.render(), name)
        };
        let held = with_local_recorder(&*recorder, || counter!("held"));
        held.increment(1);
        monotone_and_complete(1, || held.increment(1), || scrape("held"));
        let mention = || with_local_recorder(&*recorder, || counter!("mentioned").increment(1));
        mention();
        monotone_and_complete(1, mention, || scrape("mentioned"));
    }
}

/// Any sequence of increments, absolute values and flushes by one thread, through handles of all ages.
#[test]
fn any_sequence_comes_to_the_same() {
    let mut seed = 1_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for (recorder, flusher, handle) in subjects() {
        let stock = PrometheusBuilder::new().build_recorder();
        let names = ["a", "b", "c", "d"];
        let mut held: Vec<_> = Vec::new();
        for _ in 0..20_000 {
            let name = names[random(4) as usize];
            let mention =
                |recorder: &dyn Recorder| with_local_recorder(recorder, || counter!(name));
            let both = match random(8) {
                0 => {
                    held.push([mention(&*recorder), mention(&stock)]);
                    continue;
                }
                1 if held.len() > 20 => {
                    drop(held.swap_remove(random(20) as usize));
                    continue;
                }
                2..=4 if !held.is_empty() => held[random(held.len() as u64) as usize].clone(),
                _ => [mention(&*recorder), mention(&stock)],
            };
            let n = random(1_000);
            both.iter().for_each(|counter| counter.increment(n));
            if random(20) == 0 {
                // In order with what other handles of the same counter have.
                flusher.flush();
                let n = random(1_000_000);
                both.iter().for_each(|counter| counter.absolute(n));
                flusher.flush();
            }
        }
        flusher.flush();
        let (ours, theirs) = (handle.render(), stock.handle().render());
        names
            .iter()
            .for_each(|name| assert_eq!(value(&ours, name), value(&theirs, name), "{name}"));
    }
}

/// Handles come and go in many threads, while several flush.
#[test]
fn nothing_is_lost_while_handles_come_and_go() {
    const THREADS: u64 = 4;
    const HANDLES: u64 = 2_000;
    for (recorder, flusher, handle) in subjects() {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for n in 0..HANDLES {
                        let counter = with_local_recorder(&*recorder, || counter!("hits"));
                        (0..n % 40).for_each(|_| counter.increment(1));
                        if n % 100 == 0 {
                            flusher.flush();
                        }
                    }
                });
            }
        });
        flusher.flush();
        let expected = THREADS * (0..HANDLES).map(|n| n % 40).sum::<u64>();
        assert_eq!(value(&handle.render(), "hits"), expected);
    }
}
