//! Integration with the crate `serde`.
//!
//! Counters serialize as their [`sum`](crate::Counter::sum), sets of them as their
//! [`sums`](crate::CounterSet::sums), and snapshots of histograms as their contents. None of them
//! deserializes, since a counter is more than a number. A [`Backend`] does both.

use crate::{Backend, Counter, CounterSet, HistogramSnapshot, UpDownCounter, UpDownCounterSet};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
    ser::SerializeStruct,
};
use std::fmt;

/// Serializes the [`sum`](Self::sum).
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

/// Serializes the [`sum`](Self::sum).
impl Serialize for UpDownCounter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.sum())
    }
}

/// Serializes a sequence of all [`sums`](Self::sums).
impl Serialize for CounterSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sums())
    }
}

/// Serializes a sequence of all [`sums`](Self::sums).
impl Serialize for UpDownCounterSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sums())
    }
}

/// Serializes a struct of `count`, `sum` and `buckets`.
///
/// The sum may be none. Only the buckets that have values are included, each as its lowest value,
/// its highest value and its count.
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

/// Serializes the name, so that the backend can be a setting of your program.
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

/// Accepts any name that [`FromStr`](std::str::FromStr) does.
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
