//! Every add is in the sum: through first use, sharing and growth.

use super::*;
use crate::shards::striped;

/// Whether a sum may be what it is in the midst of an add of 1 and then one of 2: a locked one
/// never has the second without the first.
fn is_a_sum_of_1_and_2(sum: u64, locked: bool) -> bool {
    sum <= 3 && !(locked && sum == 2)
}

/// Each thread adds twice: the first add may still spill, the second need not.
fn two_adders_lose_nothing(counter: &Arc<Counter>, numbers: [usize; 2]) {
    let other = adder(counter, numbers[1], [4, 8]);
    add_as(counter, numbers[0], [1, 2]);
    other.join().unwrap();
    assert_eq!(counter.sum(COLUMN), 15);
}

#[test]
fn adds_to_two_shards_are_all_in_the_sum() {
    on_every_setting(touched, |counter| two_adders_lose_nothing(counter, [0, 1]));
}

#[test]
fn threads_that_share_a_stripe_lose_no_add() {
    // Modulo two shards, both have shard 0.
    model(|| two_adders_lose_nothing(&touched(Backend::Striped, false), [0, 2]));
}

/// Two threads call `add` on one cell, as two that share a stripe do.
fn two_share_a_cell(add: fn(&AtomicU64, u64)) {
    let cell = Arc::new(AtomicU64::new(0));
    let other = {
        let cell = Arc::clone(&cell);
        thread::spawn(move || add(&cell, 2))
    };
    add(&cell, 1);
    other.join().unwrap();
    assert_eq!(cell.load(Ordering::Relaxed), 3, "an add is lost");
}

/// The seeded bug: somebody else may add in between.
fn add_with_the_store_split_from_the_load(cell: &AtomicU64, n: u64) {
    let before = cell.load(Ordering::Relaxed);
    cell.store(before + n, Ordering::Release);
}

#[test]
fn two_that_share_a_cell_lose_no_add() {
    model(|| two_share_a_cell(striped::add));
}

#[test]
#[should_panic(expected = "an add is lost")]
fn seeded_a_store_split_from_its_load_loses_an_add() {
    model(|| two_share_a_cell(add_with_the_store_split_from_the_load));
}

/// The same seeded from above: two threads with one number.
#[test]
#[should_panic(expected = "Causality violation")]
fn seeded_two_owners_of_one_row_are_noticed() {
    model(|| two_adders_lose_nothing(&touched(Backend::PerThread, false), [0, 0]));
}

#[test]
fn the_first_use_by_two_threads_at_once_loses_no_add() {
    on_every_setting(fresh, |counter| two_adders_lose_nothing(counter, [0, 1]));
}

#[test]
fn the_first_use_in_the_midst_of_a_sum_is_in_the_next_one() {
    on_every_setting(fresh, |counter| {
        let reader = reader(counter, |counter| counter.sum(COLUMN));
        add_as(counter, 0, [1, 2]);
        let seen = reader.join().unwrap();
        assert!(is_a_sum_of_1_and_2(seen, counter.read_lock()), "{seen}");
        assert_eq!(counter.sum(COLUMN), 3);
    });
}

/// The one finds no row, spills and grows the matrix; the other may add to its row in the
/// older block or to that in the newer.
#[test]
fn growth_loses_no_add_of_this_or_another_thread() {
    for read_lock in [false, true] {
        model(move || {
            let counter = touched(Backend::PerThread, read_lock);
            two_adders_lose_nothing(&counter, [counter.rows(), 0]);
        });
    }
}

/// A thread that finds its row thanks to another's growth must find the memory behind it, too,
/// also if it is a reader that has told it so, at the end of a divert.
#[test]
fn growth_by_one_thread_serves_another() {
    for read_lock in [false, true] {
        model(move || {
            let counter = touched(Backend::PerThread, read_lock);
            let rows = counter.rows();
            let other = adder(&counter, rows + 1, [2]);
            let reader = reader(&counter, |counter| counter.sum(COLUMN));
            add_as(&counter, rows, [1]);
            reader.join().unwrap();
            other.join().unwrap();
            assert_eq!(counter.sum(COLUMN), 3);
        });
    }
}

#[test]
fn growth_is_not_seen_by_a_reader_but_for_its_adds() {
    for read_lock in [false, true] {
        model(move || {
            let counter = touched(Backend::PerThread, read_lock);
            let reader = reader(&counter, two_sums);
            add_as(&counter, counter.rows(), [1, 2]);
            let (first, second) = reader.join().unwrap();
            assert!(is_a_sum_of_1_and_2(first, read_lock) && first <= second, "{first}, {second}");
            assert_eq!(counter.sum(COLUMN), 3);
        });
    }
}
