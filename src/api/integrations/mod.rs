//! Integrations with metrics libraries: one module and one feature per library, all off by default.
//!
//! | feature | what it provides |
//! |---|---|
//! | `prometheus-client` | metrics to register, labelled families, collectors of sets |
//! | `prometheus` | collectors, and storage for the library's own counters and gauges |
//! | `metrics` | a recorder in front of another, for `counter!` and `histogram!`; storage for your own recorder |
//! | `opentelemetry` | callbacks for observable instruments |
//! | `serde` | `Serialize` as the sum |
//!
//! An exporter keeps a counter by a pointer that dereferences to it: a `&'static` reference, or an
//! `Arc`. The [guide](crate::guide::integrations) has a complete program for each library, the
//! versions that each module supports, and `DogStatsD`, which needs no feature.
//!
//! # Which number is exported
//!
//! Exporters show the [`total`](crate::Counter::total), which never decreases, whatever has been
//! taken. Only `serde`, and the sharded versions of `prometheus`' own types, show the
//! [`sum`](crate::Counter::sum), which starts again from 0 after a [`take`](crate::Counter::take).
//!
//! # Versions
//!
//! A new major version of one of these libraries may change its module in a minor version of this
//! crate.

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
