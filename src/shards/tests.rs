//! Where adds land, which no sum tells: that they find a shard as soon as they can, and again.

use super::*;
use crate::{child::in_child, membarrier};
use std::thread;

const COLUMN: usize = Lone::COLUMN;

/// With the number of CPUs known, since the first add does not wait for another test that asks for it.
fn settings(backend: Backend) -> Settings {
    let settings = Settings { backend, ..Settings::DEFAULT };
    settings.plan();
    settings
}

fn matrix(backend: Backend) -> Matrix<Lone> {
    Matrix::new(Lone::new(), settings(backend))
}

/// What an add has added to the shards, and what to the spill.
fn landed(matrix: &Matrix<Lone>) -> [u64; 2] {
    let totals = || [matrix.collect(COLUMN), matrix.width().spilled(COLUMN)];
    let before = totals();
    matrix.add(COLUMN, 5);
    let after = totals();
    [after[0] - before[0], after[1] - before[1]]
}

const IN_A_SHARD: [u64; 2] = [5, 0];
const SPILLED: [u64; 2] = [0, 5];

/// For the two whose adds are not aborted.
#[test]
fn the_first_add_spills_and_the_others_do_not() {
    for backend in [Backend::PerThread, Backend::Striped] {
        let matrix = matrix(backend);
        assert_eq!(landed(&matrix), SPILLED, "{backend}");
        (0..100).for_each(|_| assert_eq!(landed(&matrix), IN_A_SHARD, "{backend}"));
    }
}

#[test]
fn adds_that_were_diverted_find_their_shards_again() {
    for backend in [Backend::PerThread, Backend::Striped] {
        let matrix = matrix(backend);
        landed(&matrix);
        for _ in 0..3 {
            {
                let lock = matrix.lock();
                let _diverted = matrix.divert(&lock);
                assert_eq!(landed(&matrix), SPILLED, "{backend}");
            }
            assert_eq!(landed(&matrix), IN_A_SHARD, "{backend}");
        }
    }
}

/// An add is aborted now and then, but not most of the time.
#[test]
fn most_adds_through_per_cpu_land_in_a_shard_and_none_takes_a_thread_number() {
    let Ok(_) = per_cpu::area() else { return };
    let matrix = matrix(Backend::PerCpu);
    let most = || (0..1_000).filter(|_| landed(&matrix) == IN_A_SHARD).count() > 500;
    assert!(most());
    {
        let lock = matrix.lock();
        let _diverted = matrix.divert(&lock);
        assert_eq!(landed(&matrix), SPILLED);
    }
    assert!(most());
    assert!(thread_id::current() & per_thread::MASK >= MAX_THREADS);
}

/// The calling thread, and so many more while it is alive, each have a shard from their second add on.
fn second_adds_land_in_shards(matrix: &Matrix<Lone>, more: usize) {
    landed(matrix);
    assert_eq!(landed(matrix), IN_A_SHARD, "with {more} more threads to come");
    if more > 0 {
        thread::scope(|scope| {
            scope.spawn(|| second_adds_land_in_shards(matrix, more - 1)).join().unwrap();
        });
    }
}

/// In a process of its own, whose threads have the numbers from 0 on: all powers of two among them.
#[test]
fn per_thread_grows_with_every_thread() {
    in_child(module_path!(), "per_thread_grows_with_every_thread", || {
        let matrix = matrix(Backend::PerThread);
        // Where there are more CPUs than that, there are more from the start.
        let shards = matrix.shards().max(128);
        second_adds_land_in_shards(&matrix, 70);
        assert_eq!(matrix.shards(), shards);
        assert_eq!(thread_id::current(), MARK);
    });
}

/// The table in the module's documentation. More rows than any limit are as good as none.
#[test]
fn numbered_threads_have_the_rows_of_the_table_and_others_none() {
    let striped = striped::plan(8).route;
    for number in [0, 1, 7, 8, 9, MAX_THREADS - 1] {
        let thread = number | MARK;
        assert!(thread & UNKNOWN >= MAX_THREADS, "{number}");
        assert_eq!([thread & per_thread::MASK, thread & striped], [number, number % 8]);
    }
    // Before its first add, and while it ends.
    let without = [usize::MAX, usize::MAX - 1];
    assert_eq!(thread_id::current(), without[0]);
    for thread in without {
        for route in [UNKNOWN, per_thread::MASK, striped] {
            assert!(thread & route >= MAX_THREADS, "{thread:x} by {route:x}");
        }
    }
}

/// Else its adds through `PerCpu` would count themselves in and out until somebody asks for a snapshot.
#[test]
fn a_tracked_set_registers_for_membarriers_with_its_first_add() {
    in_child(module_path!(), "a_tracked_set_registers_for_membarriers_with_its_first_add", || {
        assert!(!membarrier::ends_sections());
        Matrix::new(Dense::new(2, true), Settings::DEFAULT).add_one(0, 1);
        let registered = membarrier::ends_sections();
        membarrier::register();
        assert_eq!(registered, membarrier::ends_sections());
    });
}

/// What a cut waits for: `snapshot.rs` says why a single add through `PerCpu` need not count itself.
#[test]
fn operations_on_a_tracked_set_count_themselves_in_and_out() {
    for backend in [Backend::PerCpu, Backend::PerThread, Backend::Striped] {
        let matrix = Matrix::new(Dense::new(2, true), settings(backend));
        let operations =
            || [matrix.width.begun(), matrix.width.ended()].map(|it| matrix.column_now(it));
        // The first one finds no shards, and spills.
        (0..11).for_each(|_| matrix.add_one(0, 1));
        let ended_by_membarrier =
            matrix.backend() == Backend::PerCpu && membarrier::ends_sections();
        let single = if ended_by_membarrier { 0 } else { 10 };
        assert_eq!(operations(), [single; 2], "{backend}");
        (0..5).for_each(|_| matrix.add_all(&[(0, 1), (1, 1)]));
        assert_eq!(operations(), [single + 5; 2], "{backend}");
        assert_eq!([0, 1].map(|column| matrix.sum(column)), [16, 5], "{backend}");
    }
}
