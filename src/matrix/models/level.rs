//! A level: ups and downs of one row, and the possible sums while they are added.

use super::support::*;

type Level = Matrix<UpDown>;

/// A thread's number. Without one, every operation of the thread goes to the spill.
type Number = Option<usize>;

/// Where an increment and its decrement go: to different shards, or one of them to the spill.
const PLACES: [[Number; 2]; 3] = [[Some(0), Some(1)], [None, Some(0)], [Some(0), None]];

fn count_as(level: &Level, number: Number, column: usize, n: u64) {
    if let Some(number) = number {
        assume(number);
    }
    level.add(column, n);
}

/// One thread increments, and another, once it knows of that, decrements, during `read`.
fn an_up_and_its_down(level: &Arc<Level>, [up, down]: [Number; 2], read: fn(&Level) -> i64) {
    let handed_on = Arc::new(AtomicU64::new(0));
    let other = {
        let (level, handed_on) = (Arc::clone(level), Arc::clone(&handed_on));
        thread::spawn(move || {
            if handed_on.load(Ordering::Acquire) == 1 {
                count_as(&level, down, UpDown::DOWNS, 1);
            }
        })
    };
    let reader = spawn(level, read);
    count_as(level, up, UpDown::UPS, 1);
    handed_on.store(1, Ordering::Release);
    let seen = reader.join().unwrap();
    assert!(seen >= 0, "negative: {seen}");
    assert!(seen <= 1, "{seen}");
    other.join().unwrap();
}

fn sum(level: &Level) -> i64 {
    level.sum(UpDown::UPS).cast_signed()
}

/// A sum that looks a few times and then locks, one that never locks, and one that always does.
const READ_LOCKS: [Option<bool>; 3] = [None, Some(false), Some(true)];

#[test]
fn a_level_is_never_negative_while_each_down_comes_after_its_up() {
    for backend in BACKENDS {
        for read_lock in READ_LOCKS {
            for places in PLACES {
                println!("{backend}, read_lock {read_lock:?}, {places:?}");
                model(move || {
                    let level = in_place(UpDown::new(), backend, read_lock);
                    an_up_and_its_down(&level, places, sum);
                });
            }
        }
    }
}

/// One thread that wanders between rows: the level is 0, 1, 1 + `HIGH` and then `HIGH` - 1.
fn a_wanderers_level(level: &Arc<Level>) {
    let reader = spawn(level, sum);
    count_as(level, Some(0), UpDown::UPS, 1);
    count_as(level, Some(1), UpDown::UPS, HIGH);
    count_as(level, Some(0), UpDown::DOWNS, 2);
    let seen = reader.join().unwrap().cast_unsigned();
    assert!([0, 1, 1 + HIGH, HIGH - 1].contains(&seen), "torn: {seen:x}");
    assert_eq!(level.sum(UpDown::UPS), HIGH - 1);
}

#[test]
fn a_locked_level_is_that_of_one_moment() {
    for backend in BACKENDS {
        println!("{backend}");
        model(move || a_wanderers_level(&in_place(UpDown::new(), backend, true)));
    }
}

// The seeded twins: a single collect, and the ups read before the downs.

#[test]
#[should_panic(expected = "torn")]
fn seeded_a_single_collect_of_a_level_is_torn() {
    model(|| a_wanderers_level(&in_place(UpDown::new(), Backend::Striped, false)));
}

#[test]
#[should_panic(expected = "negative")]
fn seeded_ups_read_before_downs_come_to_a_negative_level() {
    model(|| {
        let level = in_place(UpDown::new(), Backend::Striped, false);
        an_up_and_its_down(&level, PLACES[0], |level| {
            let ups = level.collect(UpDown::UPS);
            ups.wrapping_sub(level.collect(UpDown::DOWNS)).cast_signed()
        });
    });
}

// A busy level: while one thread goes up, down and up again, the level is 0 or 1.

/// Does what [`count_as`] does, on a thread that had another number before.
fn count_at(level: &Level, number: Number, column: usize) {
    match number {
        Some(_) => count_as(level, number, column, 1),
        // As an add does that may not touch a shard at the moment.
        None => level.columns().spill(level.oldest(), column, 1),
    }
}

/// Goes up, down and up, each time in the row of that number or in the spill, during `read`.
fn up_down_up(level: &Arc<Level>, places: [Number; 3], read: fn(&Level) -> i64) {
    let reader = spawn(level, read);
    let [up, down, again] = places;
    count_at(level, up, UpDown::UPS);
    count_at(level, down, UpDown::DOWNS);
    count_at(level, again, UpDown::UPS);
    let seen = reader.join().unwrap();
    assert!((0..=1).contains(&seen), "{seen}: never was");
    assert_eq!(sum(level), 1);
}

/// Only to shards, and with the spill in between, before or after.
const BUSY_PLACES: [[Number; 3]; 4] = [
    [Some(0), Some(1), Some(0)],
    [Some(0), None, Some(1)],
    [None, Some(0), Some(1)],
    [Some(0), Some(1), None],
];

