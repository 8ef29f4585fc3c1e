//! Shuttle models: what loom's cannot have, which is more threads and longer lives.
//!
//! Loom explores every interleaving of two or three threads with two or three operations each, and
//! every value that the memory orderings allow. Shuttle picks schedules at random, or by priorities
//! that change at a few random points (PCT), and knows only sequential consistency. So it proves
//! nothing, and says nothing about orderings. But here up to nine threads add, take, read and come
//! and go at once, a `PerThread` matrix grows twice during locked sums, counters come and go and
//! reuse each other's columns, and a snapshot meets several batches, sums and takes. And shuttle's
//! atomics are `const`, so the public types are tested as they are.
//!
//! Each kind of promise has a twin with a seeded bug, which shuttle must find.

use super::{BACKENDS, HIGH, settings};
use crate::{
    Backend, Builder, Counter, CounterSet,
    matrix::{
        Matrix, UpDown,
        thread_id::{Numbers, assume},
    },
    sync::{AtomicU64, Ordering::SeqCst},
};
use shuttle::{
    check_pct, check_random,
    thread::{Scope, ScopedJoinHandle, scope},
};
use std::sync::Arc;

/// The number of schedules of each kind.
const SCHEDULES: usize = 1_000;

/// The number of changes of priority that a bug may need.
const DEPTH: usize = 3;

/// Sets the backend and the read lock, with two rows at first on either backend: threads share
/// them, or the matrix grows.
fn on<T>(backend: Backend, read_lock: bool, builder: Builder<T>) -> Builder<T> {
    let builder = builder.backend(backend).read_lock(read_lock);
    if backend == Backend::Striped { builder.shards(2) } else { builder }
}

fn explore(body: impl Fn() + Send + Sync + 'static) {
    let body = Arc::new(body);
    let again = Arc::clone(&body);
    check_random(move || body(), SCHEDULES);
    check_pct(move || again(), SCHEDULES, DEPTH);
}

fn on_every_setting(body: fn(Backend, bool)) {
    for backend in BACKENDS {
        for read_lock in [false, true] {
            // Captured, and so shown only with a failure.
            println!("{backend}, read_lock {read_lock}");
            explore(move || body(backend, read_lock));
        }
    }
}

type Running<'scope, T> = Vec<ScopedJoinHandle<'scope, T>>;

/// Starts `threads` threads with the numbers from `first` on, and passes each its own.
fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    first: usize,
    threads: usize,
    body: impl Fn(usize) -> T + Send + Copy + 'scope,
) -> Running<'scope, T> {
    let run = |number| {
        move || {
            assume(number);
            body(number)
        }
    };
    (first..first + threads).map(|number| scope.spawn(run(number))).collect()
}

