//! The recorder in front of real exporters, and of ones that do what exporters may do.

mod histograms;
mod spy;
mod stock;

use metrics::{Counter, Recorder, counter, histogram, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_tracing_context::{MetricsLayer, TracingContextLayer};
use metrics_util::{MetricKindMask, layers::Layer as _};
use spy::{Call, Spy};
use std::{
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};
use striped_counter::{
    Counter as Sharded, Histogram,
    integrations::metrics::{Flusher, RecorderError, ShardedRecorder},
};
use striped_counter_exporters::value;
use tracing::subscriber::with_default;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

/// For what should take no time at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// Puts a recorder in front of `inner` that only the test flushes.
fn in_front_of<R: Recorder + Send + Sync + 'static>(inner: R) -> (ShardedRecorder<R>, Flusher) {
    let recorder = ShardedRecorder::builder(inner).flush_by_hand().build();
    let flusher = recorder.flusher();
    (recorder, flusher)
}

/// Fails if `body` hangs.
fn in_time(body: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _done = done;
        body();
    });
    assert_ne!(ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Timeout), "it hangs");
    thread.join().unwrap();
}

fn with_idle_timeout(timeout: Duration) -> (impl Recorder + Send + Sync, PrometheusHandle) {
    let builder = PrometheusBuilder::new().idle_timeout(MetricKindMask::COUNTER, Some(timeout));
    let exporter = builder.build_recorder();
    let handle = exporter.handle();
    (exporter, handle)
}

#[test]
fn a_series_that_the_exporter_dropped_comes_back() {
    let (exporter, handle) = with_idle_timeout(Duration::from_millis(200));
    let (recorder, flusher) = in_front_of(exporter);
    with_local_recorder(&recorder, || {
        counter!("hits").increment(3);
        flusher.flush();
        assert_eq!(value(&handle.render(), "hits"), 3);
        thread::sleep(Duration::from_millis(300));
        assert!(!handle.render().contains("hits"), "the exporter has dropped it");
        let shown = [4, 8, 12].map(|_| {
            counter!("hits").increment(4);
            flusher.flush();
            value(&handle.render(), "hits")
        });
        assert_eq!(shown, [4, 8, 12]);
    });
}

#[test]
fn counters_that_nobody_holds_are_forgotten() {
    const LABELS: usize = 10_000;
    let spy = Spy::new();
    let (recorder, flusher) = in_front_of(spy.clone());
    let held = with_local_recorder(&recorder, || {
        for user in 0..LABELS {
            counter!("hits", "user" => user.to_string()).increment(1);
        }
        counter!("hits", "user" => "held")
    });
    flusher.flush();
    flusher.flush();
    assert_eq!((spy.value("hits"), spy.handles_held()), (LABELS as u64, 1));
    held.increment(1);
    flusher.flush();
    drop(held);
    flusher.flush();
    assert_eq!((spy.value("hits"), spy.handles_held()), (LABELS as u64 + 1, 0));
}

#[test]
fn labels_that_a_layer_adds_come_through() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let handle = exporter.handle();
    let layered = TracingContextLayer::all().layer(exporter);
    let (recorder, flusher) = in_front_of(layered);
    with_default(Registry::default().with(MetricsLayer::new()), || {
        with_local_recorder(&recorder, || {
            for user in ["ann", "bob", "cyd"] {
                let span = tracing::info_span!("request", user);
                let _entered = span.enter();
                counter!("hits").increment(1);
            }
        });
    });
    flusher.flush();
    for user in ["ann", "bob", "cyd"] {
        assert_eq!(value(&handle.render(), &format!("hits{{user=\"{user}\"}}")), 1);
    }
}

/// The counters of the exporter's own code, which counts each of its calls.
fn count_itself(recorder: &OnceLock<ShardedRecorder<Spy>>, name: &'static str) {
    let Some(recorder) = recorder.get() else { return };
    with_local_recorder(recorder, || counter!(name).increment(1));
}

/// A recorder in front of one that counts, through the same recorder, when it is called.
fn self_counting(
    on_register: impl Fn(&OnceLock<ShardedRecorder<Spy>>) + Send + Sync + 'static,
    on_count: impl Fn(&OnceLock<ShardedRecorder<Spy>>) + Send + Sync + 'static,
) -> (Spy, &'static ShardedRecorder<Spy>, Flusher) {
    let itself: &'static OnceLock<_> = Box::leak(Box::default());
    let spy = Spy::calling(move |_| on_register(itself), move |_| on_count(itself));
    let (recorder, flusher) = in_front_of(spy.clone());
    assert!(itself.set(recorder).is_ok());
    (spy, itself.get().unwrap(), flusher)
}

