//! Against the text of `prometheus`.

use prometheus::{Registry, TextEncoder};
use std::sync::Arc;
use striped_counter::{Counter, CounterSet, UpDownCounter, integrations::prometheus::*};
use striped_counter_exporters::{monotone_and_complete, resets, value};

fn text(registry: &Registry) -> String {
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

#[test]
fn each_type_has_its_own() {
    let registry = Registry::new();
    let (hits, busy) = (Arc::new(Counter::new()), Arc::new(UpDownCounter::new()));
    let by_route = Arc::new(CounterSet::new(2));
    let single = Single::new("hits_total", "Requests", Arc::clone(&hits)).unwrap();
    registry.register(Box::new(single)).unwrap();
    let single = Single::new("busy", "Requests in flight", Arc::clone(&busy)).unwrap();
    registry.register(Box::new(single)).unwrap();
    let (names, values) = (["route", "class"], [["/", "2xx"], ["/", "5xx"]]);
    let set = Set::new("routes_total", "By route", names, values, Arc::clone(&by_route)).unwrap();
    registry.register(Box::new(set)).unwrap();

    hits.add(41);
    busy.sub(2);
    by_route.add(1, 7);
    assert_eq!(
        text(&registry),
        "# HELP busy Requests in flight\n# TYPE busy gauge\nbusy -2\n\
         # HELP hits_total Requests\n# TYPE hits_total counter\nhits_total 41\n\
         # HELP routes_total By route\n# TYPE routes_total counter\n\
         routes_total{route=\"/\",class=\"2xx\"} 0\nroutes_total{route=\"/\",class=\"5xx\"} 7\n"
    );
}

#[test]
fn scrapes_under_load_lose_nothing() {
    let registry = Registry::new();
    let hits = Arc::new(Counter::new());
    let single = Single::new("hits_total", "Requests", Arc::clone(&hits)).unwrap();
    registry.register(Box::new(single)).unwrap();
    monotone_and_complete(0, || hits.inc(), || value(&text(&registry), "hits_total"));
}

#[test]
fn a_take_is_one_reset() {
    let registry = Registry::new();
    let set = Arc::new(CounterSet::new(1));
    let collector = Set::new("set_total", "One", ["only"], [["one"]], Arc::clone(&set)).unwrap();
    registry.register(Box::new(collector)).unwrap();
    let scrape = || value(&text(&registry), "set_total{only=\"one\"}");
    set.add(0, 10);
    let mut series = vec![scrape()];
    assert_eq!(set.take_all(), [10]);
    for n in 1..4 {
        set.add(0, n);
        series.push(scrape());
    }
    assert_eq!((series.as_slice(), resets(&series)), (&[10, 1, 3, 6][..], 1));
}

#[test]
fn what_is_wrong_is_told() {
    let counter = Arc::new(Counter::new());
    assert!(Single::new("not a name", "help", Arc::clone(&counter)).is_err());
    let set = Arc::new(CounterSet::new(3));
    let error = Set::new("a_total", "b", ["c"], [["d"]], set).unwrap_err();
    assert!(error.to_string().contains("labels: 1 given for a set of 3"), "{error}");
}