fn results<T>(threads: Running<'_, T>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

mod counters {
    use super::*;

    const ADDERS: usize = 5;
    const ADDS: u64 = 4;

    #[test]
    fn takes_of_two_and_the_final_sum_share_all_adds_without_overlap() {
        on_every_setting(|backend, read_lock| {
            let counter = on(backend, read_lock, Counter::builder()).build();
            let taken: u64 = scope(|scope| {
                start(scope, 0, ADDERS, |_| (1..=ADDS).for_each(|n| counter.add(n)));
                let takers = start(scope, ADDERS, 2, |_| counter.take() + counter.take());
                results(takers).iter().sum()
            });
            assert_eq!(taken + counter.sum(), ADDERS as u64 * (1..=ADDS).sum::<u64>());
        });
    }

    #[test]
    fn every_cursor_sees_every_add_once_whatever_a_taker_does() {
        on_every_setting(|backend, read_lock| {
            let counter = on(backend, read_lock, Counter::builder()).build();
            let counter = &counter;
            let cursors = scope(|scope| {
                start(scope, 0, ADDERS, |_| (1..=ADDS).for_each(|n| counter.add(n)));
                start(scope, ADDERS, 1, |_| _ = counter.take());
                results(start(scope, ADDERS + 1, 2, |_| {
                    let mut cursor = counter.deltas();
                    let seen = cursor.next_delta() + cursor.next_delta();
                    (cursor, seen)
                }))
            });
            for (mut cursor, seen) in cursors {
                assert_eq!(seen + cursor.next_delta(), ADDERS as u64 * (1..=ADDS).sum::<u64>());
            }
        });
    }

    /// Tests guarantee 3 against tallies kept around every add.
    #[test]
    fn sums_lie_between_the_true_counts_at_begin_and_end_and_never_go_backwards() {
        on_every_setting(|backend, read_lock| {
            let counter = on(backend, read_lock, Counter::builder()).build();
            let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
            scope(|scope| {
                start(scope, 0, ADDERS, |_| {
                    for n in 1..=ADDS {
                        begun.fetch_add(n, SeqCst);
                        counter.add(n);
                        ended.fetch_add(n, SeqCst);
                    }
                });
                start(scope, ADDERS, 2, |_| {
                    let mut last = 0;
                    for _ in 0..3 {
                        let least = ended.load(SeqCst).max(last);
                        last = counter.sum();
                        assert!((least..=begun.load(SeqCst)).contains(&last), "{least} {last}");
                    }
                });
            });
            assert_eq!(counter.sum(), ended.load(SeqCst));
        });
    }

    /// Threads wander between rows: each adds 1 to one row, and then [`HIGH`] to another.
    fn no_sum_is_torn(backend: Backend, read_lock: bool) {
        const WANDERERS: u64 = 3;
        let counter = on(backend, read_lock, Counter::builder()).build();
        scope(|scope| {
            start(scope, 0, WANDERERS as usize, |number| {
                for _ in 0..2 {
                    counter.add(1);
                    assume(number + 3);
                    counter.add(HIGH);
                    assume(number);
                }
            });
            start(scope, 6, 2, |_| {
                for _ in 0..3 {
                    let sum = counter.sum();
                    let (high, low) = (sum / HIGH, sum % HIGH);
                    assert!((high..=high + WANDERERS).contains(&low), "torn: {high} and {low}");
                }
            });
        });
        assert_eq!(counter.sum(), 2 * WANDERERS * (HIGH + 1));
    }

    #[test]
    fn a_locked_sum_is_that_of_one_moment_in_several_wanderers_lives() {
        for backend in BACKENDS {
            explore(move || no_sum_is_torn(backend, true));
        }
    }

    #[test]
    #[should_panic(expected = "torn")]
    fn seeded_a_single_collect_is_torn() {
        explore(|| no_sum_is_torn(Backend::Striped, false));
    }
}

mod levels {
    use super::*;

    const UPS: usize = 4;

    type Sum = fn(&Matrix<UpDown>) -> u64;

    /// Some threads increment, and others decrement once for every increment that they know of.
    fn never_negative(backend: Backend, read_lock: bool, sum: Sum) {
        let level = Matrix::new(UpDown::new(), settings(backend, read_lock));
        let known = AtomicU64::new(0);
        scope(|scope| {
            start(scope, 0, UPS, |_| {
                level.add(UpDown::UPS, 1);
                known.fetch_add(1, SeqCst);
            });
            start(scope, UPS, 2, |_| {
                for _ in 0..3 {
                    let one_less = |known: u64| known.checked_sub(1);
                    if known.fetch_update(SeqCst, SeqCst, one_less).is_ok() {
                        level.add(UpDown::DOWNS, 1);
                    }
                }
            });
            start(scope, UPS + 2, 2, |_| {
                for _ in 0..3 {
                    let seen = sum(&level);
                    assert!(seen <= UPS as u64, "out of bounds: {}", seen.cast_signed());
                }
            });
        });
        assert_eq!(level.sum(UpDown::UPS), known.load(SeqCst));
    }

    #[test]
    fn a_level_is_never_negative_while_each_down_comes_after_its_up() {
        on_every_setting(|backend, read_lock| {
            never_negative(backend, read_lock, |level| level.sum(UpDown::UPS));
        });
    }

    #[test]
    #[should_panic(expected = "out of bounds: -")]
    fn seeded_ups_read_before_downs_come_to_a_negative_level() {
        explore(|| {
            never_negative(Backend::Striped, false, |level| {
                let ups = level.collect(UpDown::UPS).wrapping_add(level.spilled(UpDown::UPS));
                ups.wrapping_sub(level.collect(UpDown::DOWNS))
            });
        });
    }
}

mod sets {
    use super::*;

    const BATCHERS: usize = 4;
    const BATCHES: u64 = 3;

    /// Batches add equally to the first two columns, and single adds go to the third and then the
    /// fourth, while two threads read.
    fn no_cut_is_torn(backend: Backend, read_lock: bool, cut: fn(&CounterSet) -> Vec<u64>) {
        let set = on(backend, read_lock, CounterSet::builder(4)).build();
        scope(|scope| {
            start(scope, 0, BATCHERS, |_| {
                (1..=BATCHES).for_each(|n| set.add_many(&[(0, n), (1, n)]));
            });
            start(scope, BATCHERS, 2, |_| {
                for _ in 0..BATCHES {
                    set.inc(2);
                    set.inc(3);
                }
            });
            start(scope, BATCHERS + 2, 2, |_| {
                let mut last = vec![0; 4];
                for _ in 0..3 {
                    let now = cut(&set);
                    assert_eq!(now[0], now[1], "half a batch");
                    assert!((now[3]..=now[3] + 2).contains(&now[2]), "torn: {now:?}");
                    assert!(last.iter().zip(&now).all(|(last, now)| last <= now), "backwards");
                    last = now;
                }
            });
        });
        let batched = BATCHERS as u64 * (1..=BATCHES).sum::<u64>();
        assert_eq!(set.sums(), [batched, batched, 2 * BATCHES, 2 * BATCHES]);
    }

    #[test]
    fn snapshots_have_batches_wholly_or_not_at_all_and_no_add_without_the_one_before() {
        for backend in BACKENDS {
            explore(move || no_cut_is_torn(backend, true, |set| set.snapshot().unwrap()));
        }
    }

    #[test]
    #[should_panic(expected = "half a batch")]
    fn seeded_sums_without_a_cut_have_half_a_batch() {
        explore(|| no_cut_is_torn(Backend::Striped, false, CounterSet::sums));
    }

    #[test]
    fn takes_of_all_and_of_one_and_cursors_miss_no_add_of_a_batch() {
        on_every_setting(|backend, read_lock| {
            let set = on(backend, read_lock, CounterSet::builder(2)).build();
            let (set, mut taken) = (&set, [0; 2]);
            let (takes, cursors) = scope(|scope| {
                start(scope, 0, BATCHERS, |_| {
                    (1..=BATCHES).for_each(|n| set.add_many(&[(0, n), (1, n)]));
                });
                let takers = start(scope, BATCHERS, 1, |_| [set.take_all(), vec![0, set.take(1)]]);
                let consumers = start(scope, BATCHERS + 1, 2, |_| {
                    let mut cursor = set.deltas();
                    let seen = cursor.next_delta();
                    (cursor, seen)
                });
                (results(takers), results(consumers))
            });
            for take in takes.into_iter().flatten().chain([set.sums()]) {
                taken = [taken[0] + take[0], taken[1] + take[1]];
            }
            let all = BATCHERS as u64 * (1..=BATCHES).sum::<u64>();
            assert_eq!(taken, [all; 2]);
            for (mut cursor, seen) in cursors {
                let rest = cursor.next_delta();
                assert_eq!([seen[0] + rest[0], seen[1] + rest[1]], [all; 2]);
            }
        });
    }
}

mod thread_numbers {
    use super::*;

    const THREADS: usize = 8;
    const LIVES: usize = 3;

    /// Each thread has several lives: it claims a number, adds with it, and returns it.
    fn many_lives(claim: fn(&Numbers<1>) -> usize, release: fn(&Numbers<1>, usize)) {
        let counter = Counter::builder().backend(Backend::PerThread).build();
        let numbers = Numbers::new();
        scope(|scope| {
            start(scope, 0, THREADS, |_| {
                for _ in 0..LIVES {
                    let number = claim(&numbers);
                    assume(number);
                    counter.inc();
                    counter.inc();
                    release(&numbers, number);
                }
            });
        });
        assert_eq!(counter.sum(), (2 * THREADS * LIVES) as u64, "an add is lost");
        assert!(counter.shards() <= THREADS, "not dense: {} shards", counter.shards());
    }

    fn claim(numbers: &Numbers<1>) -> usize {
        numbers.claim().expect("64 numbers are enough for eight threads")
    }

    #[test]
    fn numbers_and_their_shards_pass_from_thread_to_thread_without_loss() {
        explore(|| many_lives(claim, Numbers::release));
    }

    #[test]
    #[should_panic(expected = "an add is lost")]
    fn seeded_a_number_given_back_before_its_last_add_loses_one() {
        explore(|| {
            let early = |numbers: &Numbers<1>| {
                let number = claim(numbers);
                numbers.release(number);
                number
            };
            many_lives(early, |_, _| {});
        });
    }

    #[test]
    #[should_panic(expected = "not dense")]
    fn seeded_a_number_never_given_back_keeps_its_shard() {
        explore(|| many_lives(claim, |_, _| {}));
    }
}

mod leases {
    use super::*;
    use crate::matrix::{One, columns::Columns};
    use std::mem;

    const THREADS: usize = 5;
    const LIVES: u64 = 3;
    const COLUMN: usize = One::COLUMN;

    /// Each thread makes counters that share chunks with those of the other threads, adds to them,
    /// also with a higher number so that they grow, and calls `end` on them.
    fn counters_come_and_go(backend: Backend, read_lock: bool, end: fn(Matrix<One>)) {
        scope(|scope| {
            start(scope, 0, THREADS, |number| {
                for life in 1..=LIVES {
                    let counter = Matrix::new(One::new(), settings(backend, read_lock));
                    for number in [number, number + THREADS] {
                        assume(number);
                        counter.add(COLUMN, 1);
                        counter.add(COLUMN, 2);
                    }
                    assert_eq!(counter.take(COLUMN), 6, "not its own adds");
                    counter.add(COLUMN, life);
                    assert_eq!(counter.sum(COLUMN), life, "not its own adds");
                    end(counter);
                }
            });
        });
    }

    #[test]
    fn counters_that_have_each_others_columns_are_exact() {
        on_every_setting(|backend, read_lock| counters_come_and_go(backend, read_lock, drop));
    }

    #[test]
    #[should_panic(expected = "not its own adds")]
    fn seeded_a_column_given_back_before_its_last_add_spoils_another_counter() {
        explore(|| {
            counters_come_and_go(Backend::Striped, false, |counter| {
                counter.columns().give_back(counter.newest().ok().unwrap());
                counter.add(COLUMN, HIGH);
                mem::forget(counter);
            });
        });
    }
}

mod histograms {
    use super::*;
    use crate::{Histogram, HistogramSnapshot};

    const RECORDERS: usize = 4;
    /// Each of them is the lowest value of a bucket.
    const VALUES: [u64; 3] = [1, 11, 101];
    const BOUNDS: &[u64] = &[10, 100];
    const ALL: u64 = RECORDERS as u64 * (1 + 11 + 101);

    fn histogram(backend: Backend, read_lock: bool) -> Histogram {
        on(backend, read_lock, Histogram::builder().bounds(BOUNDS)).build()
    }

    fn worth(of: &HistogramSnapshot) -> u64 {
        of.buckets().zip(VALUES).map(|((_, count), value)| count * value).sum()
    }

    fn record(histogram: &Histogram) {
        VALUES.into_iter().for_each(|value| histogram.record(value));
    }

    #[test]
    fn whatever_is_counted_is_in_the_sum_and_with_a_read_lock_all_of_the_sum() {
        on_every_setting(|backend, read_lock| {
            let histogram = histogram(backend, read_lock);
            scope(|scope| {
                start(scope, 0, RECORDERS, |_| record(&histogram));
                start(scope, RECORDERS, 2, |_| {
                    for of in [histogram.total(), histogram.snapshot()] {
                        let (worth, sum) = (worth(&of), of.sum().unwrap());
                        assert!(worth <= sum && (!read_lock || worth == sum), "{worth}, {sum}");
                    }
                });
            });
            let total = histogram.total();
            assert_eq!((worth(&total), total.sum()), (ALL, Some(ALL)));
        });
    }

    #[test]
    fn takes_and_cursors_have_every_record_once() {
        on_every_setting(|backend, read_lock| {
            let histogram = &histogram(backend, read_lock);
            let (taken, cursors) = scope(|scope| {
                start(scope, 0, RECORDERS, |_| record(histogram));
                let takers = start(scope, RECORDERS, 2, |_| histogram.take());
                let cursors = start(scope, RECORDERS + 2, 1, |_| {
                    let mut cursor = histogram.deltas();
                    let seen = cursor.next_delta();
                    (cursor, seen)
                });
                (results(takers), results(cursors))
            });
            let all = taken.iter().fold(histogram.take(), |all, of| all.merge(of).unwrap());
            assert_eq!((worth(&all), all.sum()), (ALL, Some(ALL)));
            for (mut cursor, seen) in cursors {
                assert_eq!(seen.merge(&cursor.next_delta()).unwrap(), all);
            }
        });
    }

    /// The seeded bug: the sum is read before the buckets.
    #[test]
    #[should_panic(expected = "counted without its value")]
    fn seeded_a_sum_read_before_the_buckets_lacks_what_is_counted() {
        explore(|| {
            let histogram = histogram(Backend::Striped, false);
            scope(|scope| {
                start(scope, 0, RECORDERS, |_| record(&histogram));
                let sum = histogram.total().sum().unwrap();
                let counted = worth(&histogram.total());
                assert!(counted <= sum, "counted without its value");
            });
        });
    }
}
