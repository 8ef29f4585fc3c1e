//! For the crate `serde`: counters serialize as their sums, as [`sum`](crate::Counter::sum) and
//! [`sums`](crate::CounterSet::sums) have them. They do not deserialize: a counter is not a number.

use crate::{Counter, CounterSet, UpDownCounter};
use serde::{Serialize, Serializer};

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
