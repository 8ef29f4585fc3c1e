//! How to name the counters of a set: an enum is the index.
//!
//! The names are for people, and stay off the hot path: an add is an index known at compile time.
//!
//! ```text
//! cargo run --example named_set
//! ```

use std::io::{self, Write as _};
use striped_counter::{CounterSet, SetIndex};

/// The counters of this service, in the order of the set.
#[derive(Clone, Copy, Debug)]
enum Event {
    Request,
    Error,
    BytesIn,
    BytesOut,
}

impl Event {
    const ALL: [Self; 4] = [Self::Request, Self::Error, Self::BytesIn, Self::BytesOut];

    /// What a metrics system calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "requests_total",
            Self::Error => "errors_total",
            Self::BytesIn => "bytes_in_total",
            Self::BytesOut => "bytes_out_total",
        }
    }
}

/// So that no call needs a cast.
impl SetIndex for Event {
    fn index(self) -> usize {
        self as usize
    }
}

/// With a read lock: a scrape is of one moment, and has all of an `add_many` or none.
static EVENTS: CounterSet = CounterSet::builder(Event::ALL.len()).read_lock(true).build();

fn scrape() -> impl Iterator<Item = (&'static str, u64)> {
    Event::ALL.into_iter().map(Event::name).zip(EVENTS.sums())
}

fn handle(request: &str) {
    let answer = request.to_uppercase();
    EVENTS.add_many(&[
        (Event::Request, 1),
        (Event::BytesIn, request.len() as u64),
        (Event::BytesOut, answer.len() as u64),
    ]);
    if answer.is_empty() {
        EVENTS.inc(Event::Error);
    }
}

fn main() -> io::Result<()> {
    std::thread::scope(|scope| {
        for request in ["hello", "", "world"] {
            scope.spawn(move || handle(request));
        }
    });
    assert_eq!(EVENTS.sums(), [3, 1, 10, 10]);
    let mut output = io::stdout().lock();
    scrape().try_for_each(|(name, sum)| writeln!(output, "{name} {sum}"))
}
