//! What measuring takes, whatever is measured: clocks, threads, memory, statistics, pictures, files.
//!
//! Nothing in here knows what a counter is. The comparison with other crates, a package of its own
//! in `benches/rivals`, is built of the same parts.
//!
//! | file | what it does |
//! |---|---|
//! | `race` | threads that start and stop together, and their clocks |
//! | `clock` | CPU time of a thread |
//! | `memory` | bytes asked of the allocator, and resident |
//! | `machine`, `stats` | the name of the machine; median and spread |
//! | `index` | which of many counters the next add goes to |
//! | `chart` | curves as a picture |
//! | `files` | files that are there whole, or not at all |
//! | `output` | the standard output, and the exit code |
//! | `text` | aligned tables, CSV, and numbers from the command line |

pub(crate) mod chart;
pub(crate) mod clock;
pub(crate) mod files;
pub(crate) mod index;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod output;
pub(crate) mod race;
pub(crate) mod stats;
pub(crate) mod text;
