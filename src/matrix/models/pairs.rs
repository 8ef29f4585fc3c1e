//! A histogram's two adds: the value to the sum, and then one to the bucket.

use super::support::*;
use crate::matrix::{Span, many::Many};

type Histogram = Matrix<Many>;

/// The column of the only bucket; the sum's is the next one.
const BUCKET: usize = 0;
const SUM: usize = 1;
const BOTH: Span = Span { first: BUCKET, last_is_late: true };

/// The value that is recorded each time.
const VALUE: u64 = 5;

/// Where an add goes: to the row of a number, or to the spill.
type Place = Option<usize>;

/// Where a record adds to the sum and to the bucket: on a thread that stays where it is, one that
/// migrates in between, and one that is aborted in either section.
const PLACES: [[Place; 2]; 5] =
    [[Some(0), Some(0)], [Some(0), Some(1)], [Some(1), Some(0)], [None, Some(0)], [Some(0), None]];

fn touched(backend: Backend) -> Arc<Histogram> {
    in_place(Many::new(2, false), backend, false)
}

fn add_at(histogram: &Histogram, place: Place, column: usize, n: u64) {
    match place {
        Some(number) => {
            assume(number);
            histogram.add(column, n);
        }
        None => histogram.columns().spill(histogram.oldest(), column, n),
    }
}

fn record_at(histogram: &Histogram, [sum, bucket]: [Place; 2]) {
    add_at(histogram, sum, SUM, VALUE);
    add_at(histogram, bucket, BUCKET, 1);
}

/// The seeded bug: the bucket first.
fn record_backwards_at(histogram: &Histogram, [sum, bucket]: [Place; 2]) {
    add_at(histogram, bucket, BUCKET, 1);
    add_at(histogram, sum, SUM, VALUE);
}

/// Count and sum.
type Read = fn(&Histogram) -> [u64; 2];

fn total(histogram: &Histogram) -> [u64; 2] {
    let mut both = [0; 2];
    histogram.totals(BOTH, &mut both);
    both
}

fn snapshot(histogram: &Histogram) -> [u64; 2] {
    let mut both = [0; 2];
    histogram.sums(BOTH, &mut both);
    both
}

#[track_caller]
fn assert_all_counted_is_in_the_sum([count, sum]: [u64; 2]) {
    assert!(sum >= count * VALUE, "{count} counted, and a sum of {sum}");
}

/// Records twice during `read`.
fn while_recorded(
    histogram: &Arc<Histogram>,
    record: fn(&Histogram, [Place; 2]),
    places: [Place; 2],
    read: Read,
) {
    let reader = spawn(histogram, read);
    record(histogram, places);
    record(histogram, places);
    assert_all_counted_is_in_the_sum(join(reader));
    assert_eq!(total(histogram), [2, 2 * VALUE]);
}

fn on_every_place(record: fn(&Histogram, [Place; 2]), read: Read) {
    for backend in BACKENDS {
        for places in PLACES {
            println!("{backend}, {places:?}");
            model(move || while_recorded(&touched(backend), record, places, read));
        }
    }
}

#[test]
fn a_total_has_whatever_it_counts_in_its_sum() {
    on_every_place(record_at, total);
}

#[test]
fn a_snapshot_has_whatever_it_counts_in_its_sum_where_nobody_takes() {
    on_every_place(record_at, snapshot);
}

/// The record as it is: both adds after one check of the limit.
#[test]
fn a_pair_is_two_adds_in_that_order() {
    for backend in BACKENDS {
        println!("{backend}");
        model(move || {
            let histogram = touched(backend);
            let reader = spawn(&histogram, total);
            assume(0);
            histogram.add_pair((SUM, VALUE), (BUCKET, 1));
            histogram.add_pair((SUM, VALUE), (BUCKET, 1));
            assert_all_counted_is_in_the_sum(join(reader));
            assert_eq!(total(&histogram), [2, 2 * VALUE]);
        });
    }
}

/// The first use of a histogram, by two threads.
#[test]
fn a_first_pair_has_whatever_it_counts_in_its_sum() {
    for backend in BACKENDS {
        println!("{backend}");
        within(1, move || {
            let histogram = Matrix::new(Many::new(2, false), settings(backend, false));
            let histogram = Arc::new(histogram);
            let other = spawn(&histogram, |histogram| {
                assume(1);
                histogram.add_pair((SUM, VALUE), (BUCKET, 1));
            });
            let reader = spawn(&histogram, total);
            assume(0);
            histogram.add_pair((SUM, VALUE), (BUCKET, 1));
            assert_all_counted_is_in_the_sum(join(reader));
            join(other);
            assert_eq!(total(&histogram), [2, 2 * VALUE]);
        });
    }
}

