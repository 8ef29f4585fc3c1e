//! The hot paths as functions of their own, for a disassembler:
//!
//! ```text
//! cargo build --release --example hot_path
//! objdump -d --no-show-raw-insn -M intel target/release/examples/hot_path |
//!     awk '/<striped_counter_(inc|inc_set)>:/,/^$/'
//! ```
//!
//! CI checks that the first has one `lock` (that of `Striped`) and no call, but jumps to the cold
//! function at its end.

#![expect(unsafe_code, reason = "symbols that a disassembler finds by name")]
#![expect(clippy::no_mangle_with_rust_abi, reason = "no other language calls these")]

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

fn main() {
    let (counter, set) = (Counter::new(), CounterSet::new(3));
    striped_counter_inc(&counter);
    striped_counter_inc_set(&set, 2);
    println!("{counter:?} {set:?}");
}
