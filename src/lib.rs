#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    all(test, any(loom, shuttle)),
    allow(
        dead_code,
        unused_imports,
        reason = "models do without the shells, and what serves them"
    )
)]

#[cfg(not(target_has_atomic = "64"))]
compile_error!("striped-counter needs 64-bit atomics, which this target does not have");

mod builder;
#[cfg(all(test, not(any(loom, shuttle))))]
mod child;
pub mod classic;
// The shells are `const`, which loom's atomics cannot be: its models use the matrix as it is.
#[cfg(not(all(test, loom)))]
mod counter;
mod cpus;
#[cfg(all(
    any(
        feature = "metrics",
        feature = "opentelemetry",
        feature = "prometheus",
        feature = "prometheus-client",
        feature = "serde"
    ),
    not(all(test, loom))
))]
pub mod integrations;
mod membarrier;
mod read;
mod rseq;
#[cfg(not(all(test, loom)))]
mod set;
mod shards;
mod sync;
mod text;
mod thread_id;
#[cfg(not(all(test, loom)))]
mod up_down;

pub use builder::{Backend, BuildError, Builder, ParseBackendError};
#[cfg(not(all(test, loom)))]
pub use counter::{Counter, Deltas};
#[cfg(not(all(test, loom)))]
pub use set::{CounterSet, Entry, SetDeltas};
#[cfg(not(all(test, loom)))]
pub use up_down::{Guard, UpDownCounter};