/// Records during growth: two rows are not enough for the number 2, so its first record makes the
/// matrix grow.
fn record_during_growth(read: Read) {
    let histogram = touched(Backend::PerThread);
    let reader = spawn(&histogram, read);
    for _ in 0..2 {
        record_at(&histogram, [Some(2), None]);
    }
    assert_all_counted_is_in_the_sum(join(reader));
    assert_eq!(total(&histogram), [2, 2 * VALUE]);
}

#[test]
fn a_total_during_growth_has_whatever_it_counts_in_its_sum() {
    model(|| record_during_growth(total));
}

/// Together the takes have everything once, even if one lacks a part of a record.
#[test]
fn takes_share_all_records_without_overlap() {
    fn take(histogram: &Histogram) -> [u64; 2] {
        let mut both = [0; 2];
        histogram.take_all(BOTH, &mut both);
        both
    }
    for backend in BACKENDS {
        for places in PLACES {
            println!("{backend}, {places:?}");
            within(2, move || {
                let histogram = touched(backend);
                let taker = spawn(&histogram, take);
                record_at(&histogram, places);
                let mine = take(&histogram);
                record_at(&histogram, places);
                let others = join(taker);
                let rest = take(&histogram);
                let all: [u64; 2] = std::array::from_fn(|i| mine[i] + others[i] + rest[i]);
                assert_eq!(all, [2, 2 * VALUE]);
            });
        }
    }
}

/// A cut has both adds of a record, or neither.
#[test]
fn a_cut_has_a_pair_wholly_or_not_at_all() {
    for backend in BACKENDS {
        println!("{backend}");
        model(move || {
            let histogram = in_place(Many::new(2, true), backend, true);
            let recording = spawn(&histogram, |histogram| {
                assume(0);
                histogram.add_pair((SUM, VALUE), (BUCKET, 1));
            });
            let [count, sum] = total(&histogram);
            assert_eq!(sum, count * VALUE, "half a record");
            join(recording);
            assert_eq!(total(&histogram), [1, VALUE]);
        });
    }
}

// The seeded twins.

#[test]
#[should_panic(expected = "1 counted, and a sum of 0")]
fn seeded_the_bucket_before_the_sum_is_counted_without_it() {
    on_every_place(record_backwards_at, total);
}

#[test]
#[should_panic(expected = "counted, and a sum of")]
fn seeded_the_sum_read_first_lacks_what_is_counted() {
    on_every_place(record_at, |histogram| {
        let sum = histogram.column_now(SUM);
        [histogram.column_now(BUCKET), sum]
    });
}

/// All columns in one pass, row by row, and then the spills.
#[test]
#[should_panic(expected = "counted, and a sum of")]
fn seeded_rows_walked_with_both_at_once_lack_what_is_counted() {
    on_every_place(record_at, |histogram| {
        let lease = histogram.newest().ok().unwrap();
        let row = |row| [BUCKET, SUM].map(|column| lease.cell(row, column).load(Ordering::Acquire));
        let rows: Vec<_> = (0..lease.rows()).map(row).collect();
        let spills = [BUCKET, SUM].map(|column| histogram.spilled(column));
        [BUCKET, SUM].map(|i| rows.iter().map(|row| row[i]).sum::<u64>() + spills[i])
    });
}

/// The rows in two passes, but the bucket's spill only after both, with the sum's.
#[test]
#[should_panic(expected = "counted, and a sum of")]
fn seeded_a_buckets_spill_read_late_lacks_what_is_counted() {
    on_every_place(record_at, |histogram| {
        let [bucket, sum] = [BUCKET, SUM].map(|column| histogram.collect(column));
        [bucket + histogram.spilled(BUCKET), sum + histogram.spilled(SUM)]
    });
}

/// The leases are looked up once, for both passes.
#[test]
#[should_panic(expected = "counted, and a sum of")]
fn seeded_leases_looked_up_once_lack_what_is_counted() {
    model(|| {
        record_during_growth(|histogram| {
            let newest = histogram.newest().ok().unwrap();
            let [bucket, sum] = [BUCKET, SUM].map(|column| {
                let rows: u64 = newest.with_older().map(|lease| lease.sum_column(column)).sum();
                rows + histogram.spilled(column)
            });
            [bucket, sum]
        });
    });
}

/// Without release there is nothing for the reader's acquire to partner.
#[test]
#[should_panic(expected = "1 counted, and a sum of 0")]
fn seeded_a_bucket_added_to_without_release_is_counted_without_its_value() {
    model(|| {
        let histogram = touched(Backend::Striped);
        let reader = spawn(&histogram, total);
        let lease = histogram.newest().ok().unwrap();
        assume(0);
        histogram.add(SUM, VALUE);
        lease.cell(1, BUCKET).fetch_add(1, Ordering::Relaxed);
        assert_all_counted_is_in_the_sum(join(reader));
    });
}
