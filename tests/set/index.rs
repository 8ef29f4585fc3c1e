//! An enum is an index, in every method that takes one.

use crate::{set, support::on_every_backend};
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};
use striped_counter::SetIndex;

#[derive(Clone, Copy)]
enum Event {
    Request,
    Error,
    Bytes,
}

impl SetIndex for Event {
    fn index(self) -> usize {
        self as usize
    }
}

#[test]
fn an_enum_works_as_an_index_in_every_method() {
    on_every_backend(|case| {
        let set = set(case, Event::Bytes as usize + 1);
        set.inc(Event::Error);
        set.add(Event::Bytes, 5);
        set.add_many(&[(Event::Request, 1), (Event::Bytes, 7)]);
        set.add_many(&[(1, 1), (2, 1)]);
        assert_eq!((set.sum(Event::Error), set.total(Event::Bytes)), (2, 13));
        assert_eq!(set.get(Event::Request).unwrap().sum(), 1);
        assert_eq!((set.take(Event::Bytes), set.sum(2_usize)), (13, 0));
    });
}

/// An index that differs from call to call: a bug of the caller, which must not lead to writes out of bounds.
#[derive(Clone, Copy)]
struct Fickle<'a>(&'a Cell<usize>);

impl SetIndex for Fickle<'_> {
    fn index(self) -> usize {
        self.0.replace(1_000_000)
    }
}

#[test]
fn an_index_that_changes_stays_within_the_set() {
    on_every_backend(|case| {
        let set = set(case, 3);
        for _ in 0..2 {
            let fickle = Cell::new(1);
            set.add_many(&[(Fickle(&fickle), 5)]);
        }
        assert_eq!(set.sums().iter().sum::<u64>(), 10, "counted somewhere");
    });
}

/// Panics on the second call: `add_many` has checked the index by then.
#[derive(Clone, Copy)]
struct Panics<'a>(&'a Cell<bool>);

impl SetIndex for Panics<'_> {
    fn index(self) -> usize {
        assert!(!self.0.replace(true), "an index that panics");
        0
    }
}

#[test]
fn an_index_that_panics_leaves_no_snapshot_waiting() {
    on_every_backend(|case| {
        let set = set(case, 3);
        // The first round adds to the spill, the second to a shard.
        for _ in 0..2 {
            let panics = Cell::new(false);
            let add = || set.add_many(&[(Panics(&panics), 5)]);
            assert!(catch_unwind(AssertUnwindSafe(add)).is_err());
            set.inc(1_usize);
            assert_eq!(set.take_all(), [0, 1, 0]);
        }
    });
}
