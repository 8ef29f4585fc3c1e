//! For metrics libraries: each is a feature named after the crate that it serves, off by default,
//! and a module here.
//!
//! | feature | what it gives |
//! |---|---|
//! | `prometheus-client` | metrics to register, labelled families, a collector of a set |
//! | `prometheus` | collectors, and storage for its own counters and gauges |
//! | `metrics` | a recorder in front of another, for `counter!` and `histogram!`; storage for recorders of your own |
//! | `opentelemetry` | callbacks of observable instruments |
//! | `serde` | `Serialize` as the sum |
//!
//! An exporter keeps a counter by something that dereferences to it: a `&'static` one, or an `Arc`.
//! `docs/guide/integrations.md` has the whole story, and `DogStatsD`.
//!
//! # Which number is exported
//!
//! The pull-based exporters show the [`sum`](crate::Counter::sum): after a
//! [`take`](crate::Counter::take) it starts again from 0, which Prometheus understands as a reset. Do
//! not take, if you can: give each consumer [`deltas`](crate::Counter::deltas) of its own.
//! `opentelemetry` has no such notion, so it gets the total of all adds, which never goes down, whatever
//! is taken.
//!
//! Each module speaks the versions of its crate that `docs/guide/integrations.md` lists. A new major version of
//! one of these crates may change its module in a minor version of this crate.

#[cfg(any(feature = "opentelemetry", feature = "prometheus", feature = "prometheus-client"))]
mod buckets;
#[cfg(any(feature = "opentelemetry", feature = "prometheus", feature = "prometheus-client"))]
mod labels;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "prometheus-client")]
pub mod prometheus_client;
#[cfg(feature = "serde")]
mod serde;

#[cfg(any(feature = "opentelemetry", feature = "prometheus", feature = "prometheus-client"))]
pub use buckets::Buckets;
#[cfg(any(feature = "opentelemetry", feature = "prometheus", feature = "prometheus-client"))]
pub use labels::LabelsError;
