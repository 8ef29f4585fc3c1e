//! What measuring takes, whatever is measured: clocks, threads, memory, statistics, pictures, files.
//!
//! But for the list of backends, nothing in here knows what a counter is. The contention tool is built of it, and so are the comparison with
//! other crates and the growth benchmark, which is why it can be named; it promises nothing to others.
//!
//! | file | what it does |
//! |---|---|
//! | `backends` | those that work here |
//! | `race` | threads that start and stop together, and their clocks |
//! | `measure` | one run: who adds, who reads, and the check of the sums |
//! | `rounds` | all runs, round after round, and what they come to |
//! | `clock` | CPU time of a thread |
//! | `memory` | bytes asked of the allocator, and resident |
//! | `machine`, `stats` | the name of the machine; median and spread |
//! | `index` | which of many counters the next add goes to |
//! | `chart` | curves as a picture |
//! | `files` | files that are there whole, or not at all |
//! | `options` | the command line, as far as all programs' are alike |
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
