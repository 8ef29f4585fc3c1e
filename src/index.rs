//! What may index a set.

/// An index of a counter or a histogram in a set.
///
/// Implement it for an enum, so that no call needs a cast. A `usize` is an index, too.
///
/// ```
/// use striped_counter::{CounterSet, SetIndex};
///
/// #[derive(Clone, Copy)]
/// enum Event {
///     Request,
///     Error,
///     Bytes,
/// }
///
/// impl SetIndex for Event {
///     fn index(self) -> usize {
///         self as usize
///     }
/// }
///
/// static EVENTS: CounterSet = CounterSet::new(Event::Bytes as usize + 1);
///
/// EVENTS.inc(Event::Error);
/// EVENTS.add_many(&[(Event::Request, 1), (Event::Bytes, 512)]);
/// assert_eq!(EVENTS.sum(Event::Bytes), 512);
/// assert_eq!(EVENTS.sums(), [1, 1, 512]);
/// ```
pub trait SetIndex: Copy {
    /// Returns the index, the same each time, without doing anything else.
    ///
    /// This is called in the middle of an [`add_many`](crate::CounterSet::add_many). A panic there
    /// leaves the batch half added, and reading a set from there, if it has a read lock and is the
    /// same one, never returns.
    fn index(self) -> usize;
}

impl SetIndex for usize {
    #[inline(always)]
    fn index(self) -> usize {
        self
    }
}

/// Returns the index, checked to be in a set of `len` counters, levels or histograms: `what`.
///
/// # Panics
///
/// Panics if the index is out of range.
#[inline(always)]
#[track_caller]
pub(crate) fn in_range(index: impl SetIndex, len: usize, what: &str) -> usize {
    let index = index.index();
    if index >= len {
        out_of_range(index, len, what);
    }
    index
}

#[cold]
#[inline(never)]
#[track_caller]
fn out_of_range(index: usize, len: usize, what: &str) -> ! {
    panic!("index out of range: the set has {len} {what} but the index is {index}")
}
