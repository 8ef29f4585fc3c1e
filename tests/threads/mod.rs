//! Threads that do as they are told, and stop when they should.

#![allow(dead_code, reason = "every test file takes what it needs")]

use std::{
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Sender, channel},
    },
    thread::{Scope, ScopedJoinHandle},
};

type Order<'scope> = Box<dyn FnOnce() + Send + 'scope>;

/// Threads of which each does what it is told, one thing at a time: whatever one of them does
/// happens before whatever any of them is told next. They have ended, with all their thread-local
/// destructors, when it is dropped.
pub(crate) struct Crew<'scope>(Vec<(Sender<Order<'scope>>, ScopedJoinHandle<'scope, ()>)>);

impl<'scope> Crew<'scope> {
    pub(crate) fn new(scope: &'scope Scope<'scope, '_>, threads: usize) -> Self {
        let hire = |_| {
            let (tell, told) = channel::<Order<'scope>>();
            (tell, scope.spawn(move || told.into_iter().for_each(|order| order())))
        };
        Self((0..threads).map(hire).collect())
    }

    /// What `body` returns on the thread of that `index`, modulo their number.
    pub(crate) fn on<T: Send + 'scope>(
        &self,
        index: usize,
        body: impl FnOnce() -> T + Send + 'scope,
    ) -> T {
        let (tell, told) = channel();
        let order = move || tell.send(body()).unwrap();
        self.0[index % self.0.len()].0.send(Box::new(order)).unwrap();
        told.recv().expect("the thread has panicked")
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        for (tell, thread) in self.0.drain(..) {
            drop(tell);
            // If it has panicked, whoever told it what to do knows.
            let _ = thread.join();
        }
    }
}

/// Tells threads to stop, also when dropped by a panic: else they would go on for ever.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
