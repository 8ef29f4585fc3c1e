//! Who hands on, and when.

use super::calls;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError, Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// The part of the time that the thread may take.
const BUSY: u32 = 20;
/// For how long to wait for another flush: longer than any takes whose exporter is not stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// Hands on what was counted, from a [`ShardedRecorder`](super::ShardedRecorder) to its inner recorder.
#[derive(Clone)]
pub struct Flusher(pub(super) Arc<dyn Flush + Send + Sync>);

/// What can be flushed: a recorder in front of some other.
pub(super) trait Flush {
    fn flush_now(&self);
    fn turns(&self) -> &Turns;
    /// How many handles and keys there are.
    fn len(&self) -> usize;
}

impl Flusher {
    /// Brings the inner recorder up to date.
    ///
    /// The recorder does so by itself. Call it before a scrape that is to have everything that was counted
    /// before, and at the end of a program that sends its metrics.
    ///
    /// Costs a sum per counter, and a call of the inner recorder per counter that has changed. No lock is
    /// held meanwhile, and counting never waits for it. It waits for another flush, for one second at
    /// most. Called by the inner recorder during a flush, it does nothing.
    pub fn flush(&self) {
        flush(&*self.0);
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flusher").field("handles", &self.0.len()).finish()
    }
}

fn flush(what: &(impl Flush + ?Sized)) {
    if calls::from_inside() {
        return;
    }
    // Without a turn, the exporter is stuck in another thread. There is still something to do.
    let _turn = what.turns().wait(PATIENCE);
    what.flush_now();
}

/// Flushes time and again, until the recorder and its flushers are gone, which `gone` tells.
pub(super) fn keep_flushing<F: Flush>(what: &Weak<F>, gone: &Receiver<()>, pause: Duration) {
    let mut next = pause;
    while gone.recv_timeout(next) == Err(RecvTimeoutError::Timeout) {
        let Some(what) = what.upgrade() else { return };
        let start = Instant::now();
        // A panic of the inner recorder has been reported by then, and is no reason to stop.
        let _ = catch_unwind(AssertUnwindSafe(|| flush(&*what)));
        next = pause.max(start.elapsed() * BUSY);
    }
}

/// One flush at a time, so that a flush has handed on all that came before it when it returns. Not a lock,
/// which would be held while the inner recorder is called: nobody waits for a turn without end.
#[derive(Debug, Default)]
pub(super) struct Turns {
    taken: Mutex<bool>,
    free: Condvar,
}

pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    pub(super) fn wait(&self, patience: Duration) -> Option<Turn<'_>> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut taken, _) = self
            .free
            .wait_timeout_while(taken, patience, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        let was_taken = std::mem::replace(&mut *taken, true);
        (!was_taken).then(|| Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.free.notify_one();
    }
}
