//! Every add is in the sum, through first use, sharing and growth.

use super::support::*;
use crate::matrix::striped;

/// Returns whether `sum` is possible while 1 and then 2 are added: a locked sum never has the
/// second without the first.
fn is_a_sum_of_1_and_2(sum: u64, locked: bool) -> bool {
    sum <= 3 && !(locked && sum == 2)
}

/// Each thread adds twice: the first add may still go to the spill, the second need not.
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
    // Modulo two shards, both threads have shard 0.
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

/// The seeded bug: another thread may add in between.
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

/// The same bug seeded from above: two threads with one number.
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
fn the_first_use_during_a_sum_is_in_the_next_one() {
    on_every_setting(fresh, |counter| {
        let reader = reader(counter);
        add_as(counter, 0, [1, 2]);
        let seen = reader.join().unwrap();
        assert!(is_a_sum_of_1_and_2(seen, counter.settings().is_linearizable()), "{seen}");
        assert_eq!(counter.sum(COLUMN), 3);
    });
}

/// One thread finds no row, adds to the spill and grows the matrix; the other may add to its row in
/// the older lease or in the newer.
#[test]
fn growth_loses_no_add_of_this_or_another_thread() {
    for read_lock in [false, true] {
        model(move || {
            let counter = touched(Backend::PerThread, read_lock);
            two_adders_lose_nothing(&counter, [counter.rows(), 0]);
        });
    }
}

/// A thread that finds its row because another thread grew the matrix must find the memory behind
/// it, too, even if it learns of the row from a reader that ends a divert.
#[test]
fn growth_by_one_thread_serves_another() {
    for read_lock in [false, true] {
        within(1, move || {
            let counter = touched(Backend::PerThread, read_lock);
            let rows = counter.rows();
            let other = adder(&counter, rows + 1, [2]);
            let reader = reader(&counter);
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
        within(2, move || {
            let counter = touched(Backend::PerThread, read_lock);
            let reader = spawn(&counter, two_sums);
            add_as(&counter, counter.rows(), [1, 2]);
            let (first, second) = reader.join().unwrap();
            assert!(is_a_sum_of_1_and_2(first, read_lock) && first <= second, "{first}, {second}");
            assert_eq!(counter.sum(COLUMN), 3);
        });
    }
}

mod rows {
    use super::super::support::*;

    /// Returns the cells of the newest lease.
    fn cells(counter: &Counter) -> Vec<u64> {
        let lease = counter.newest().ok().unwrap();
        (0..lease.rows()).map(|row| lease.cell(row, COLUMN).load(Ordering::Relaxed)).collect()
    }

    /// A sum would not show this: an add without a row goes to the spill.
    #[test]
    fn every_number_has_a_row_of_its_own_as_long_as_there_are_any() {
        on_every_setting(touched, |counter| {
            let numbers = 0..counter.rows();
            numbers.clone().for_each(|number| add_as(counter, number, [number as u64 + 1]));
            assert!(cells(counter).into_iter().eq(numbers.map(|number| number as u64 + 1)));
        });
    }

    #[test]
    fn striped_has_the_next_numbers_share_rows_and_per_thread_grows() {
        on_every_setting(touched, |counter| {
            let rows = counter.rows();
            add_as(counter, rows, [1, 2]);
            let (shared, grown) = (counter.rows() == rows, counter.rows() == 2 * rows);
            let row = if counter.backend() == Backend::Striped { 0 } else { rows };
            assert!(if row == 0 { shared } else { grown }, "{rows}, then {}", counter.rows());
            // The first add may have gone to the spill.
            assert!([2, 3].contains(&cells(counter)[row]), "{:?}", cells(counter));
        });
    }
}

mod adds_never_wait {
    use super::super::support::*;

    /// An add that waits for the lock here waits for its own thread, which loom reports as a
    /// deadlock.
    #[test]
    fn an_add_does_not_wait_for_the_lock_even_to_grow() {
        on_every_setting(fresh, |counter| {
            assert!(counter.lock().is_err(), "a lock without a lease");
            add_as(counter, 0, [1, 2]);
            let rows = counter.rows();
            let lock = lock(counter);
            add_as(counter, rows, [4]);
            assert_eq!(counter.rows(), rows, "grown without the lock");
            drop(lock);
            assert_eq!(counter.sum(COLUMN), 7);
        });
    }

    #[test]
    fn an_add_that_is_diverted_goes_to_the_spill_and_counts() {
        on_every_setting(touched, |counter| {
            assume(0);
            let lock = lock(counter);
            let diverted = counter.divert(&lock);
            counter.add(COLUMN, 1);
            assert_eq!(in_shards(counter), 0, "not diverted");
            drop(diverted);
            drop(lock);
            counter.add(COLUMN, 2);
            assert_eq!(in_shards(counter), 2, "still diverted");
            assert_eq!(counter.sum(COLUMN), 3);
        });
    }

    #[test]
    fn adds_during_a_locked_sum_count_once_whether_diverted_or_not() {
        for backend in BACKENDS {
            model(move || {
                let counter = touched(backend, true);
                let reader = reader(&counter);
                add_as(&counter, 0, [1, 2, 4]);
                let seen = reader.join().unwrap();
                assert!([0, 1, 3, 7].contains(&seen), "{seen}");
                assert_eq!(counter.sum(COLUMN), 7);
            });
        }
    }
}
