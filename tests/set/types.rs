//! A set is indexed as a slice is.

use crate::{set, support::on_every_backend};
use std::panic::{AssertUnwindSafe, catch_unwind};
use striped_counter::CounterSet;

const NOTHING: [(usize, u64); 0] = [];

/// Returns what `body` panics with.
fn panic_of<T>(body: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).map(drop).expect_err("it did not panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

/// Returns the panics of all methods that take an index, called with this one.
fn panics_with(set: &CounterSet, index: usize) -> [String; 5] {
    [
        panic_of(|| set.inc(index)),
        panic_of(|| set.add(index, 7)),
        panic_of(|| set.sum(index)),
        panic_of(|| set.take(index)),
        panic_of(|| set.add_many(&[(index, 7)])),
    ]
}

#[test]
fn an_index_out_of_range_panics_with_index_and_length() {
    on_every_backend(|case| {
        for len in [0, 1, 16, 17] {
            let set = set(case, len);
            // Just out of range, in the padding, and where an offset would overflow.
            let far = [1 << (usize::BITS - 24), usize::MAX / 8, usize::MAX];
            for index in [len, len + 1, len + 2, len + 15].into_iter().chain(far) {
                for text in panics_with(&set, index) {
                    for part in ["out of range", &format!(" {len} "), &format!(" {index}")] {
                        assert!(text.contains(part), "{part:?} is not in {text:?}");
                    }
                }
                assert!(set.get(index).is_none());
            }
            assert!(set.sums().iter().all(|&sum| sum == 0));
            assert_eq!(set.sums().len(), len);
        }
    });
}

#[test]
fn a_batch_with_one_bad_index_adds_nothing() {
    on_every_backend(|case| {
        let set = set(case, 20);
        let mut seen = set.deltas();
        for good_before in 0..4 {
            let mut adds = vec![(0, 1), (19, 1), (7, 1)];
            adds.insert(good_before, (20, 1));
            let text = panic_of(|| set.add_many(&adds));
            assert!(text.contains("20 counters but the index is 20"), "{text:?}");
        }
        assert_eq!(
            (set.sums(), set.take_all(), seen.next_delta()),
            (vec![0; 20], vec![0; 20], vec![0; 20])
        );
        set.add_many(&[(0, 1), (19, 2), (0, 3)]);
        assert_eq!((set.sum(0), set.sum(19)), (4, 2), "and the set goes on");
    });
}

#[test]
fn an_empty_batch_adds_nothing() {
    on_every_backend(|case| {
        let set = set(case, 3);
        set.add_many(&NOTHING);
        set.add_many(&[(1, 0)]);
        assert_eq!(set.sums(), [0, 0, 0]);
    });
}

#[test]
fn a_handle_reads_and_writes_its_counter() {
    on_every_backend(|case| {
        let set = set(case, 40);
        for index in 0..40 {
            let entry = set.get(index).unwrap();
            let copy = entry;
            entry.inc();
            copy.add(index as u64);
            assert_eq!(
                (entry.sum(), copy.sum(), set.sum(index)),
                (index as u64 + 1, index as u64 + 1, index as u64 + 1)
            );
            assert_eq!(
                format!("{entry:?}"),
                format!("CounterRef {{ index: {index}, sum: {} }}", index + 1)
            );
        }
        let last = set.get(39).unwrap();
        assert_eq!((last.take(), last.take(), last.sum()), (40, 0, 0));
    });
}

#[test]
fn every_method_works_on_an_empty_set() {
    on_every_backend(|case| {
        let set = set(case, 0);
        assert!(set.is_empty());
        let mut seen = set.deltas();
        for _ in 0..2 {
            set.add_many(&NOTHING);
            assert_eq!((set.sums(), set.take_all(), seen.next_delta()), (vec![], vec![], vec![]));
            if case.read_lock {
                assert_eq!(set.snapshot(), Some(vec![]));
            }
        }
        assert!(set.get(0).is_none());
        assert!(format!("{set:?}").contains("sums: []"), "{set:?}");
    });
}

#[test]
fn an_untouched_set_reads_zero_in_every_way() {
    on_every_backend(|case| {
        let set = set(case, 3);
        assert!(!set.is_empty());
        assert_eq!(
            (set.sums(), set.take_all(), set.deltas().next_delta()),
            (vec![0; 3], vec![0; 3], vec![0; 3])
        );
        assert_eq!((set.sum(2), set.take(2), set.get(2).unwrap().sum()), (0, 0, 0));
    });
}

#[test]
fn snapshot_returns_none_without_a_read_lock() {
    on_every_backend(|case| {
        let set = set(case, 3);
        set.inc(1);
        assert_eq!(set.snapshot(), case.read_lock.then(|| vec![0, 1, 0]));
    });
}
