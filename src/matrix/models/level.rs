//! A level: ups and downs of one row, and what a sum may be while they are added.

use super::support::*;

type Level = Matrix<UpDown>;

/// A thread's number; that without one has every operation go to the spill.
type Number = Option<usize>;

/// Where an increment and its decrement go: to shards of their own, or either to the spill.
const PLACES: [[Number; 2]; 3] = [[Some(0), Some(1)], [None, Some(0)], [Some(0), None]];

fn count_as(level: &Level, number: Number, column: usize, n: u64) {
    if let Some(number) = number {
        assume(number);
    }
    level.add(column, n);
}

/// One thread goes up, and then, once it knows of that, another goes down, during `read`.
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

#[test]
fn a_level_is_never_negative_while_each_down_comes_after_its_up() {
    for backend in BACKENDS {
        for read_lock in [false, true] {
            for places in PLACES {
                println!("{backend}, read_lock {read_lock}, {places:?}");
                model(move || {
                    let level = in_place(UpDown::new(), backend, read_lock);
                    an_up_and_its_down(&level, places, sum);
                });
            }
        }
    }
}

/// One thread, which wanders: the level is 0, 1, 1 + `HIGH` and then `HIGH` - 1.
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

// The twins: a single collect, and the ups read before the downs.

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
