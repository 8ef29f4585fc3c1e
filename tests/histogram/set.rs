//! Each histogram of a set works as a histogram does, and a read lock makes reads of all of them consistent.

use crate::{
    Kind, on_every_kind,
    support::{Case, together},
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use striped_counter::{HistogramSet, HistogramSnapshot};

fn set(case: &Case, kind: Kind, len: usize) -> HistogramSet {
    kind.set(case.set(HistogramSet::builder(len))).build()
}

fn all_counts(of: &[HistogramSnapshot]) -> Vec<u64> {
    of.iter().map(HistogramSnapshot::count).collect()
}

#[test]
fn histograms_of_a_set_do_not_mix() {
    on_every_kind(|case, kind| {
        // Sets of one histogram with few buckets lease a line.
        for len in [1, 2, 40] {
            let set = set(case, kind, len);
            together(4, |thread| {
                for round in 0..50_u64 {
                    for index in 0..len {
                        set.record(index, index as u64 * 10 + round * thread as u64);
                    }
                }
            });
            for (index, histogram) in set.iter().enumerate() {
                let sum: u64 =
                    (0..4).flat_map(|t| (0..50).map(move |r| index as u64 * 10 + r * t)).sum();
                let snapshot = histogram.snapshot();
                assert_eq!((snapshot.count(), snapshot.sum()), (200, Some(sum)), "{index}");
                assert_eq!(histogram.index(), index);
            }
            assert_eq!(all_counts(&set.totals()), vec![200; len]);
            let last = set.take(len - 1);
            assert_eq!((last.count(), set.snapshot(len - 1).count()), (200, 0));
            let mut left = vec![200; len];
            left[len - 1] = 0;
            assert_eq!(all_counts(&set.snapshots()), left);
            assert_eq!(all_counts(&set.take_all()), left);
            assert_eq!(all_counts(&set.snapshots()), vec![0; len]);
            assert_eq!(set.total(len - 1), last);
        }
    });
}

#[test]
fn a_handle_reads_and_writes_its_histogram() {
    on_every_kind(|case, kind| {
        let set = set(case, kind, 3);
        let handle = set.get(1).unwrap();
        let copy = handle;
        handle.record(5);
        copy.record_n(7, 2);
        set.record_duration(1, std::time::Duration::from_nanos(61));
        assert_eq!((handle.snapshot(), set.total(1)), (copy.total(), set.snapshot(1)));
        assert_eq!(format!("{handle:?}"), "HistogramRef { index: 1, count: 4, sum: Some(80) }");
        drop(copy.start_timer());
        drop(set.start_timer(1));
        assert_eq!((handle.take().count(), set.snapshot(1).count()), (6, 0));
        let (backend, shards) = (set.backend(), set.shards());
        assert_eq!(
            format!("{set:?}"),
            format!("HistogramSet {{ counts: [0, 0, 0], backend: {backend}, shards: {shards} }}")
        );
    });
}

#[test]
fn an_index_out_of_range_panics_with_index_and_length_and_records_nothing() {
    on_every_kind(|case, kind| {
        for len in [0, 1, 5] {
            let set = set(case, kind, len);
            for index in [len, len + 1, usize::MAX] {
                let calls: [&dyn Fn(); 6] = [
                    &|| set.record(index, 1),
                    &|| set.record_n(index, 1, 2),
                    &|| drop(set.start_timer(index)),
                    &|| drop(set.snapshot(index)),
                    &|| drop(set.total(index)),
                    &|| drop(set.take(index)),
                ];
                for call in calls {
                    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("no panic");
                    let text = panic.downcast_ref::<String>().unwrap();
                    let expected = format!("the set has {len} histograms but the index is {index}");
                    assert!(text.ends_with(&expected), "{text}");
                }
                assert!(set.get(index).is_none());
            }
            assert_eq!((set.len(), set.is_empty(), set.iter().len()), (len, len == 0, len));
            assert_eq!(all_counts(&set.snapshots()), vec![0; len]);
        }
    });
}

/// One thread records in the first histogram and then in the last: no snapshot of all has the second record
/// without the first.
#[test]
fn with_a_read_lock_snapshots_of_all_histograms_are_consistent() {
    const LEN: usize = 8;
    on_every_kind(|case, kind| {
        if !case.read_lock {
            return;
        }
        let set = set(case, kind, LEN);
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = crate::support::Stop(&stop);
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    set.record(0, 2);
                    set.record(LEN - 1, 61);
                }
            });
            let (mut seen, mut new) = (0, 0);
            while new < 40 {
                let all = set.snapshots();
                let (first, second) = (all[0].count(), all[LEN - 1].count());
                assert!(first == second || first == second + 1, "{first} and {second}");
                assert_eq!(all[0].sum(), Some(2 * first));
                assert_eq!(all[LEN - 1].sum(), Some(61 * second));
                new += usize::from(first + second != seen);
                seen = first + second;
            }
        });
    });
}
