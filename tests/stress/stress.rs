//! Adds under fire: every fault that can be brought about from within a process, on every type,
//! every backend, with the read lock and without.
//!
//! ```text
//! cargo run --release --features cli --example stress -- matrix
//! cargo run --release --features cli --example stress -- matrix --faults hops,signals --kind Counter
//! cargo run --release --features cli --example stress -- soak --seconds 3600
//! ```
//!
//! Every total is compared with the adders' own tallies, and every reading on the way must be within
//! what had been added before it and what had been begun after it. Exits with 1 if anything is wrong,
//! or if a fault happened too seldom. Linux only. Without a test harness, for tools that dislike one.
//!
//! | file | what it does |
//! |---|---|
//! | `target` | the three types behind one face, and readers that check what they read |
//! | `ledger` | the adders' tallies |
//! | `faults` | what happens to adders: one block each |
//! | `run` | adders, readers and faults at work |
//! | `matrix`, `soak` | each fault on each target; all at once |
//! | `os`, `memory` | what faults are made of |

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("stress: needs Linux");
}

#[cfg(target_os = "linux")]
#[path = "../support/allocator.rs"]
mod allocator;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod ledger;
#[cfg(target_os = "linux")]
mod matrix;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod os;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod target;

#[cfg(target_os = "linux")]
#[derive(clap::Parser)]
#[command(
    about = "Counters under fire: exits with 1 if a sum is wrong or a fault happened too seldom"
)]
enum Command {
    /// Each fault on each type and backend, one after another
    Matrix(matrix::Options),
    /// All faults on all types and backends at once
    Soak(soak::Options),
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let command = <Command as clap::Parser>::parse();
    // Before any thread is pinned, and before any thread inherits this one's mask.
    os::cpus();
    os::take_signals(false);
    let right = match command {
        Command::Matrix(options) => options.run(),
        Command::Soak(options) => options.run(),
    };
    std::process::ExitCode::from(u8::from(!right))
}
