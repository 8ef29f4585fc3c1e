//! Against the text of `prometheus-client`.

use prometheus_client::{encoding::text::encode, metrics::family::Family, registry::Registry};
use std::sync::Arc;
use striped_counter::{
    Backend, Counter, CounterSet, UpDownCounter, UpDownCounterSet,
    integrations::prometheus_client::{ByRef, SetCollector},
};
use striped_counter_exporters::{monotone_and_complete, value};

fn text(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    text
}

#[test]
fn each_type_has_its_own() {
    let mut registry = Registry::default();
    let (hits, busy) = (Arc::new(Counter::new()), Arc::new(UpDownCounter::new()));
    registry.register("hits", "Requests", ByRef(Arc::clone(&hits)));
    registry.register("busy", "Requests in flight", ByRef(Arc::clone(&busy)));
    let by_route = Arc::new(CounterSet::new(2));
    let labels = ["/", "/\"quoted\""].map(|route| [("route", route)]);
    let collector = SetCollector::new("routes", "By route", labels, Arc::clone(&by_route));
    registry.register_collector(Box::new(collector.unwrap()));

    hits.add(41);
    busy.sub(2);
    by_route.add(1, 7);
    assert_eq!(
        text(&registry),
        "# HELP hits Requests.\n# TYPE hits counter\nhits_total 41\n\
         # HELP busy Requests in flight.\n# TYPE busy gauge\nbusy -2\n\
         # HELP routes By route.\n# TYPE routes counter\n\
         routes_total{route=\"/\"} 0\nroutes_total{route=\"/\\\"quoted\\\"\"} 7\n# EOF\n"
    );
}

#[test]
fn levels_of_a_set_are_labelled_gauges() {
    for read_lock in [false, true] {
        let mut registry = Registry::default();
        let busy = Arc::new(UpDownCounterSet::builder(2).read_lock(read_lock).build());
        let labels = ["/", "/search"].map(|route| [("route", route)]);
        let collector = SetCollector::new("busy", "In flight", labels, Arc::clone(&busy)).unwrap();
        registry.register_collector(Box::new(collector));
        busy.add(0, 3);
        assert_eq!(busy.take(0), 3);
        busy.dec(0);
        busy.add(1, 7);
        assert_eq!(
            text(&registry),
            "# HELP busy In flight.\n# TYPE busy gauge\n\
             busy{route=\"/\"} -1\nbusy{route=\"/search\"} 7\n# EOF\n"
        );
    }
    let error = SetCollector::new("a", "b", [[("c", "d")]], Arc::new(UpDownCounterSet::new(3)));
    assert_eq!(error.unwrap_err().to_string(), "labels: 1 given for a set of 3; give one each");
}

#[test]
fn scrapes_under_load_lose_nothing() {
    let mut registry = Registry::default();
    let (hits, set) = (Arc::new(Counter::new()), Arc::new(CounterSet::new(1)));
    registry.register("hits", "Requests", ByRef(Arc::clone(&hits)));
    let collector = SetCollector::new("set", "One", [[("only", "one")]], Arc::clone(&set)).unwrap();
    registry.register_collector(Box::new(collector));
    monotone_and_complete(0, || hits.inc(), || value(&text(&registry), "hits_total"));
    monotone_and_complete(0, || set.inc(0), || value(&text(&registry), "set_total{only=\"one\"}"));
}

#[test]
fn a_take_does_not_show() {
    let mut registry = Registry::default();
    let (hits, set) = (Arc::new(Counter::new()), Arc::new(CounterSet::new(1)));
    registry.register("hits", "Requests", ByRef(Arc::clone(&hits)));
    let collector = SetCollector::new("set", "One", [[("only", "one")]], Arc::clone(&set)).unwrap();
    registry.register_collector(Box::new(collector));
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
fn a_family_keeps_the_settings_of_its_constructor() {
    let make = || Counter::builder().backend(Backend::Striped).shards(4).read_lock(true).build();
    let family =
        Family::<Vec<(String, String)>, Counter, fn() -> Counter>::new_with_constructor(make);
    let mut registry = Registry::default();
    registry.register("hits", "Requests", family.clone());
    let ann = vec![("user".to_owned(), "ann".to_owned())];
    family.get_or_create(&ann).add(3);
    assert_eq!(family.get_or_create(&ann).shards(), 4);
    assert_eq!(value(&text(&registry), "hits_total{user=\"ann\"}"), 3);
}

#[test]
fn labels_and_counters_have_to_be_as_many() {
    let set = Arc::new(CounterSet::new(3));
    let error = SetCollector::new("a", "b", [[("c", "d")]], set).unwrap_err();
    assert_eq!(error.to_string(), "labels: 1 given for a set of 3; give one each");
}

#[test]
fn every_counter_has_labels_of_its_own() {
    let set = Arc::new(CounterSet::new(3));
    let labels = ["ok", "error", "error"].map(|status| [("status", status)]);
    let error = SetCollector::new("a", "b", labels, set).unwrap_err();
    assert_eq!(error.to_string(), "labels: those at 1 and 2 are the same; give each its own");
}

/// To Prometheus these are two labels of any order, and an empty value is no label.
#[test]
fn labels_are_compared_as_prometheus_compares_them() {
    let set = || Arc::new(CounterSet::new(2));
    let same = "labels: those at 0 and 1 are the same; give each its own";
    let permuted = [[("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]];
    let error = SetCollector::new("a", "b", permuted, set()).unwrap_err();
    assert_eq!(error.to_string(), same);
    let absent = [vec![("a", "1"), ("b", "")], vec![("a", "1")]];
    let error = SetCollector::new("a", "b", absent, set()).unwrap_err();
    assert_eq!(error.to_string(), same);
    // What is between quotes is a value, whatever it looks like.
    let escaped = [[("a", "1\",b=\"2")], [("a", "1\\")]];
    assert!(SetCollector::new("a", "b", escaped, set()).is_ok());
    let swapped = [[("a", "1"), ("b", "2")], [("a", "2"), ("b", "1")]];
    assert!(SetCollector::new("a", "b", swapped, set()).is_ok());
}

#[test]
fn names_that_make_a_scrape_fail_are_refused() {
    let collector = |labels| SetCollector::new("a", "b", [labels], Arc::new(CounterSet::new(1)));
    let error =
        |labels: [(&'static str, &'static str); 2]| collector(labels).unwrap_err().to_string();
    let twice = error([("a", "1"), ("a", "2")]);
    assert_eq!(twice, "labels: the name \"a\" is given twice; give it once");
    for name in ["", "9", "a b", "a-b", "é", "a=\"1\"", "a\n", "a{", "a}"] {
        let invalid = error([("c", "1"), (name, "2")]);
        assert!(invalid.ends_with(" does not match [a-zA-Z_][a-zA-Z0-9_]*"), "{invalid}");
    }
    let reserved = error([("c", "1"), ("__name__", "2")]);
    assert_eq!(reserved, "labels: the name \"__name__\" is reserved; choose another");
    // Only histograms have bounds.
    assert!(collector([("le", "1"), ("_9", "2")]).is_ok());
}
