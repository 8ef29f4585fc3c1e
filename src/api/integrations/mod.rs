//! For metrics libraries: each is a feature named after the crate that it serves, off by default,
//! and a module here.
//!
//! | feature | what it gives |
//! |---|---|
//! | `prometheus-client` | metrics to register, labelled families, a collector of a set |
//! | `prometheus` | collectors |
//! | `metrics` | storage for `counter!` and `gauge!`, and a recorder in front of another |
//! | `opentelemetry` | callbacks of observable instruments |
//! | `serde` | `Serialize` as the sum |
//!
//! An exporter keeps a counter by something that dereferences to it: a `&'static` one, or an `Arc`.
//! `docs/integrations.md` has the whole story, and `DogStatsD`.
//!
//! # Which number is exported
//!
//! The pull-based exporters show the [`sum`](crate::Counter::sum): after a
//! [`take`](crate::Counter::take) it starts again from 0, which Prometheus understands as a reset. Do
//! not take, if you can: give each consumer [`deltas`](crate::Counter::deltas) of its own.
//! `opentelemetry` and `metrics` have no such notion, so they get the total of all adds, which never
//! goes down, whatever is taken.
//!
//! These modules follow the crates that they serve: a new major version of one of those may change a
//! module here in a minor version of this crate.

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
