//! Before and during the first lease: the early spill, and takes without memory.

use super::support::*;
use crate::matrix::leases::Early;

/// Returns a fresh counter for which there is no memory yet.
fn without_memory(backend: Backend, read_lock: bool) -> Arc<Counter> {
    grant_memory(false);
    fresh(backend, read_lock)
}

/// One thread adds 1, and another, once it knows of that, adds [`HIGH`], by the given functions,
/// while a reader sums.
fn no_sum_is_torn(
    counter: &Arc<Counter>,
    first: fn(&Counter),
    second: fn(&Counter),
    sum: fn(&Counter) -> u64,
) {
    let handed_on = Arc::new(AtomicU64::new(0));
    let other = {
        let handed_on = Arc::clone(&handed_on);
        spawn(counter, move |counter| {
            grant_memory(true);
            counter.warm_up();
            if handed_on.load(Ordering::Acquire) == 1 {
                second(counter);
            }
        })
    };
    let reader = spawn(counter, sum);
    first(counter);
    handed_on.store(1, Ordering::Release);
    assert_ne!(join(reader), HIGH, "torn");
    join(other);
}

fn spill_high(counter: &Counter) {
    counter.add(COLUMN, HIGH);
}

fn add_high(counter: &Counter) {
    assume(0);
    counter.add(COLUMN, HIGH);
}

/// Adds as if the look for the lease had come before there was one.
fn spill_early(counter: &Counter) {
    counter.columns().spill(None, COLUMN, 1);
}

fn sum(counter: &Counter) -> u64 {
    counter.sum(COLUMN)
}

#[test]
fn a_locked_sum_over_the_moment_of_the_lease_has_the_adds_before_those_it_has() {
    for second in [spill_high, add_high] {
        within(1, move || {
            let counter = without_memory(Backend::PerThread, true);
            no_sum_is_torn(&counter, |counter| counter.add(COLUMN, 1), second, sum);
        });
        within(2, move || {
            no_sum_is_torn(&touched(Backend::PerThread, true), spill_early, second, sum);
        });
    }
}

/// The seeded bug: the early spill is loaded before the lease's. One round is enough.
fn sum_with_the_early_spill_first(counter: &Counter) -> u64 {
    let _lock = lock(counter);
    let before = counter.collect(COLUMN);
    let early = counter.columns().spilled(None, COLUMN);
    let later = counter.oldest().unwrap().spill(COLUMN).load(Ordering::Acquire);
    if counter.collect(COLUMN) == before { before + early + later } else { 0 }
}

#[test]
#[should_panic(expected = "torn")]
fn seeded_the_early_spill_loaded_before_the_leases_is_torn() {
    model(|| {
        let counter = touched(Backend::PerThread, true);
        no_sum_is_torn(&counter, spill_early, spill_high, sum_with_the_early_spill_first);
    });
}

/// Two threads add, one of them before there is a lease, and two sum. It must not happen that each
/// sum has an add that the other lacks.
fn two_sums_agree(sum: fn(&Counter) -> u64) {
    let counter = without_memory(Backend::PerThread, true);
    let other = spawn(&counter, |counter| {
        grant_memory(true);
        counter.warm_up();
        spill_high(counter);
    });
    let readers = [spawn(&counter, sum), spawn(&counter, sum)];
    counter.add(COLUMN, 1);
    let mut sums = readers.map(join);
    sums.sort_unstable();
    assert_ne!(sums, [1, HIGH], "in no order");
    join(other);
    assert_eq!(counter.sum(COLUMN), 1 + HIGH);
}

#[test]
fn locked_sums_before_and_after_the_lease_agree_on_an_order_of_the_adds() {
    within(1, || two_sums_agree(sum));
}

/// The seeded bug: only loads the word to see that there is still no lease.
fn sum_with_a_look(counter: &Counter) -> u64 {
    let Err(before) = counter.lock() else { return counter.sum(COLUMN) };
    let early = counter.columns().spilled(None, COLUMN);
    match counter.newest() {
        Err(now) if now == before => early,
        _ => counter.sum(COLUMN),
    }
}

#[test]
#[should_panic(expected = "in no order")]
fn seeded_a_look_that_only_loads_has_locked_sums_in_no_order() {
    within(1, || two_sums_agree(sum_with_a_look));
}

