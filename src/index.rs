//! What may index a set.

/// Tells which counter or histogram of a set is meant: for an enum of yours, so that no call needs a
/// cast. A `usize` is an index too.
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
    /// Returns the index, the same each time, and does nothing else. It is called in the middle of an
    /// [`add_many`](crate::CounterSet::add_many): a panic there leaves the batch half added, and a read of the
    /// same set, if that has a read lock, waits for itself.
    fn index(self) -> usize;
}

impl SetIndex for usize {
    #[inline(always)]
    fn index(self) -> usize {
        self
    }
}

/// Returns the index, which is one of a set of `len` of `what`.
///
/// # Panics
/// If it is out of range.
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
