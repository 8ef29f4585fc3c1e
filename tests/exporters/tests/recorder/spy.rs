//! A recorder that records its calls, and that calls back.

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use std::sync::{Arc, Mutex, Weak};

/// An operation on a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Increment(u64),
    Absolute(u64),
}

type Hook = Box<dyn Fn(&Key) + Send + Sync>;

/// Storage like that of an exporter, with hooks where an exporter could do anything.
#[derive(Clone)]
pub(crate) struct Spy(Arc<State>);

struct State {
    on_register: Hook,
    on_count: Hook,
    calls: Mutex<Vec<(Key, Call)>>,
    grown: Mutex<Vec<(Key, f64)>>,
    handles: Mutex<Vec<Weak<Handle>>>,
}

struct Handle {
    key: Key,
    state: Arc<State>,
}

impl Spy {
    pub(crate) fn new() -> Self {
        Self::calling(|_| (), |_| ())
    }

    /// Calls `on_register` for each counter that is registered, and `on_count` for each change of one
    /// and before each change of a gauge.
    pub(crate) fn calling(
        on_register: impl Fn(&Key) + Send + Sync + 'static,
        on_count: impl Fn(&Key) + Send + Sync + 'static,
    ) -> Self {
        let (on_register, on_count) = (Box::new(on_register), Box::new(on_count));
        let (calls, grown, handles) = Default::default();
        Self(Arc::new(State { on_register, on_count, calls, grown, handles }))
    }

    /// Returns the operations on the counter of this name, in order.
    pub(crate) fn calls(&self, name: &str) -> Vec<Call> {
        let calls = self.0.calls.lock().unwrap();
        calls.iter().filter(|(key, _)| key.name() == name).map(|(_, call)| *call).collect()
    }

    /// Returns the value of the counter of this name.
    pub(crate) fn value(&self, name: &str) -> u64 {
        self.calls(name).into_iter().fold(0, |value, call| match call {
            Call::Increment(n) => value + n,
            Call::Absolute(n) => value.max(n),
        })
    }

    /// Returns by how much the gauges of this name grew, in order, each with the last of its labels.
    pub(crate) fn grown(&self, name: &str) -> Vec<(String, f64)> {
        let grown = self.0.grown.lock().unwrap();
        let of_name = grown.iter().filter(|(key, _)| key.name().starts_with(name));
        let label = |key: &Key| key.labels().last().map_or(String::new(), |l| l.value().to_owned());
        of_name.map(|(key, by)| (key.name().to_owned() + &label(key), *by)).collect()
    }

    /// Returns how many of the handles that it gave out are still held.
    pub(crate) fn handles_held(&self) -> usize {
        self.0.handles.lock().unwrap().iter().filter(|handle| handle.strong_count() > 0).count()
    }
}

impl CounterFn for Handle {
    fn increment(&self, value: u64) {
        self.state.calls.lock().unwrap().push((self.key.clone(), Call::Increment(value)));
        (self.state.on_count)(&self.key);
    }

    fn absolute(&self, value: u64) {
        self.state.calls.lock().unwrap().push((self.key.clone(), Call::Absolute(value)));
        (self.state.on_count)(&self.key);
    }
}

impl GaugeFn for Handle {
    fn increment(&self, value: f64) {
        (self.state.on_count)(&self.key);
        self.state.grown.lock().unwrap().push((self.key.clone(), value));
    }

    fn decrement(&self, _: f64) {}

    fn set(&self, _: f64) {}
}

impl Recorder for Spy {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        (self.0.on_register)(key);
        let handle = Arc::new(Handle { key: key.clone(), state: Arc::clone(&self.0) });
        self.0.handles.lock().unwrap().push(Arc::downgrade(&handle));
        Counter::from_arc(handle)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(Handle { key: key.clone(), state: Arc::clone(&self.0) }))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