#[test]
fn a_busy_level_is_read_as_one_that_was() {
    for backend in BACKENDS {
        for read_lock in [None, Some(true)] {
            for places in BUSY_PLACES {
                println!("{backend}, read_lock {read_lock:?}, {places:?}");
                within(2, move || {
                    up_down_up(&in_place(UpDown::new(), backend, read_lock), places, sum);
                });
            }
        }
    }
}

#[test]
fn a_busy_level_is_read_as_one_that_was_while_it_is_leased_and_grows() {
    for backend in BACKENDS {
        within(2, move || {
            let level = Arc::new(Matrix::new(UpDown::new(), settings(backend, None)));
            up_down_up(&level, [Some(0), Some(0), Some(1)], sum);
        });
    }
    // The first operation goes to the spill, and makes rows for the next.
    for again in [0, 2] {
        within(2, move || {
            let level = in_place(UpDown::new(), Backend::PerThread, None);
            assert_eq!(level.rows(), 2);
            up_down_up(&level, [Some(2), Some(2), Some(again)], sum);
        });
    }
}

/// Reads `level` without checking what went down in between, as for a counter.
fn one_look(level: &Level) -> i64 {
    level.unlocked_total(UpDown::UPS).cast_signed()
}

#[test]
#[should_panic(expected = "never was")]
fn seeded_a_busy_level_read_with_one_look_is_one_that_never_was() {
    model(|| {
        let level = in_place(UpDown::new(), Backend::Striped, None);
        up_down_up(&level, BUSY_PLACES[0], one_look);
    });
}

/// Checks the downs again, but not the spill.
fn without_the_spill(level: &Level) -> i64 {
    let downs = level.collect(UpDown::DOWNS);
    let spilled = level.spilled(UpDown::UPS);
    let total = level.collect(UpDown::UPS).wrapping_add(spilled).wrapping_sub(downs);
    if level.collect(UpDown::DOWNS) == downs { total.cast_signed() } else { 0 }
}

#[test]
#[should_panic(expected = "never was")]
fn seeded_a_look_that_leaves_out_the_spill_reads_a_level_that_never_was() {
    model(|| {
        let level = in_place(UpDown::new(), Backend::Striped, None);
        up_down_up(&level, BUSY_PLACES[1], without_the_spill);
    });
}

/// Returns a sum with the downs, or the spill, of the second look.
fn with_the_later(level: &Level, downs: bool) -> i64 {
    let before = [level.collect(UpDown::DOWNS), level.spilled(UpDown::UPS)];
    let ups = level.collect(UpDown::UPS);
    let spilled = level.spilled(UpDown::UPS);
    let after = [level.collect(UpDown::DOWNS), spilled];
    let (downs, spilled) = if downs { (after[0], before[1]) } else { (before[0], after[1]) };
    ups.wrapping_add(spilled).wrapping_sub(downs).cast_signed()
}

#[test]
#[should_panic(expected = "negative")]
fn seeded_the_later_downs_in_the_result_come_to_a_negative_level() {
    model(|| {
        let level = in_place(UpDown::new(), Backend::Striped, Some(false));
        an_up_and_its_down(&level, PLACES[0], |level| with_the_later(level, true));
    });
}

#[test]
#[should_panic(expected = "negative")]
fn seeded_the_later_spill_in_the_result_comes_to_a_negative_level() {
    model(|| {
        let level = in_place(UpDown::new(), Backend::Striped, Some(false));
        an_up_and_its_down(&level, PLACES[2], |level| with_the_later(level, false));
    });
}

/// A level of 1 that is taken, and goes up again: it is 0 or 1 at any time.
fn up_take_up(read: fn(&Level) -> i64) {
    let level = in_place(UpDown::new(), Backend::Striped, None);
    let reader = spawn(&level, read);
    count_as(&level, Some(0), UpDown::UPS, 1);
    assert_eq!(level.take(UpDown::UPS), 1);
    count_as(&level, Some(0), UpDown::UPS, 1);
    let seen = reader.join().unwrap();
    assert!((0..=1).contains(&seen), "{seen}: never was");
}

#[test]
fn a_level_that_is_taken_is_read_as_one_that_was() {
    within(2, || up_take_up(sum));
}

#[test]
#[should_panic(expected = "never was")]
fn seeded_a_look_that_does_not_see_a_take_reads_a_level_that_never_was() {
    within(2, || {
        up_take_up(|level| {
            let taken = level.taken(UpDown::UPS).cast_signed();
            one_look(level) - taken
        });
    });
}

/// What is taken is added back, so that the final level is as usual.
#[test]
fn a_take_of_a_busy_level_is_of_one_moment() {
    for read_lock in READ_LOCKS {
        within(2, move || {
            let level = in_place(UpDown::new(), Backend::PerThread, read_lock);
            up_down_up(&level, BUSY_PLACES[0], |level| {
                let took = level.take(UpDown::UPS).cast_signed();
                level.add(UpDown::UPS, took.cast_unsigned());
                took
            });
        });
    }
}
