//! Measuring, independent of what is measured: clocks, threads, memory, statistics, plots, files.
//!
//! Apart from the list of backends, nothing in here knows what a counter is. The contention tool
//! uses it, and so do the comparison with other crates and the growth benchmark. That is why it is
//! public; it makes no promises to other programs.
//!
//! | file | what it does |
//! |---|---|
//! | `backends` | the backends that work on this machine |
//! | `race` | threads that start and stop together, and their clocks |
//! | `measure` | one run: threads that add, threads that read, and the check of the sums |
//! | `rounds` | all runs, round after round, and the results |
//! | `clock` | the CPU time of a thread |
//! | `memory` | bytes requested from the allocator, and resident |
//! | `machine`, `stats` | the name of the machine; median and spread |
//! | `index` | which of many counters the next add goes to |
//! | `chart` | plots of curves |
//! | `files` | files that are written as a whole, or not at all |
//! | `options` | the parts of the command line that all programs share |
//! | `interrupt` | Ctrl-C |
//! | `output` | the standard output, and the exit code |
//! | `text` | aligned tables, CSV, and numbers from the command line |

#![allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    missing_debug_implementations,
    reason = "public to the project's own programs only"
)]

pub mod backends;
pub mod chart;
pub mod clock;
pub mod files;
pub mod index;
pub mod interrupt;
pub mod machine;
pub mod measure;
pub mod memory;
pub mod options;
pub mod output;
pub mod race;
pub mod rounds;
pub mod stats;
pub mod text;
