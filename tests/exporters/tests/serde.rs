//! Against the JSON of `serde_json`.

use striped_counter::{Counter, CounterSet, UpDownCounter, UpDownCounterSet};

#[test]
fn counters_serialize_as_their_sums() {
    let (hits, busy, set) = (Counter::new(), UpDownCounter::new(), CounterSet::new(3));
    hits.add(u64::MAX);
    busy.sub(2);
    set.add(1, 7);
    let json = |(a, b, c): (&Counter, &UpDownCounter, &CounterSet)| {
        serde_json::to_string(&(a, b, c)).unwrap()
    };
    assert_eq!(json((&hits, &busy, &set)), "[18446744073709551615,-2,[0,7,0]]");
    assert_eq!(hits.take(), u64::MAX);
    assert_eq!(json((&hits, &busy, &set)), "[0,-2,[0,7,0]]");
}

#[test]
fn a_set_of_levels_serializes_as_its_sums() {
    for read_lock in [false, true] {
        let set = UpDownCounterSet::builder(3).read_lock(read_lock).build();
        set.add_many(&[(1, -7), (2, 7)]);
        assert_eq!(serde_json::to_string(&set).unwrap(), "[0,-7,7]");
    }
}

#[test]
fn every_backend_is_read_as_it_was_written_and_in_any_case() {
    use striped_counter::Backend;
    for backend in [Backend::Auto, Backend::PerCpu, Backend::PerThread, Backend::Striped] {
        let json = serde_json::to_string(&backend).unwrap();
        assert_eq!(json, format!("\"{backend}\""));
        for json in [json.to_lowercase(), json.to_uppercase(), json] {
            assert_eq!(serde_json::from_str::<Backend>(&json).unwrap(), backend);
        }
    }
}