#[test]
fn an_exporter_may_count_while_it_registers() {
    in_time(|| {
        let register = |itself: &_| count_itself(itself, "registered");
        let (spy, recorder, flusher) = self_counting(register, |_| ());
        with_local_recorder(recorder, || counter!("hits").increment(1));
        for _ in 0..4 {
            flusher.flush();
        }
        assert_eq!(spy.value("hits"), 1);
        assert!((1..=4).contains(&spy.value("registered")), "{:?}", spy.calls("registered"));
    });
}

#[test]
fn an_exporter_may_count_while_it_counts() {
    in_time(|| {
        let count = |itself: &_| count_itself(itself, "counted");
        let (spy, recorder, flusher) = self_counting(|_| (), count);
        let hits = with_local_recorder(recorder, || counter!("hits"));
        hits.increment(1);
        for _ in 0..4 {
            flusher.flush();
        }
        hits.absolute(2);
        flusher.flush();
        assert_eq!(spy.value("hits"), 2);
        assert!((1..=6).contains(&spy.value("counted")), "{:?}", spy.calls("counted"));
    });
}

/// Each call adds to two counters, which are counted at the next flush, and must not double with each flush.
#[test]
fn what_an_exporter_counts_of_itself_does_not_grow_without_bound() {
    in_time(|| {
        let (spy, recorder, flusher) = self_counting(
            |itself| count_itself(itself, "registered"),
            |itself| count_itself(itself, "counted"),
        );
        with_local_recorder(recorder, || counter!("hits").increment(1));
        for _ in 0..50 {
            flusher.flush();
        }
        let calls = spy.calls("registered").len() + spy.calls("counted").len();
        assert!(calls < 500, "{calls} calls");
    });
}

#[test]
fn an_exporter_may_flush_while_it_counts() {
    in_time(|| {
        let flush: &'static OnceLock<Flusher> = Box::leak(Box::default());
        let spy = Spy::calling(
            |_| (),
            |_| {
                flush.get().map(Flusher::flush);
            },
        );
        let (recorder, flusher) = in_front_of(spy.clone());
        assert!(flush.set(flusher.clone()).is_ok());
        with_local_recorder(&recorder, || counter!("hits").increment(1));
        flusher.flush();
        assert_eq!(spy.value("hits"), 1);
    });
}

/// Shut until it is opened.
#[derive(Default)]
struct Gate(Mutex<(usize, bool)>, Condvar);

impl Gate {
    fn pass(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        self.1.notify_all();
        drop(self.1.wait_while(state, |(_, open)| !*open).unwrap());
    }

    fn until_somebody_waits(&self) {
        let state = self.0.lock().unwrap();
        drop(self.1.wait_while(state, |(waiting, _)| *waiting == 0).unwrap());
    }

    fn open(&self) {
        self.0.lock().unwrap().1 = true;
        self.1.notify_all();
    }
}

#[test]
fn a_flush_into_a_slow_exporter_holds_nobody_up() {
    in_time(|| {
        let gate = Arc::new(Gate::default());
        let slow = Arc::clone(&gate);
        let spy = Spy::calling(|_| (), move |_| slow.pass());
        let (recorder, flusher) = in_front_of(spy.clone());
        let held: Counter = with_local_recorder(&recorder, || {
            counter!("mentioned").increment(1);
            counter!("held")
        });
        held.increment(1);
        thread::scope(|scope| {
            let flush = scope.spawn(|| flusher.flush());
            gate.until_somebody_waits();
            with_local_recorder(&recorder, || {
                for _ in 0..100 {
                    counter!("mentioned").increment(1);
                    counter!("new").increment(1);
                    held.increment(1);
                    held.absolute(5);
                }
            });
            gate.open();
            flush.join().unwrap();
        });
        flusher.flush();
        assert_eq!((spy.value("mentioned"), spy.value("new"), spy.value("held")), (101, 100, 104));
    });
}

