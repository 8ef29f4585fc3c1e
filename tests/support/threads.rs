//! Threads that start together, take orders, and stop on demand.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Sender, channel},
    },
    thread::{self, Scope, ScopedJoinHandle},
};

/// Runs `body` with its index on that number of threads, which start together. Returns the results after
/// all threads have ended with their thread-local destructors.
pub(crate) fn together<T: Send>(threads: usize, body: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (start, body) = (&Barrier::new(threads), &body);
    thread::scope(|scope| {
        let run = |index| {
            move || {
                start.wait();
                body(index)
            }
        };
        let running: Vec<_> = (0..threads).map(|index| scope.spawn(run(index))).collect();
        // `join` waits for the end of the thread; the scope by itself only for that of `body`.
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

type Order<'scope> = Box<dyn FnOnce() + Send + 'scope>;

/// Threads that run orders, one at a time: each order happens before the next one that any of them is given.
/// When dropped, they have ended with all their thread-local destructors.
pub(crate) struct Crew<'scope>(Vec<(Sender<Order<'scope>>, ScopedJoinHandle<'scope, ()>)>);

impl<'scope> Crew<'scope> {
    pub(crate) fn new(scope: &'scope Scope<'scope, '_>, threads: usize) -> Self {
        let hire = |_| {
            let (give, orders) = channel::<Order<'scope>>();
            (give, scope.spawn(move || orders.into_iter().for_each(|order| order())))
        };
        Self((0..threads).map(hire).collect())
    }

    /// Runs `body` on the thread with that `index`, modulo their number, and returns its result.
    pub(crate) fn on<T: Send + 'scope>(
        &self,
        index: usize,
        body: impl FnOnce() -> T + Send + 'scope,
    ) -> T {
        let (give, result) = channel();
        let order = move || give.send(body()).unwrap();
        self.0[index % self.0.len()].0.send(Box::new(order)).unwrap();
        result.recv().expect("the thread has panicked")
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        for (give, thread) in self.0.drain(..) {
            drop(give);
            // If it has panicked, so has the thread that gave the order.
            let _ = thread.join();
        }
    }
}

/// Sets a flag that makes threads stop, also when a panic drops it: otherwise they would never end.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
