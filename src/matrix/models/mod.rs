//! Loom models of the matrix: every interleaving of a few threads and adds, and every value that
//! the memory orderings in the code allow a load to return.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 cargo test --release --target-dir target-loom --lib models
//! ```
//!
//! Models work on the matrix itself: the shells around it are `const`, and loom's atomics are not.
//! Loom has no restartable sequences, so `PerCpu` has no model; the stress tests in `tests/` have
//! it. Nor does loom know a total order of `SeqCst` accesses, but nothing here asks for one.
//!
//! A model that finds nothing proves little unless it could find something: those that matter most
//! have a twin with a seeded bug, of which loom must find the consequence.

mod exact;
mod level;
mod sums;
mod take;
mod thread_numbers;

use super::{Lone, Matrix, Width};
use crate::{
    builder::{Backend, Settings},
    sync::{AtomicU64, AtomicUsize, Ordering},
    thread_id::{Numbers, assume},
};
use loom::{model, sync::Arc, thread};

/// The one column of these matrices.
const COLUMN: usize = 0;

/// An add that is told from those of 1 in a sum.
pub(super) const HIGH: u64 = 1 << 32;

pub(super) const BACKENDS: [Backend; 2] = [Backend::PerThread, Backend::Striped];

type Counter = Matrix<Lone>;

/// Two rows on either backend: `PerThread` takes their number from the machine, which has two CPUs.
fn settings(backend: Backend, read_lock: bool) -> Settings {
    let shards = (backend == Backend::Striped).then_some(2);
    Settings { backend, shards, read_lock }
}

fn fresh(backend: Backend, read_lock: bool) -> Arc<Counter> {
    Arc::new(Matrix::new(Lone::new(), settings(backend, read_lock)))
}

fn touched(backend: Backend, read_lock: bool) -> Arc<Counter> {
    in_place(Lone::new(), backend, read_lock)
}

/// A matrix whose rows are in place before any thread starts. The model's main thread has no
/// number, so its adds always spill.
pub(super) fn in_place<W: Width>(width: W, backend: Backend, read_lock: bool) -> Arc<Matrix<W>> {
    let matrix = Matrix::new(width, settings(backend, read_lock));
    matrix.add(COLUMN, 0);
    assert_ne!(matrix.rows(), 0);
    Arc::new(matrix)
}

/// Models `body` on either backend, with the read lock off and on.
fn on_every_setting(make: fn(Backend, bool) -> Arc<Counter>, body: fn(&Arc<Counter>)) {
    for backend in BACKENDS {
        for read_lock in [false, true] {
            // Captured, and so shown only with a failure.
            println!("{backend}, read_lock {read_lock}");
            model(move || body(&make(backend, read_lock)));
        }
    }
}

/// Adds each of `adds` as the holder of `number`.
fn add_as<const N: usize>(counter: &Counter, number: usize, adds: [u64; N]) {
    assume(number);
    for n in adds {
        counter.add(COLUMN, n);
    }
}

/// A thread that adds.
fn adder<const N: usize>(
    counter: &Arc<Counter>,
    number: usize,
    adds: [u64; N],
) -> thread::JoinHandle<()> {
    let counter = Arc::clone(counter);
    thread::spawn(move || add_as(&counter, number, adds))
}

/// A thread that reads: takes, or sums.
///
/// Loom runs the main thread first and the others in the order of their start, and goes back from
/// there, but no further than to the last access before a store. A taker loads what it then
/// stores, and so hides from loom an earlier load by somebody else. So the main thread adds, and
/// readers start last.
fn reader<W: Width + Send + Sync + 'static, T: Send + 'static>(
    matrix: &Arc<Matrix<W>>,
    read: impl FnOnce(&Matrix<W>) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let matrix = Arc::clone(matrix);
    thread::spawn(move || read(&matrix))
}

fn taker(counter: &Arc<Counter>) -> thread::JoinHandle<u64> {
    reader(counter, |counter| counter.take(COLUMN))
}

/// What is not in the spill.
fn in_shards(counter: &Counter) -> u64 {
    counter.collect(COLUMN)
}

fn two_sums(counter: &Counter) -> (u64, u64) {
    let first = counter.sum(COLUMN);
    (first, counter.sum(COLUMN))
}

mod rows {
    use super::*;

    /// The cells of the newest block.
    fn cells(counter: &Counter) -> Vec<u64> {
        let block = counter.blocks.iter().next().unwrap();
        (0..block.rows()).map(|row| block.cell(row, COLUMN).load(Ordering::Relaxed)).collect()
    }

    /// A sum would not notice: an add that goes astray goes to the spill.
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
            // The first add may have spilled.
            assert!([2, 3].contains(&cells(counter)[row]), "{:?}", cells(counter));
        });
    }
}

mod adds_never_wait {
    use super::*;

    /// Whoever waits for the lock here waits for itself, which loom reports as a deadlock.
    #[test]
    fn an_add_does_not_wait_for_the_lock_even_to_allocate_or_to_grow() {
        on_every_setting(fresh, |counter| {
            assume(0);
            let lock = counter.lock();
            counter.add(COLUMN, 1);
            assert_eq!(counter.rows(), 0, "allocated without the lock");
            drop(lock);
            counter.add(COLUMN, 2);
            let rows = counter.rows();
            let lock = counter.lock();
            assume(rows);
            counter.add(COLUMN, 4);
            assert_eq!(counter.rows(), rows, "grown without the lock");
            drop(lock);
            assert_eq!(counter.sum(COLUMN), 7);
        });
    }

    #[test]
    fn an_add_that_is_diverted_goes_to_the_spill_and_counts() {
        on_every_setting(touched, |counter| {
            assume(0);
            let lock = counter.lock();
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
    fn adds_in_the_midst_of_a_locked_sum_count_once_whether_diverted_or_not() {
        for backend in BACKENDS {
            model(move || {
                let counter = touched(backend, true);
                let reader = reader(&counter, |counter| counter.sum(COLUMN));
                add_as(&counter, 0, [1, 2, 4]);
                let seen = reader.join().unwrap();
                assert!([0, 1, 3, 7].contains(&seen), "{seen}");
                assert_eq!(counter.sum(COLUMN), 7);
            });
        }
    }
}