#[test]
fn absolute_is_passed_on_as_such_and_in_order() {
    let spy = Spy::new();
    let (recorder, flusher) = in_front_of(spy.clone());
    with_local_recorder(&recorder, || {
        for value in [42, 108, 42] {
            counter!("mentioned").absolute(value);
        }
        let held = counter!("held");
        for value in [42, 108, 42] {
            held.absolute(value);
        }
        let mixed = counter!("mixed");
        mixed.increment(5);
        mixed.absolute(42);
        mixed.increment(3);
    });
    flusher.flush();
    let expected = [42, 108, 42].map(Call::Absolute);
    assert_eq!(spy.calls("mentioned"), expected);
    assert_eq!(spy.calls("held"), expected[..2], "the first and the largest");
    assert_eq!(spy.calls("mixed"), [Call::Increment(5), Call::Absolute(42), Call::Increment(3)]);
}

/// However many calls there are between two flushes, the exporter gets a few.
#[test]
fn many_absolute_values_are_passed_on_as_two() {
    const CALLS: u64 = 1_000;
    let spy = Spy::new();
    let (recorder, flusher) = in_front_of(spy.clone());
    let [rising, mixed] =
        with_local_recorder(&recorder, || [counter!("rising"), counter!("mixed")]);
    let mut expected = 0;
    for n in 7..CALLS {
        rising.absolute(n);
        mixed.increment(n % 5);
        // Sometimes above what has been counted, and sometimes below.
        mixed.absolute(n * (n % 3));
        expected = (expected + n % 5).max(n * (n % 3));
    }
    flusher.flush();
    assert_eq!(spy.calls("rising"), [7, CALLS - 1].map(Call::Absolute));
    assert_eq!((spy.value("mixed"), spy.calls("mixed").len()), (expected, 4));
}

#[test]
fn an_increment_after_an_absolute_value_survives_a_flush_in_between() {
    in_time(|| {
        let gate = Arc::new(Gate::default());
        let slow = Arc::clone(&gate);
        let spy = Spy::calling(|_| (), move |_| slow.pass());
        let (recorder, flusher) = in_front_of(spy.clone());
        let held = with_local_recorder(&recorder, || counter!("held"));
        held.absolute(100);
        thread::scope(|scope| {
            let flush = scope.spawn(|| flusher.flush());
            gate.until_somebody_waits();
            held.absolute(200);
            held.increment(5);
            gate.open();
            flush.join().unwrap();
        });
        flusher.flush();
        assert_eq!(spy.value("held"), 205, "{:?}", spy.calls("held"));
    });
}

/// Else it would pause for 40 seconds.
#[test]
fn a_slow_flush_puts_the_next_one_off_by_a_second_at_most() {
    in_time(|| {
        let (reached, was_reached) = mpsc::channel();
        let spy = Spy::calling(
            |_| (),
            move |key| {
                reached.send(()).unwrap();
                if key.name() == "slow" {
                    thread::sleep(Duration::from_secs(2));
                }
            },
        );
        let recorder = ShardedRecorder::builder(spy).flush_every(Duration::from_millis(1)).build();
        let [slow, fast] = with_local_recorder(&recorder, || [counter!("slow"), counter!("fast")]);
        slow.increment(1);
        was_reached.recv().unwrap();
        // Either in this flush or in the next.
        for _ in 0..2 {
            fast.increment(1);
            was_reached.recv().unwrap();
        }
    });
}

/// The storage of a `DogStatsD` exporter: an absolute value is sent as what it has grown by since the
/// last one.
#[test]
fn a_dogstatsd_storage_sends_what_an_absolute_value_grew_by() {
    let spy = Spy::new();
    let (recorder, flusher) = in_front_of(spy.clone());
    let sent = [42, 108, 42].map(|value| {
        let before = spy.calls("total").len();
        with_local_recorder(&recorder, || counter!("total").absolute(value));
        flusher.flush();
        let mut last = None;
        let mut sent = 0;
        for (index, call) in spy.calls("total").into_iter().enumerate() {
            let grown = match call {
                Call::Increment(n) => n,
                Call::Absolute(n) => {
                    n.saturating_sub(last.replace(n.max(last.unwrap_or(n))).unwrap_or(n))
                }
            };
            sent += if index >= before { grown } else { 0 };
        }
        sent
    });
    assert_eq!(sent, [0, 66, 0]);
}

