//! The hot paths as functions of their own, for a disassembler:
//!
//! ```text
//! cargo build --release --example hot_path
//! objdump -d --no-show-raw-insn -M intel target/release/examples/hot_path |
//!     awk '/<striped_counter_(inc|inc_set)>:/,/^$/'
//! ```
//!
//! CI checks that the first has one `lock` (that of `Striped`) and no call, but jumps to the cold
//! function at its end. With a backend and a number, `hot_path PerThread 1000`, it adds so often on
//! one thread, for a tool that counts instructions.

#![expect(unsafe_code, reason = "symbols that a disassembler finds by name")]
#![expect(clippy::no_mangle_with_rust_abi, reason = "no other language calls these")]

use std::{env, error::Error, hint::black_box};
use striped_counter::{Counter, CounterSet};

/// The add of a counter.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn striped_counter_inc(counter: &Counter) {
    counter.inc();
}

/// The add of a counter in a set.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn striped_counter_inc_set(set: &CounterSet, index: usize) {
    set.inc(index);
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let backend = arguments.next().as_deref().unwrap_or("Auto").parse()?;
    let adds = arguments.next().as_deref().unwrap_or("1").parse()?;
    let (counter, set) = (Counter::builder().backend(backend).build(), CounterSet::new(3));
    (0_u64..adds).for_each(|_| striped_counter_inc(black_box(&counter)));
    striped_counter_inc_set(&set, 2);
    assert_eq!(counter.sum(), adds, "the sum is exact");
    println!("{counter:?} {set:?}");
    Ok(())
}
