//! Who passes on what was counted, and when.

use super::calls::{self, Panics};
use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, PoisonError, Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// Flushing may take one part in `BUSY` of the time.
const BUSY: u32 = 20;
/// How long to pause for that, however long a flush took: what it has to pass on grows meanwhile.
const LONGEST: Duration = Duration::from_secs(1);
/// How long to wait for another flush: longer than any flush takes, unless its exporter is stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// Passes on what was counted, from a [`ShardedRecorder`](super::ShardedRecorder) to its inner
/// recorder.
///
/// Works after the recorder has been dropped, too, and keeps its counters, its thread and the inner
/// recorder until it is dropped itself.
#[derive(Clone)]
pub struct Flusher(pub(super) Arc<dyn Flush + Send + Sync>);

/// A recorder that can be flushed, whatever its inner recorder is.
pub(super) trait Flush {
    fn flush_now(&self, panics: &mut Panics);
    fn turns(&self) -> &Turns;
    /// Returns the number of handles and keys.
    fn len(&self) -> usize;
}

impl Flusher {
    /// Brings the inner recorder up to date.
    ///
    /// The recorder does so by itself. Call this before a scrape that has to include everything
    /// counted before it, and at the end of a program that sends its metrics.
    ///
    /// A flush costs one sum per counter, and one call of the inner recorder per counter that has
    /// changed. It holds no lock meanwhile, and counting never waits for it. It waits for another
    /// flush, for one second at most. If the inner recorder calls this during a flush, nothing
    /// happens.
    ///
    /// # Panics
    ///
    /// Panics at the end if the inner recorder panicked, when everything else has been passed on.
    pub fn flush(&self) {
        flush(&*self.0).resume();
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flusher").field("handles", &self.0.len()).finish()
    }
}

pub(super) fn flush(what: &(impl Flush + ?Sized)) -> Panics {
    let mut panics = Panics::default();
    if !calls::from_inside() {
        // Without a turn, the exporter is stuck in another thread, but there may still be something
        // to pass on.
        let _turn = what.turns().wait(PATIENCE);
        what.flush_now(&mut panics);
    }
    panics
}

/// Flushes again and again, until the recorder and its flushers are dropped, which disconnects
/// `gone`.
pub(super) fn keep_flushing<F: Flush>(what: &Weak<F>, gone: &Receiver<()>, pause: Duration) {
    let mut next = pause;
    while gone.recv_timeout(next) == Err(RecvTimeoutError::Timeout) {
        let Some(what) = what.upgrade() else { return };
        let start = Instant::now();
        // A panic of the inner recorder is no reason to stop.
        drop(flush(&*what));
        next = pause.max(LONGEST.min(start.elapsed() * BUSY));
    }
}

/// Lets one flush run at a time, so that a flush has passed on everything counted before it when it
/// returns. Not a lock, which would be held while the inner recorder is called: waiting for a turn
/// has a time limit.
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
