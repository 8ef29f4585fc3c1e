//! The hot paths as functions of their own, for a disassembler:
//!
//! ```text
//! cargo build --release --example hot_path
//! objdump -d --no-show-raw-insn -M intel target/release/examples/hot_path |
//!     awk '/<striped_counter_(inc|add_level|inc_set)>:/,/^$/'
//! ```
//!
//! CI counts. The first has an add to memory with a `lock`, for `Striped`, one without, for `PerThread`,
//! and the commit of `PerCpu`'s critical section, a store through one register; the second has as many
//! for ups, and for downs. Neither has a call, but jumps to functions out of line at its end. The third has
//! one `lock` more than the first, of a set with a read lock, and one call, of an index out of range.
//!
//! With a backend and a number, `hot_path PerThread 1000`, it adds so often on one thread, for a tool that
//! counts instructions.

#![expect(unsafe_code, reason = "symbols that a disassembler finds by name")]
#![expect(clippy::no_mangle_with_rust_abi, reason = "no other language calls these")]

use std::{
    env,
    ffi::{OsStr, OsString},
    hint::black_box,
    io::{self, Write as _},
    process::ExitCode,
};
use striped_counter::{Backend, Counter, CounterSet, UpDownCounter};

/// The add of a counter.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn striped_counter_inc(counter: &Counter) {
    counter.inc();
}

/// The add of a level.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn striped_counter_add_level(level: &UpDownCounter, n: i64) {
    level.add(n);
}

/// The add of a counter in a set.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn striped_counter_inc_set(set: &CounterSet, index: usize) {
    set.inc(index);
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    match settings(&arguments) {
        Ok((backend, adds)) => count(backend, adds),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// The backend and the number of adds that the arguments ask for.
fn settings(arguments: &[OsString]) -> Result<(Backend, u64), String> {
    let [backend, adds] = match arguments {
        [] => ["Auto".as_ref(), "1".as_ref()],
        [backend] => [backend.as_os_str(), "1".as_ref()],
        [backend, adds] => [backend.as_os_str(), adds.as_os_str()],
        _ => return Err("more arguments than BACKEND and ADDS".to_owned()),
    };
    let wrong = |name, value: &OsStr, range| {
        format!("{name}: '{}' is not {range}", value.to_string_lossy())
    };
    let name = backend.to_str().and_then(|name| name.parse().ok());
    let count = adds.to_str().and_then(|count| count.parse().ok());
    Ok((
        name.ok_or_else(|| wrong("BACKEND", backend, "one of Auto, PerCpu, PerThread, Striped"))?,
        count.ok_or_else(|| wrong("ADDS", adds, "a number from 0 to 2^64 - 1"))?,
    ))
}

fn count(backend: Backend, adds: u64) -> ExitCode {
    let counter = Counter::builder().backend(backend).build();
    let (level, set) = (UpDownCounter::new(), CounterSet::new(3));
    (0..adds).for_each(|_| striped_counter_inc(black_box(&counter)));
    striped_counter_add_level(&level, 1);
    striped_counter_inc_set(&set, 2);
    assert_eq!(counter.sum(), adds, "the sum is exact");
    // Ignored: a tool that counts instructions may not read the output.
    let _ = writeln!(io::stdout(), "{counter:?} {level:?} {set:?}");
    ExitCode::SUCCESS
}
