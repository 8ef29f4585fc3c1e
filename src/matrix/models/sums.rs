//! The possible values of a sum, and of a locked sum, while others add.

use super::support::*;

/// Adds 1 to one row and then [`HIGH`] to another, as a thread that migrates does, `rounds` times.
fn wander(counter: &Counter, rounds: u64) {
    for _ in 0..rounds {
        add_as(counter, 0, [1]);
        add_as(counter, 1, [HIGH]);
    }
}

#[test]
fn the_sums_of_one_thread_never_go_backwards() {
    on_every_setting(touched, |counter| {
        let reader = spawn(counter, two_sums);
        wander(counter, 1);
        let (first, second) = reader.join().unwrap();
        assert!(first <= second, "{first:x}, then {second:x}");
    });
}

#[test]
fn a_sum_has_every_add_that_happens_before_it() {
    on_every_setting(touched, |counter| {
        let done = Arc::new(AtomicU64::new(0));
        let reader = {
            let done = Arc::clone(&done);
            spawn(counter, move |counter| {
                let before = done.load(Ordering::Acquire);
                assert!(counter.sum(COLUMN) >= before);
            })
        };
        add_as(counter, 0, [1]);
        done.store(1, Ordering::Release);
        add_as(counter, 0, [2]);
        reader.join().unwrap();
    });
}

/// One thread adds 1, and another, once it knows of that, adds [`HIGH`]: no sum at one moment has
/// the second add without the first.
fn no_sum_is_torn(counter: &Arc<Counter>, first: usize, second: usize) {
    no_sum_is_torn_of(counter, [first, second], |counter| counter.sum(COLUMN));
}

/// Tests the same for the sums that `sum` returns.
fn no_sum_is_torn_of(
    counter: &Arc<Counter>,
    [first, second]: [usize; 2],
    sum: impl FnOnce(&Counter) -> u64 + Send + 'static,
) {
    let handed_on = Arc::new(AtomicU64::new(0));
    let other = {
        let (counter, handed_on) = (Arc::clone(counter), Arc::clone(&handed_on));
        thread::spawn(move || {
            if handed_on.load(Ordering::Acquire) == 1 {
                add_as(&counter, second, [HIGH]);
            }
        })
    };
    let reader = spawn(counter, sum);
    add_as(counter, first, [1]);
    handed_on.store(1, Ordering::Release);
    assert_ne!(reader.join().unwrap(), HIGH, "torn");
    other.join().unwrap();
}

/// Tests the same with one thread that wanders between rows: with fewer threads, loom gets further
/// into the rounds of the locked sum.
fn no_sum_is_torn_by_a_wanderer(counter: &Arc<Counter>) {
    let reader = reader(counter);
    wander(counter, 2);
    let sum = reader.join().unwrap();
    let (high, low) = (sum / HIGH, sum % HIGH);
    assert!(low == high || low == high + 1, "torn: {high} and {low}");
    assert_eq!(counter.sum(COLUMN), 2 * (HIGH + 1));
}

#[test]
fn a_locked_sum_never_has_an_add_without_the_one_before_it() {
    for backend in BACKENDS {
        for (first, second) in [(0, 1), (1, 0)] {
            println!("{backend}, number {first} and then {second}");
            model(move || no_sum_is_torn(&touched(backend, true), first, second));
        }
    }
}

#[test]
fn a_locked_sum_is_that_of_one_moment_in_a_wanderers_life() {
    for backend in BACKENDS {
        println!("{backend}");
        model(move || no_sum_is_torn_by_a_wanderer(&touched(backend, true)));
    }
}

// The seeded twins: a single collect, which is an unlocked sum.

#[test]
#[should_panic(expected = "torn")]
fn seeded_a_single_collect_is_torn_by_fetch_adds() {
    model(|| no_sum_is_torn(&touched(Backend::Striped, false), 0, 1));
}

#[test]
#[should_panic(expected = "torn")]
fn seeded_a_single_collect_is_torn_by_owners_stores() {
    model(|| no_sum_is_torn(&touched(Backend::PerThread, false), 0, 1));
}

#[test]
#[should_panic(expected = "torn")]
fn seeded_a_single_collect_is_torn_by_a_wanderer() {
    model(|| no_sum_is_torn_by_a_wanderer(&touched(Backend::Striped, false)));
}

// Why collects acquire, one by one: locked sums with other orderings.

/// Performs one collect, with this ordering.
fn collect_in(counter: &Counter, order: Ordering) -> u64 {
    let lease = counter.newest().ok().unwrap();
    (0..lease.rows()).map(|row| lease.cell(row, COLUMN).load(order)).sum()
}

/// Does what `locked_total` does, with one ordering for the first collect and another for all later
/// ones. Leaves out its `spin_loop`: after that, loom lets a thread see only the newest values,
/// which hides what a relaxed load may do.
fn locked_sum_in(counter: &Counter, first: Ordering, later: Ordering) -> u64 {
    let lock = lock(counter);
    let mut diverted = None;
    let mut before = collect_in(counter, first);
    loop {
        let spilled = counter.spilled(COLUMN);
        let after = collect_in(counter, later);
        if before == after {
            return after + spilled;
        }
        before = after;
        diverted.get_or_insert_with(|| counter.divert(&lock));
    }
}

/// Another algorithm: of the two collects of a round, the second only confirms the first.
fn locked_sum_confirmed_in(counter: &Counter, confirming: Ordering) -> u64 {
    let lock = lock(counter);
    let mut diverted = None;
    loop {
        let before = collect_in(counter, Ordering::Acquire);
        let spilled = counter.spilled(COLUMN);
        if before == collect_in(counter, confirming) {
            return before + spilled;
        }
        diverted.get_or_insert_with(|| counter.divert(&lock));
    }
}

fn no_sum_is_torn_in_either_order(sum: fn(&Counter) -> u64) {
    for backend in BACKENDS {
        for numbers in [[0, 1], [1, 0]] {
            println!("{backend}, {numbers:?}");
            model(move || no_sum_is_torn_of(&touched(backend, true), numbers, sum));
        }
    }
}

#[test]
fn collects_that_all_acquire_are_not_torn() {
    no_sum_is_torn_in_either_order(|counter| {
        locked_sum_in(counter, Ordering::Acquire, Ordering::Acquire)
    });
}

#[test]
#[should_panic(expected = "torn")]
fn seeded_a_first_collect_without_acquire_is_torn() {
    no_sum_is_torn_in_either_order(|counter| {
        locked_sum_in(counter, Ordering::Relaxed, Ordering::Acquire)
    });
}

#[test]
#[should_panic(expected = "torn")]
fn seeded_a_second_collect_without_acquire_is_torn() {
    no_sum_is_torn_in_either_order(|counter| {
        locked_sum_in(counter, Ordering::Acquire, Ordering::Relaxed)
    });
}

/// So the second collect has to acquire only because it is the first one of the next round.
#[test]
fn seeded_a_collect_that_only_confirms_need_not_acquire() {
    no_sum_is_torn_in_either_order(|counter| locked_sum_confirmed_in(counter, Ordering::Relaxed));
}
