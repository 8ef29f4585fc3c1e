//! A counter for each time that a macro is called.
//!
//! The inner recorder is asked each time, in the context of the caller, since its layers may add labels
//! that are other ones each time, and since it may have dropped the series meanwhile. What it answers
//! tells nothing of the series behind it, so two answers are never taken for the same, and none is kept
//! for longer than the caller keeps the handle.

use super::{calls, pending::Pending};
use crossbeam_utils::CachePadded;
use metrics::CounterFn;
use std::{
    cell::Cell,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

const STRIPES: usize = 16;
/// With as many new mentions in a stripe, and no fewer than it had before, those that nobody holds are to
/// be removed before the next flush.
const MANY: usize = 64;

/// A counter of ours, and the inner recorder's.
pub(super) struct Mention {
    pending: Pending,
    theirs: metrics::Counter,
}

/// All that have not been dropped, by the thread that made them.
#[derive(Default)]
pub(super) struct Mentions {
    stripes: [CachePadded<Stripe>; STRIPES],
}

#[derive(Default)]
struct Stripe(Mutex<Listed>);

#[derive(Default)]
struct Listed {
    mentions: Vec<Arc<Mention>>,
    /// How many of them the last flush has left.
    old: usize,
}

impl Mention {
    pub(super) fn new(pending: Pending, theirs: metrics::Counter) -> Arc<Self> {
        Arc::new(Self { pending, theirs })
    }

    fn hand_on(&self) {
        calls::out(|| self.pending.hand_on(&self.theirs));
    }
}

impl CounterFn for Mention {
    #[inline]
    fn increment(&self, value: u64) {
        self.pending.increment(value);
    }

    fn absolute(&self, value: u64) {
        self.pending.absolute(value);
    }
}

/// What came after the last flush.
impl Drop for Mention {
    fn drop(&mut self) {
        if !self.pending.is_empty() {
            self.hand_on();
        }
    }
}

impl Mentions {
    /// Lists `mention`, and returns whether its stripe has so many new ones that it should be flushed.
    pub(super) fn list(&self, mention: Arc<Mention>) -> bool {
        let mut listed = self.own_stripe().lock();
        listed.mentions.push(mention);
        listed.mentions.len() - listed.old >= MANY.max(listed.old)
    }

    /// Hands on what is pending in the calling thread's stripe.
    pub(super) fn flush_own(&self) {
        self.own_stripe().flush();
    }

    /// Hands on what is pending.
    pub(super) fn flush(&self) {
        self.stripes.iter().for_each(|stripe| stripe.flush());
    }

    pub(super) fn len(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().mentions.len()).sum()
    }

    fn own_stripe(&self) -> &Stripe {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static OWN: Cell<Option<usize>> = const { Cell::new(None) };
        }
        let own = OWN.get().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        OWN.set(Some(own));
        &self.stripes[own % STRIPES]
    }
}

impl Stripe {
    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self) {
        let mut taken = Taken { stripe: self, mentions: mem::take(&mut self.lock().mentions) };
        taken.mentions.retain(|mention| {
            if !mention.pending.is_empty() {
                mention.hand_on();
            }
            // If a thread adds, and drops the last handle, just now: dropping this one hands that on.
            Arc::strong_count(mention) > 1
        });
    }
}

/// The mentions of a stripe, out of its lock while the inner recorder is called. They come back when this
/// is dropped, by a panic of that one too.
struct Taken<'a> {
    stripe: &'a Stripe,
    mentions: Vec<Arc<Mention>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut listed = self.stripe.lock();
        listed.old = self.mentions.len();
        self.mentions.append(&mut listed.mentions);
        listed.mentions = mem::take(&mut self.mentions);
        if listed.mentions.capacity() > 4 * MANY.max(listed.mentions.len()) {
            listed.mentions.shrink_to_fit();
        }
    }
}
