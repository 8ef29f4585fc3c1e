//! The counters of a service as a set that an enum indexes: an add knows its counter at compile time, and
//! names are looked up only where the counters are shown.
//!
//! ```text
//! cargo run --example enum_indexed_set
//! ```

use std::{
    io::{self, Write as _},
    thread,
};
use striped_counter::{CounterSet, SetIndex};

#[derive(Clone, Copy)]
enum Event {
    Request,
    Error,
    BytesIn,
    BytesOut,
}

impl Event {
    const ALL: [Self; 4] = [Self::Request, Self::Error, Self::BytesIn, Self::BytesOut];

    /// Returns the name that a metrics system has for it.
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "requests_total",
            Self::Error => "errors_total",
            Self::BytesIn => "bytes_in_total",
            Self::BytesOut => "bytes_out_total",
        }
    }
}

impl SetIndex for Event {
    fn index(self) -> usize {
        self as usize
    }
}

/// With a read lock, sums are of one moment, and include all of an `add_many` or nothing of it.
static EVENTS: CounterSet = CounterSet::builder(Event::ALL.len()).read_lock(true).build();

fn main() -> io::Result<()> {
    thread::scope(|scope| {
        for request in ["hello", "", "world"] {
            scope.spawn(move || handle(request));
        }
    });
    show()
}

fn handle(request: &str) {
    if request.is_empty() {
        EVENTS.inc(Event::Error);
    }
    let answer = request.to_uppercase();
    EVENTS.add_many(&[
        (Event::Request, 1),
        (Event::BytesIn, request.len() as u64),
        (Event::BytesOut, answer.len() as u64),
    ]);
}

fn show() -> io::Result<()> {
    let sums = EVENTS.sums();
    for event in Event::ALL {
        writeln!(io::stdout(), "{} {}", event.name(), sums[event.index()])?;
    }
    Ok(())
}