/// Two threads take, by `take`, while another adds and may find memory in between.
fn two_take(read_lock: bool, granted: bool, take: fn(&Counter) -> u64) {
    let counter = without_memory(Backend::PerThread, read_lock);
    let takers = [spawn(&counter, take), spawn(&counter, take)];
    add_as(&counter, 0, [1]);
    grant_memory(granted);
    add_as(&counter, 0, [2]);
    let taken = takers.map(join);
    let left = counter.sum(COLUMN);
    assert!(taken.iter().all(|&took| took <= 3), "{taken:?} taken: not of 3");
    assert_eq!(taken[0] + taken[1] + left, 3, "{taken:?} taken, {left} left: not of 3");
    assert_eq!(counter.total(COLUMN), 3);
}

fn take(counter: &Counter) -> u64 {
    counter.take(COLUMN)
}

#[test]
fn two_takers_without_memory_and_the_final_sum_share_all_adds() {
    for read_lock in [false, true] {
        within(2, move || two_take(read_lock, false, take));
    }
}

#[test]
fn two_takers_share_all_adds_over_the_moment_of_the_lease() {
    for read_lock in [false, true] {
        within(1, move || two_take(read_lock, true, take));
    }
}

/// The seeded bug: ignores that another take was faster.
fn take_unasked(counter: &Counter) -> u64 {
    let Err(before) = counter.lock() else { return counter.take(COLUMN) };
    let after = Early::of(counter.spilled(COLUMN), false);
    _ = counter.replace_early(before, after);
    after.taken() - before.taken()
}

#[test]
#[should_panic(expected = "not of 3")]
fn seeded_a_take_that_does_not_look_whether_it_was_noted_takes_twice() {
    model(|| two_take(false, false, take_unasked));
}

#[test]
fn a_sum_without_memory_is_never_negative_while_another_thread_takes() {
    for read_lock in [false, true] {
        within(2, move || {
            let counter = without_memory(Backend::PerThread, read_lock);
            let (taker, reader) = (taker(&counter), reader(&counter));
            add_as(&counter, 0, [1]);
            let (took, seen) = (join(taker), join(reader));
            assert!(seen <= 1, "{}", seen.cast_signed());
            assert_eq!(took + counter.sum(COLUMN), 1);
        });
    }
}

/// What is taken from a level may be negative.
#[test]
fn levels_are_taken_without_memory_too() {
    for read_lock in [false, true] {
        model(move || {
            grant_memory(false);
            let level = Matrix::new(UpDown::new(), settings(Backend::PerThread, read_lock));
            for (column, n, took) in
                [(UpDown::DOWNS, 3, -3), (UpDown::UPS, 5, 5), (UpDown::DOWNS, 9, -9)]
            {
                level.add(column, n);
                assert_eq!(level.take(UpDown::UPS).cast_signed(), took);
                assert_eq!(level.sum(UpDown::UPS), 0);
            }
            assert_eq!(level.total(UpDown::UPS).cast_signed(), -7);
            grant_memory(true);
            assert!(level.warm_up());
            level.add(UpDown::UPS, 2);
            assert_eq!(level.take(UpDown::UPS), 2);
            assert_eq!(level.total(UpDown::UPS).cast_signed(), -5);
        });
    }
}

/// A thread raises the count to 3 without memory, while another raises it to 2, with memory or
/// without.
fn two_raise(granted: bool, raise: fn(&Counter, u64)) {
    let counter = without_memory(Backend::PerThread, false);
    let other = spawn(&counter, move |counter| {
        if granted {
            grant_memory(true);
        }
        raise(counter, 2);
    });
    raise(&counter, 3);
    join(other);
    assert_eq!(counter.sum(COLUMN), 3, "raised twice");
}

fn raise(counter: &Counter, value: u64) {
    counter.with_sum(COLUMN, |sum| counter.add(COLUMN, value.saturating_sub(sum)));
}

#[test]
fn two_threads_raise_one_after_the_other_without_memory() {
    for granted in [false, true] {
        within(2, move || two_raise(granted, raise));
    }
}

/// The seeded bug: does not hold the word while it adds.
fn raise_without_holding(counter: &Counter, value: u64) {
    let sum = counter.sum(COLUMN);
    counter.add(COLUMN, value.saturating_sub(sum));
}

#[test]
#[should_panic(expected = "raised twice")]
fn seeded_a_raise_that_holds_nothing_raises_twice() {
    model(|| two_raise(false, raise_without_holding));
}