#[test]
fn wrong_settings_are_refused_when_the_recorder_is_made() {
    let text = |error: RecorderError| error.to_string();
    let builder = || ShardedRecorder::builder(Spy::new());
    let counters = builder().counters(Sharded::builder().shards(0)).try_build().unwrap_err();
    assert_eq!(text(counters), "counters: shards: 0 is out of range, from 1 to 4096");
    let histograms = builder().histograms(Histogram::builder().shards(5_000)).try_build();
    let expected = "histograms: shards: 5000 is out of range, from 1 to 4096";
    assert_eq!(text(histograms.unwrap_err()), expected);
    let many: Vec<_> = (1..=1_025).map(f64::from).collect();
    assert!(text(builder().buckets(&many).try_build().unwrap_err()).contains("1025"));
    let pause = builder().flush_every(Duration::ZERO).try_build().unwrap_err();
    assert!(text(pause).starts_with("flush_every: 0"));
    for bounds in
        [&[][..], &[0.0, 1.0], &[1.0, 1.0], &[2.0, 1.0], &[f64::NAN], &[1.0, f64::INFINITY]]
    {
        let error = text(builder().buckets_of("latency", bounds).try_build().unwrap_err());
        assert!(error.starts_with(&format!("buckets: {bounds:?}")), "{error}");
    }
}

#[test]
#[should_panic(expected = "counters: shards: 0 is out of range")]
fn build_panics_on_what_try_build_refuses() {
    let _ = ShardedRecorder::builder(Spy::new()).counters(Sharded::builder().shards(0)).build();
}

#[test]
fn a_thread_of_its_own_flushes_and_ends_with_the_recorder() {
    in_time(|| {
        let (reached, was_reached) = mpsc::channel();
        let spy = Spy::calling(|_| (), move |_| reached.send(thread::current().id()).unwrap());
        let recorder = ShardedRecorder::new(spy.clone());
        let held = with_local_recorder(&recorder, || counter!("hits"));
        held.increment(1);
        assert_ne!(was_reached.recv().unwrap(), thread::current().id());
        drop(recorder);
        held.increment(1);
        drop(held);
        // By this thread, or by the other one if it was in a flush.
        was_reached.recv().unwrap();
        assert_eq!(spy.value("hits"), 2);
        // The hook, with the sender in it, is the spies': the last of them is that of the recorder, which the
        // thread lets go of.
        drop(spy);
        assert_eq!(was_reached.recv(), Err(mpsc::RecvError));
    });
}

#[test]
fn a_recorder_that_is_dropped_hands_on_what_there_is() {
    for by_key in [false, true] {
        let spy = Spy::new();
        let builder = ShardedRecorder::builder(spy.clone()).flush_by_hand();
        let recorder = if by_key { builder.by_key() } else { builder }.build();
        let held = with_local_recorder(&recorder, || {
            counter!("hits").increment(1);
            counter!("hits")
        });
        held.increment(2);
        drop(recorder);
        assert_eq!(spy.value("hits"), 3);
        held.increment(4);
        drop(held);
        assert_eq!(spy.value("hits"), if by_key { 3 } else { 7 }, "as documented");
    }
}

/// The exporter has it again without another look-up.
#[test]
fn with_a_counter_per_key_a_handle_survives_what_the_exporter_drops() {
    let (exporter, handle) = with_idle_timeout(Duration::from_millis(200));
    let recorder = ShardedRecorder::builder(exporter).by_key().flush_by_hand().build();
    let flusher = recorder.flusher();
    let held = with_local_recorder(&recorder, || counter!("hits"));
    held.increment(3);
    flusher.flush();
    assert_eq!(value(&handle.render(), "hits"), 3);
    thread::sleep(Duration::from_millis(300));
    assert!(!handle.render().contains("hits"), "the exporter has dropped it");
    held.increment(4);
    flusher.flush();
    assert_eq!(value(&handle.render(), "hits"), 4);
}

