// The README's links lead to files. These definitions come first, so that here they lead to modules
// and items.
#![doc = include_str!("guide/links.md")]
#![doc = include_str!("guide/pictures.md")]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Each item shows the feature that it needs, and not that models are built without it.
#![cfg_attr(docsrs, doc(auto_cfg(hide(loom, shuttle))))]
#![cfg_attr(
    all(test, any(loom, shuttle)),
    allow(dead_code, unused_imports, reason = "models use the matrix without the public types")
)]

#[cfg(not(target_has_atomic = "64"))]
compile_error!("striped-counter needs 64-bit atomics, which this target does not have");

#[cfg(not(all(test, loom)))]
mod api;
#[cfg(all(feature = "cli", not(all(test, any(loom, shuttle)))))]
pub mod bench;
mod build_error;
mod builder;
pub mod classic;
mod const_text;
mod cpus;
mod errno;
#[cfg(doc)]
pub mod guide;
mod index;
mod lock;
mod matrix;
mod membarrier;
mod rseq;
mod settings;
mod shape;
mod signs;
mod sync;
#[cfg(all(test, not(any(loom, shuttle))))]
mod testing;

#[cfg(not(all(test, loom)))]
pub use api::{
    Counter, CounterRef, CounterSet, Deltas, Guard, Histogram, HistogramDeltas, HistogramRef,
    HistogramSet, HistogramSnapshot, Iter, LevelGuard, LevelRef, SetDeltas, ShapeMismatch, Timer,
    UpDownCounter, UpDownCounterSet, integrations,
};
pub use build_error::BuildError;
pub use builder::Builder;
pub use index::SetIndex;
pub use settings::{Backend, ParseBackendError};
