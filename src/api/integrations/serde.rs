//! For the crate `serde`: counters serialize as their sums, as [`sum`](crate::Counter::sum) and
//! [`sums`](crate::CounterSet::sums) have them, and snapshots of histograms as what is in them. They do not deserialize: a counter is not a number. A [`Backend`] does both.

use crate::{Backend, Counter, CounterSet, HistogramSnapshot, UpDownCounter};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
    ser::SerializeStruct,
};
use std::fmt;

/// As the sum.
///
/// ```
/// let hits = striped_counter::Counter::new();
/// hits.add(3);
/// let json = serde_json::to_string(&hits)?;
/// assert_eq!(json, "3");
/// # Ok::<(), serde_json::Error>(())
/// ```
impl Serialize for Counter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.sum())
    }
}

/// As the sum.
impl Serialize for UpDownCounter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.sum())
    }
}

/// As a sequence of all sums.
impl Serialize for CounterSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sums())
    }
}

/// As a struct of `count`, `sum` and `buckets`. The sum may be none, and of the buckets there are those that
/// have values: each as its lowest value, its highest and its count.
///
/// ```
/// let sizes = striped_counter::Histogram::new();
/// sizes.record_n(70, 2);
/// let json = serde_json::to_string(&sizes.snapshot())?;
/// assert_eq!(json, r#"{"count":2,"sum":140,"buckets":[[68,71,2]]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
impl Serialize for HistogramSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let filled = self.buckets().filter(|&(_, count)| count > 0);
        let buckets: Vec<_> =
            filled.map(|(values, count)| (*values.start(), *values.end(), count)).collect();
        let mut snapshot = serializer.serialize_struct("HistogramSnapshot", 3)?;
        snapshot.serialize_field("count", &self.count())?;
        snapshot.serialize_field("sum", &self.sum())?;
        snapshot.serialize_field("buckets", buckets.as_slice())?;
        snapshot.end()
    }
}

/// By name, as it is shown: a setting of a program's own.
///
/// ```
/// use striped_counter::Backend;
///
/// assert_eq!(serde_json::to_string(&Backend::PerCpu)?, r#""PerCpu""#);
/// assert_eq!(serde_json::from_str::<Backend>(r#""striped""#)?, Backend::Striped);
/// let error = serde_json::from_str::<Backend>(r#""fast""#).unwrap_err().to_string();
/// assert!(error.starts_with(r#"backend: "fast" is none of Auto, PerCpu, PerThread, Striped"#));
/// # Ok::<(), serde_json::Error>(())
/// ```
impl Serialize for Backend {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// By any name that [`FromStr`](std::str::FromStr) takes.
impl<'de> Deserialize<'de> for Backend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Name)
    }
}

struct Name;

impl Visitor<'_> for Name {
    type Value = Backend;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a backend")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Backend, E> {
        name.parse().map_err(E::custom)
    }
}