/// While its thread is stuck in the exporter, and although a `Flusher` is kept.
#[test]
fn a_recorder_that_is_dropped_passes_on_what_it_can() {
    for stuck in [false, true] {
        in_time(move || {
            let gate = Arc::new(Gate::default());
            let slow = Arc::clone(&gate);
            let spy = Spy::calling(
                |_| (),
                move |key| {
                    if key.name() == "slow" {
                        slow.pass();
                    }
                },
            );
            let builder = ShardedRecorder::builder(spy.clone()).by_key();
            let recorder = if stuck { builder } else { builder.flush_by_hand() }.build();
            let flusher = (!stuck).then(|| recorder.flusher());
            if stuck {
                with_local_recorder(&recorder, || counter!("slow").increment(1));
                gate.until_somebody_waits();
            }
            with_local_recorder(&recorder, || {
                counter!("hits").increment(1);
                histogram!("latency").record(1.0);
            });
            drop(recorder);
            assert_eq!(spy.value("hits"), 1);
            assert_eq!(spy.grown("latency_count"), [("latency_count".to_owned(), 1.0)]);
            gate.open();
            drop(flusher);
        });
    }
}

/// For which the exporter panics.
fn is_bad(key: &metrics::Key) {
    assert_ne!(key.name(), "bad", "as it is meant to");
}

#[test]
fn a_key_for_which_the_exporter_panics_holds_up_no_other() {
    let names: Vec<_> = (0..200).map(|n| format!("good{n}")).collect();
    for by_key in [false, true] {
        let spy = if by_key { Spy::calling(is_bad, |_| ()) } else { Spy::calling(|_| (), is_bad) };
        let builder = ShardedRecorder::builder(spy.clone()).flush_by_hand();
        let recorder = if by_key { builder.by_key() } else { builder }.build();
        let _held = with_local_recorder(&recorder, || {
            let bad = counter!("bad");
            bad.increment(1);
            // Enough of them for `counter!` to flush.
            names.iter().for_each(|name| counter!(name.clone()).increment(1));
            histogram!("latency").record(1.0);
            bad.increment(1);
            bad
        });
        let flusher = recorder.flusher();
        thread::scope(|scope| scope.spawn(|| flusher.flush()).join().unwrap_err());
        names.iter().for_each(|name| assert_eq!(spy.value(name), 1, "{name}"));
        assert_eq!(spy.grown("latency_count").len(), 1);
    }
}

#[test]
fn the_recorders_thread_survives_a_panic_of_the_exporter() {
    in_time(|| {
        let (reached, was_reached) = mpsc::channel();
        let spy = Spy::calling(
            |_| (),
            move |key| {
                is_bad(key);
                reached.send(()).unwrap();
            },
        );
        let recorder = ShardedRecorder::builder(spy).flush_every(Duration::from_millis(1)).build();
        let [bad, good] = with_local_recorder(&recorder, || [counter!("bad"), counter!("good")]);
        for _ in 0..3 {
            bad.increment(1);
            good.increment(1);
            was_reached.recv().unwrap();
        }
    });
}

#[test]
fn a_panic_of_the_exporter_loses_no_other_counter() {
    let spy = Spy::calling(|_| (), |key| assert_ne!(key.name(), "bad", "as it is meant to"));
    let (recorder, flusher) = in_front_of(spy.clone());
    let held = with_local_recorder(&recorder, || {
        ["before", "bad", "after"].map(|name| metrics::with_recorder(|_| counter!(name)))
    });
    held.iter().for_each(|counter| counter.increment(1));
    thread::scope(|scope| scope.spawn(|| flusher.flush()).join().unwrap_err());
    held[0].increment(1);
    held[2].increment(1);
    flusher.flush();
    assert_eq!((spy.value("before"), spy.value("after")), (2, 2));
}

#[test]
fn with_a_counter_per_key_the_exporter_is_not_asked_again() {
    let registered = Arc::new(Mutex::new(0));
    let asked = Arc::clone(&registered);
    let spy = Spy::calling(move |_| *asked.lock().unwrap() += 1, |_| ());
    let recorder = ShardedRecorder::builder(spy.clone()).by_key().flush_by_hand().build();
    let flusher = recorder.flusher();
    with_local_recorder(&recorder, || (0..100).for_each(|_| counter!("hits").increment(1)));
    assert_eq!(*registered.lock().unwrap(), 0);
    flusher.flush();
    assert_eq!((spy.value("hits"), *registered.lock().unwrap()), (100, 1));
    // At rest, and forgotten.
    flusher.flush();
    flusher.flush();
    assert!(format!("{recorder:?}").contains("handles: 0"), "{recorder:?}");
}
