//! One counter for each call of `counter!`: a *mention*.
//!
//! Each call asks the inner recorder in the context of the caller, since its layers may add
//! different labels each time, and since it may have dropped the series meanwhile. What it returns
//! does not reveal the series behind it, so no two of its counters are taken for the same, and none
//! is kept longer than the caller keeps the handle.

use super::{calls::Panics, pending::Pending};
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
/// The least number of new mentions in a stripe, if there are not more old ones, for which those
/// without a handle are removed before the next flush.
const MANY: usize = 64;

/// A counter of ours, and the inner recorder's.
pub(super) struct Mention {
    pending: Pending,
    theirs: metrics::Counter,
}

/// All mentions that have not been dropped, by the thread that made them.
#[derive(Default)]
pub(super) struct Mentions {
    stripes: [CachePadded<Stripe>; STRIPES],
}

#[derive(Default)]
struct Stripe(Mutex<Listed>);

#[derive(Default)]
struct Listed {
    mentions: Vec<Arc<Mention>>,
    /// How many of them the last flush kept.
    old: usize,
}

impl Mention {
    pub(super) fn new(pending: Pending, theirs: metrics::Counter) -> Arc<Self> {
        Arc::new(Self { pending, theirs })
    }

    /// Passes on what is pending.
    fn pass_on(&self, panics: &mut Panics) {
        if !self.pending.is_empty() {
            panics.catch(|| self.pending.pass_on(&self.theirs));
        }
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

/// Passes on what was counted after the last flush.
impl Drop for Mention {
    fn drop(&mut self) {
        // A panic ends here, since the thread may be unwinding already.
        self.pass_on(&mut Panics::default());
    }
}

impl Mentions {
    /// Lists `mention`, and returns whether its stripe has enough new ones to be flushed.
    pub(super) fn list(&self, mention: Arc<Mention>) -> bool {
        let mut listed = self.own_stripe().lock();
        listed.mentions.push(mention);
        listed.mentions.len() - listed.old >= MANY.max(listed.old)
    }

    /// Passes on what is pending in the calling thread's stripe.
    pub(super) fn flush_own(&self, panics: &mut Panics) {
        self.own_stripe().flush(panics);
    }

    /// Passes on what is pending.
    pub(super) fn flush(&self, panics: &mut Panics) {
        self.stripes.iter().for_each(|stripe| stripe.flush(panics));
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

    fn flush(&self, panics: &mut Panics) {
        let mut taken = Taken { stripe: self, mentions: mem::take(&mut self.lock().mentions) };
        taken.mentions.retain(|mention| {
            mention.pass_on(panics);
            // If another thread adds and then drops the last handle right now, dropping this
            // reference passes the add on.
            Arc::strong_count(mention) > 1
        });
    }
}

/// The mentions of a stripe, outside of its lock while the inner recorder is called. Dropping this
/// puts them back, also if dropping a handle of the inner recorder panics.
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
