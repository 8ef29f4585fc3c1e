//! Against the text of `prometheus`.

use prometheus::{Opts, Registry, TextEncoder};
use std::{sync::Arc, thread};
use striped_counter::{
    Counter, CounterSet, UpDownCounter, UpDownCounterSet,
    integrations::prometheus::{CounterCollector, IntCounterVec, IntGauge, SetCollector},
};
use striped_counter_exporters::{monotone_and_complete, value};

fn text(registry: &Registry) -> String {
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

#[test]
fn each_type_has_its_own() {
    let registry = Registry::new();
    let (hits, busy) = (Arc::new(Counter::new()), Arc::new(UpDownCounter::new()));
    let by_route = Arc::new(CounterSet::new(2));
    let single = CounterCollector::new("hits_total", "Requests", Arc::clone(&hits)).unwrap();
    registry.register(Box::new(single)).unwrap();
    let single = CounterCollector::new("busy", "Requests in flight", Arc::clone(&busy)).unwrap();
    registry.register(Box::new(single)).unwrap();
    let (names, values) = (["route", "class"], [["/", "2xx"], ["/", "5xx"]]);
    let set = SetCollector::new("routes_total", "By route", names, values, Arc::clone(&by_route))
        .unwrap();
    registry.register(Box::new(set)).unwrap();

    hits.add(41);
    busy.sub(2);
    by_route.add(1, 7);
    assert_eq!(
        text(&registry),
        "# HELP busy Requests in flight\n# TYPE busy gauge\nbusy -2\n\
         # HELP hits_total Requests\n# TYPE hits_total counter\nhits_total 41\n\
         # HELP routes_total By route\n# TYPE routes_total counter\n\
         routes_total{class=\"2xx\",route=\"/\"} 0\nroutes_total{class=\"5xx\",route=\"/\"} 7\n"
    );
}

#[test]
fn levels_of_a_set_are_labelled_gauges() {
    for read_lock in [false, true] {
        let registry = Registry::new();
        let busy = Arc::new(UpDownCounterSet::builder(2).read_lock(read_lock).build());
        let values = [["/"], ["/search"]];
        let set = SetCollector::new("busy", "In flight", ["route"], values, Arc::clone(&busy));
        registry.register(Box::new(set.unwrap())).unwrap();
        busy.add(0, 3);
        assert_eq!(busy.take(0), 3);
        busy.dec(0);
        busy.add(1, 7);
        assert_eq!(
            text(&registry),
            "# HELP busy In flight\n# TYPE busy gauge\n\
             busy{route=\"/\"} -1\nbusy{route=\"/search\"} 7\n"
        );
    }
    let error = SetCollector::new("a", "b", ["c"], [["d"]], Arc::new(UpDownCounterSet::new(3)));
    assert!(error.unwrap_err().to_string().contains("labels: 1 given for a set of 3"));
}

#[test]
fn scrapes_under_load_lose_nothing() {
    let registry = Registry::new();
    let hits = Arc::new(Counter::new());
    let single = CounterCollector::new("hits_total", "Requests", Arc::clone(&hits)).unwrap();
    registry.register(Box::new(single)).unwrap();
    monotone_and_complete(0, || hits.inc(), || value(&text(&registry), "hits_total"));
}

#[test]
fn a_take_does_not_show() {
    let registry = Registry::new();
    let (hits, set) = (Arc::new(Counter::new()), Arc::new(CounterSet::new(1)));
    let single = CounterCollector::new("hits_total", "Requests", Arc::clone(&hits)).unwrap();
    registry.register(Box::new(single)).unwrap();
    let collector =
        SetCollector::new("set_total", "One", ["only"], [["one"]], Arc::clone(&set)).unwrap();
    registry.register(Box::new(collector)).unwrap();
    let scrape = || {
        let text = text(&registry);
        ["hits_total", "set_total{only=\"one\"}"].map(|name| value(&text, name))
    };
    hits.add(10);
    set.add(0, 10);
    assert_eq!((hits.take(), set.take_all()), (10, vec![10]));
    hits.inc();
    set.inc(0);
    assert_eq!(scrape(), [11, 11]);
}

#[test]
fn what_is_wrong_is_told() {
    let counter = Arc::new(Counter::new());
    assert!(CounterCollector::new("not a name", "help", Arc::clone(&counter)).is_err());
    let set = Arc::new(CounterSet::new(3));
    let error = SetCollector::new("a_total", "b", ["c"], [["d"]], set).unwrap_err();
    assert!(error.to_string().contains("labels: 1 given for a set of 3"), "{error}");
}

#[test]
fn names_that_make_a_scrape_fail_are_refused() {
    let error = |names| {
        let set = Arc::new(CounterSet::new(1));
        SetCollector::new("a_total", "b", names, [["1", "2"]], set).unwrap_err().to_string()
    };
    let reserved = error(["a", "__name__"]);
    assert!(reserved.ends_with("the name \"__name__\" is reserved; choose another"), "{reserved}");
    let twice = error(["a", "a"]);
    assert!(twice.ends_with("the name \"a\" is given twice; give it once"), "{twice}");
    for name in ["", "9", "a b"] {
        let invalid = error(["a", name]);
        assert!(invalid.contains(&format!("the name {name:?} does not match")), "{invalid}");
    }
}

#[test]
fn labels_are_in_the_order_of_the_registrys_own() {
    let registry = Registry::new();
    let own = prometheus::IntCounterVec::new(Opts::new("own_total", "a"), &["b", "a"]).unwrap();
    own.with_label_values(&["2", "1"]).inc();
    registry.register(Box::new(own)).unwrap();
    let set = Arc::new(CounterSet::new(1));
    set.inc(0);
    let ours = SetCollector::new("ours_total", "a", ["b", "a"], [["2", "1"]], set).unwrap();
    registry.register(Box::new(ours)).unwrap();
    let text = text(&registry);
    assert_eq!(value(&text, "own_total{a=\"1\",b=\"2\"}"), 1);
    assert_eq!(value(&text, "ours_total{a=\"1\",b=\"2\"}"), 1);
}

#[test]
fn every_counter_has_labels_of_its_own() {
    let set = || Arc::new(CounterSet::new(3));
    let labels = [["ok"], ["error"], ["ok"]];
    let error = SetCollector::new("a_total", "b", ["c"], labels, set()).unwrap_err();
    assert!(error.to_string().contains("labels: those at 0 and 2 are the same"), "{error}");
    let error = SetCollector::new("a_total", "b", [], [[""; 0]; 3], set()).unwrap_err();
    assert!(error.to_string().contains("labels: those at 0 and 1 are the same"), "{error}");
    assert!(SetCollector::new("a_total", "b", [], [[""; 0]], Arc::new(CounterSet::new(1))).is_ok());
}

/// One alias changed, and the rest of the program is as it was.
#[test]
fn its_own_labelled_counters_are_sharded() {
    const LABELS: usize = 10_000;
    let registry = Registry::new();
    let hits = IntCounterVec::new(Opts::new("hits_total", "Requests"), &["user"]).unwrap();
    registry.register(Box::new(hits.clone())).unwrap();
    let users: Vec<_> = (0..LABELS).map(|user| user.to_string()).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (n, user) in users.iter().enumerate() {
                    hits.with_label_values(&[user]).inc_by(n as u64);
                }
            });
        }
    });
    let shown = text(&registry);
    for (n, user) in users.iter().enumerate().step_by(997) {
        assert_eq!(value(&shown, &format!("hits_total{{user=\"{user}\"}}")), 4 * n as u64);
    }
    assert_eq!(shown.lines().filter(|line| line.starts_with("hits_total{")).count(), LABELS);
    let child = hits.with_label_values(&["9"]);
    child.reset();
    child.inc();
    assert_eq!(child.get(), 1);
    let local = child.local();
    local.inc_by(4);
    local.flush();
    assert_eq!(child.get(), 5);
}

#[test]
fn its_own_gauges_are_sharded() {
    let registry = Registry::new();
    let busy = IntGauge::new("busy", "Requests in flight").unwrap();
    registry.register(Box::new(busy.clone())).unwrap();
    busy.add(3);
    busy.dec();
    busy.sub(5);
    assert!(text(&registry).contains("\nbusy -3\n"));
    busy.set(42);
    busy.inc();
    assert_eq!(busy.get(), 43);
}
