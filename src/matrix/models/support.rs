//! What loom's models have in common.
//!
//! They work on the matrix itself: the public types are `const`, and loom's atomics are not. Loom
//! explores every value that the memory orderings in the code allow a load to return. It has no
//! total order of `SeqCst` accesses, but nothing here relies on one.

pub(super) use super::{BACKENDS, HIGH, settings};
pub(super) use crate::{
    lock::Guard,
    matrix::{Matrix, One, UpDown, columns::Columns, memory::MOST_GRANTED, thread_id::assume},
    settings::Backend,
    sync::{AtomicU64, Ordering},
};
pub(super) use loom::{model, sync::Arc, thread};

/// The only column of these matrices.
pub(super) const COLUMN: usize = One::COLUMN;

pub(super) type Counter = Matrix<One>;

pub(super) fn fresh(backend: Backend, read_lock: bool) -> Arc<Counter> {
    Arc::new(Matrix::new(One::new(), settings(backend, read_lock)))
}

pub(super) fn touched(backend: Backend, read_lock: bool) -> Arc<Counter> {
    in_place(One::new(), backend, read_lock)
}

/// Returns a matrix whose rows are leased before any thread starts. The model's main thread has no
/// number, so its adds always go to the spill.
pub(super) fn in_place<C: Columns>(
    columns: C,
    backend: Backend,
    read_lock: impl Into<Option<bool>>,
) -> Arc<Matrix<C>> {
    let matrix = Matrix::new(columns, settings(backend, read_lock));
    assert!(matrix.warm_up());
    Arc::new(matrix)
}

/// Models `body` on either backend, with the read lock off and on.
pub(super) fn on_every_setting(make: fn(Backend, bool) -> Arc<Counter>, body: fn(&Arc<Counter>)) {
    for backend in BACKENDS {
        for read_lock in [false, true] {
            // Captured, and so shown only with a failure.
            println!("{backend}, read_lock {read_lock}");
            model(move || body(&make(backend, read_lock)));
        }
    }
}

/// Models `body` with fewer preemptions than usual, for models that have very many interleavings.
pub(super) fn within(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = model::Builder::new();
    builder.max_branches = 5_000;
    let most = builder.preemption_bound.unwrap_or(preemptions);
    builder.preemption_bound = Some(preemptions.min(most));
    builder.check(body);
}

/// Sets whether there is memory for cells from here on.
pub(super) fn grant_memory(granted: bool) {
    MOST_GRANTED.store(if granted { u64::MAX } else { 0 }, Ordering::Relaxed);
}

/// Adds each of `adds` as the thread with `number`.
pub(super) fn add_as<const N: usize>(counter: &Counter, number: usize, adds: [u64; N]) {
    assume(number);
    for n in adds {
        counter.add(COLUMN, n);
    }
}

/// Starts a thread that does something with a matrix.
///
/// Loom runs the main thread first and the others in the order of their start, and explores other
/// orders from there, but only back to the last access before a store. A take loads what it then
/// stores, and so hides from loom an earlier load by another thread. So the main thread adds, and
/// readers start last.
pub(super) fn spawn<C: Columns + Send + Sync + 'static, T: Send + 'static>(
    matrix: &Arc<Matrix<C>>,
    body: impl FnOnce(&Matrix<C>) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let matrix = Arc::clone(matrix);
    thread::spawn(move || body(&matrix))
}

/// Starts a thread that adds.
pub(super) fn adder<const N: usize>(
    counter: &Arc<Counter>,
    number: usize,
    adds: [u64; N],
) -> thread::JoinHandle<()> {
    spawn(counter, move |counter| add_as(counter, number, adds))
}

pub(super) fn taker(counter: &Arc<Counter>) -> thread::JoinHandle<u64> {
    spawn(counter, |counter| counter.take(COLUMN))
}

/// Starts a thread that sums.
pub(super) fn reader(counter: &Arc<Counter>) -> thread::JoinHandle<u64> {
    spawn(counter, |counter| counter.sum(COLUMN))
}

pub(super) fn two_sums(counter: &Counter) -> (u64, u64) {
    let first = counter.sum(COLUMN);
    (first, counter.sum(COLUMN))
}

/// Returns what is not in the spill.
pub(super) fn in_shards(counter: &Counter) -> u64 {
    counter.collect(COLUMN)
}

/// Takes the readers' lock of a counter that has a lease.
pub(super) fn lock<C: Columns>(matrix: &Matrix<C>) -> Guard<'_> {
    matrix.lock().ok().expect("no lease yet")
}

pub(super) fn join<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().unwrap()
}
