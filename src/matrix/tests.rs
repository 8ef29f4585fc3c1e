//! Where adds land, which no sum shows: that they find a shard as soon as they can, and keep
//! finding it.

mod levels;

use super::{
    One, UpDown, columns::Columns, many::Many, matrix::Matrix, pool::pools, route::Number,
    rows::CELLS, striped, thread_id,
};
use crate::{
    Counter, cpus, membarrier, rseq,
    settings::{Backend, Settings},
    sync::Ordering,
    testing::in_child,
};
use std::{thread, time::Duration};

const COLUMN: usize = One::COLUMN;

fn matrix(backend: Backend) -> Matrix<One> {
    Matrix::new(One::new(), Settings::new(backend, None))
}

fn tracked_set(settings: Settings) -> Matrix<Many> {
    Matrix::new(Many::new(2, true), settings.with_read_lock(Some(true)))
}

/// Adds, and returns what that added to the shards and what to the spill.
fn landed(matrix: &Matrix<One>) -> [u64; 2] {
    let totals = || [matrix.collect(COLUMN), matrix.spilled(COLUMN)];
    let before = totals();
    matrix.add(COLUMN, 5);
    let after = totals();
    [after[0] - before[0], after[1] - before[1]]
}

const IN_A_SHARD: [u64; 2] = [5, 0];
const SPILLED: [u64; 2] = [0, 5];

/// For the two backends whose adds are never aborted.
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
                let lock = matrix.lock().ok().unwrap();
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
    let Ok(_) = super::area(Backend::PerCpu) else { return };
    let matrix = matrix(Backend::PerCpu);
    let most = || (0..1_000).filter(|_| landed(&matrix) == IN_A_SHARD).count() > 500;
    assert!(most());
    {
        let lock = matrix.lock().ok().unwrap();
        let _diverted = matrix.divert(&lock);
        assert_eq!(landed(&matrix), SPILLED);
    }
    assert!(most());
    assert_eq!(thread_id::current().get(), None);
}

/// In a child process, of which only one thread runs. Its dense number becomes 0 sooner or later, since
/// kernels do not compact these numbers at once.
#[test]
fn adds_by_dense_numbers_find_the_only_shard() {
    in_child(module_path!(), "adds_by_dense_numbers_find_the_only_shard", || {
        if super::area(Backend::PerCpu).is_err() || !rseq::has_dense() || cpus::possible() == 1 {
            return;
        }
        let matrix = Matrix::new(One::new(), Settings::new(Backend::PerCpu, Some(1)));
        let found = (0..10_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            landed(&matrix) == IN_A_SHARD
        });
        assert!(found, "all spilled");
    });
}

/// Checks that the calling thread, and `more` threads while it is alive, each have a shard from
/// their second add on.
fn second_adds_land_in_shards(matrix: &Matrix<One>, more: usize) {
    landed(matrix);
    assert_eq!(landed(matrix), IN_A_SHARD, "with {more} more threads to come");
    if more > 0 {
        thread::scope(|scope| {
            scope.spawn(|| second_adds_land_in_shards(matrix, more - 1)).join().unwrap();
        });
    }
}

/// In a child process, whose threads have the numbers from 0 on, with all powers of two among them.
#[test]
fn per_thread_grows_with_every_thread() {
    in_child(module_path!(), "per_thread_grows_with_every_thread", || {
        let matrix = matrix(Backend::PerThread);
        // With more CPUs than that, there are more shards from the start.
        let shards = matrix.shards().max(128);
        second_adds_land_in_shards(&matrix, 70);
        assert_eq!(matrix.shards(), shards);
        assert_eq!(thread_id::current(), Number::new(0));
    });
}

/// Otherwise its adds through `PerCpu` would count themselves in and out until the first snapshot.
#[test]
fn a_tracked_set_registers_for_membarriers_with_its_first_add() {
    in_child(module_path!(), "a_tracked_set_registers_for_membarriers_with_its_first_add", || {
        assert!(!membarrier::ends_sections());
        tracked_set(Settings::new(Backend::Auto, None)).add_one(0, 1);
        let registered = membarrier::ends_sections();
        membarrier::register();
        assert_eq!(registered, membarrier::ends_sections());
    });
}

