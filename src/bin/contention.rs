//! The contention tool as a program; see `striped_counter::bench`.

use std::process::ExitCode;
use striped_counter::bench::{Contention, lab::memory::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    Contention::new().run()
}