/// A cut waits for these; `snapshot.rs` says why a single add through `PerCpu` need not count
/// itself.
#[test]
fn operations_on_a_tracked_set_count_themselves_in_and_out() {
    for backend in [Backend::PerCpu, Backend::PerThread, Backend::Striped] {
        let matrix = tracked_set(Settings::new(backend, None));
        let operations =
            || [matrix.columns().begun(), matrix.columns().ended()].map(|it| matrix.column_now(it));
        // The first one finds no shards, and goes to the spill.
        (0..11).for_each(|_| matrix.add_one(0, 1));
        let ended_by_membarrier =
            matrix.backend() == Backend::PerCpu && membarrier::ends_sections();
        let single = if ended_by_membarrier { 0 } else { 10 };
        assert_eq!(operations(), [single; 2], "{backend}");
        (0..5).for_each(|_| matrix.add_all([(0, 1), (1, 1)].into_iter()));
        assert_eq!(operations(), [single + 5; 2], "{backend}");
        assert_eq!([0, 1].map(|column| matrix.sum(column)), [16, 5], "{backend}");
    }
}

/// A sum does not show this. In a child process, where no other test leases.
#[test]
fn counters_that_are_dropped_give_their_columns_back() {
    in_child(module_path!(), "counters_that_are_dropped_give_their_columns_back", || {
        for backend in [Backend::PerCpu, Backend::PerThread, Backend::Striped] {
            for padded in [false, true] {
                let settings = Settings::new(backend, None).padded(padded);
                let make = || {
                    let matrix = Matrix::new(One::new(), settings);
                    matrix.add(COLUMN, 1);
                    matrix
                };
                let first = make();
                let pool = pools().get(first.newest().ok().unwrap().pool());
                assert_eq!(pool.taken(), 1, "{backend}");
                let mut others: Vec<_> = (0..300).map(|_| make()).collect();
                assert_eq!(pool.taken(), 301, "{backend}");
                // First those in the middle, which others replace, and then all.
                (0..100).for_each(|at| others[100 + at] = make());
                assert_eq!(pool.taken(), 301, "{backend}");
                drop(others);
                assert_eq!(pool.taken(), 1, "{backend}");
                drop(first);
                assert_eq!(pool.taken(), 0, "{backend}");
            }
        }
    });
}

/// In a child process, where no pinned thread can have queried the number of CPUs.
#[test]
fn the_default_number_of_shards_is_the_documented_one() {
    in_child(module_path!(), "the_default_number_of_shards_is_the_documented_one", || {
        let cpus = num_cpus::get();
        let shards = |backend| Counter::builder().backend(backend).build().shards();
        assert_eq!(shards(Backend::Striped), (4 * cpus).next_power_of_two());
        // On two CPUs, 4 + 2 would give the same result.
        assert_eq!(striped::default_rows(3), 16);
        assert_eq!(shards(Backend::PerThread), cpus.next_power_of_two());
        if super::area(Backend::PerCpu).is_ok() {
            assert_eq!(shards(Backend::PerCpu), cpus::possible());
        }
    });
}

/// The documentation promises this, and the sharing of lines relies on it.
#[test]
fn a_counter_is_32_bytes_and_all_zeros() {
    assert_eq!([size_of::<Matrix<One>>(), size_of::<Matrix<UpDown>>()], [32; 2]);
    let fresh = matrix(Backend::Auto);
    assert_eq!(fresh.columns().stride() % CELLS, 0);
    let hot = [fresh.hot.limit.load(Ordering::Relaxed), fresh.hot.tag.load(Ordering::Relaxed)];
    assert_eq!((hot, fresh.hot.first.load(Ordering::Relaxed).is_null()), ([0; 2], true));
    assert_eq!(fresh.spilled(COLUMN), 0);
    assert!(Settings::new(Backend::Auto, None).is_zero());
}
