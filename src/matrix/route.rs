//! The two words that send an add to its row: the counter's [`Route`] and the thread's [`Number`].
//!
//! A route is one of three things: the number of an [`Area`], whose section knows the row; the same
//! made smaller than any of these, for the section of dense numbers; or a mask, which is a negative
//! number. With a mask, the row is `number & mask`. A thread without a number has all high bits set,
//! so that the comparison with the limit covers all cases:
//!
//! | route | mask | a numbered thread | a thread without a number |
//! |---|---|---|---|
//! | [`Route::UNKNOWN`], 0 | none | has no row | has no row |
//! | [`Route::PER_THREAD`] | all bits | its number | out of range |
//! | [`Route::striped`] | `TOP`, and rows - 1 | its number modulo the rows | out of range |
//!
//! A fresh `static` is all zeros, so [`Route::UNKNOWN`] is 0. It must not send an add to row 0: a
//! thread may load this route, and then the limit of another route that is stored in between. So
//! every use of a route goes through [`Route::path`], which distinguishes 0 from all others.

use crate::{
    rseq::Area,
    settings::Backend,
    signs::{signed_32, unsigned_size},
};

/// The bit that makes a route a mask.
const TOP: u32 = 1 << 31;

/// The largest number of live threads that can have a number. Any others add to the spill.
pub(super) const MAX_THREADS: usize = 1 << 16;

/// How an add finds its row; see the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route(u32);

/// A route, decoded.
pub(super) enum Path {
    /// There are no rows yet.
    Unknown,
    /// The row is the number of the CPU.
    PerCpu(Area),
    /// The row is the dense number of the CPU.
    DenseCpu(Area),
    /// The row follows from the thread's number and this mask.
    Numbered(Mask),
}

/// See the module's documentation.
#[derive(Clone, Copy)]
pub(super) struct Mask(u32);

impl Route {
    pub(super) const UNKNOWN: Self = Self(0);
    pub(super) const PER_THREAD: Self = Self(u32::MAX);

    pub(super) const fn per_cpu(area: Area) -> Self {
        Self(area.raw())
    }

    pub(super) const fn dense_cpu(area: Area) -> Self {
        Self(area.raw() - Area::LEAST + 1)
    }

    /// Returns the route for `rows` rows, a power of two.
    #[expect(clippy::cast_possible_truncation, reason = "at most 4096")]
    pub(super) const fn striped(rows: usize) -> Self {
        Self(TOP | (rows as u32 - 1))
    }

    pub(super) const fn raw(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(super) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    #[inline(always)]
    pub(super) const fn path(self) -> Path {
        if signed_32(self.0) >= signed_32(Area::LEAST) {
            Path::PerCpu(Area::from_raw(self.0))
        } else if self.0 & TOP != 0 {
            Path::Numbered(Mask(self.0))
        } else if self.0 != 0 {
            Path::DenseCpu(Area::from_raw(self.0 - 1 + Area::LEAST))
        } else {
            Path::Unknown
        }
    }

    /// Returns the backend in use, once there is one.
    pub(super) const fn backend(self) -> Option<Backend> {
        match self.path() {
            Path::Unknown => None,
            Path::PerCpu(_) | Path::DenseCpu(_) => Some(Backend::PerCpu),
            Path::Numbered(mask) if mask.is_owned() => Some(Backend::PerThread),
            Path::Numbered(_) => Some(Backend::Striped),
        }
    }
}

impl Mask {
    /// Returns whether each row has only one thread that writes to it.
    #[inline(always)]
    pub(super) const fn is_owned(self) -> bool {
        self.0 == Route::PER_THREAD.0
    }

    /// Returns the row of the thread with this number, which is beyond any limit if it has none.
    #[inline(always)]
    pub(super) const fn row_of(self, number: Number) -> usize {
        // The sign is extended, which costs nothing.
        unsigned_size(signed_32(self.0) as isize) & number.0
    }
}

/// A thread's number, or the reason why it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(usize);

impl Number {
    /// The thread has not claimed a number yet.
    pub(super) const UNSET: Self = Self(usize::MAX);
    /// The thread must use the spill: it is ending, is in the middle of claiming a number, or found
    /// none.
    pub(super) const BARRED: Self = Self(usize::MAX - 1);

    pub(super) const fn new(number: usize) -> Self {
        Self(number)
    }

    pub(super) const fn raw(self) -> usize {
        self.0
    }

    #[inline(always)]
    pub(super) const fn from_raw(raw: usize) -> Self {
        Self(raw)
    }

    /// Returns the number itself, if the thread has one.
    pub(super) const fn get(self) -> Option<usize> {
        if self.0 < MAX_THREADS { Some(self.0) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_THREADS, Number, Path, Route};
    use crate::rseq::Area;

    /// Returns the row of `number` by `route`, or more than any limit if there is none.
    fn row(route: Route, number: Number) -> usize {
        match route.path() {
            Path::Numbered(mask) => mask.row_of(number),
            _ => usize::MAX,
        }
    }

    #[test]
    fn numbered_threads_have_the_rows_of_the_table_and_others_none() {
        let striped = Route::striped(8);
        for number in [0, 1, 7, 8, 9, MAX_THREADS - 1] {
            let thread = Number::new(number);
            assert_eq!(thread.get(), Some(number));
            assert_eq!(row(Route::UNKNOWN, thread), usize::MAX);
            assert_eq!(
                [row(Route::PER_THREAD, thread), row(striped, thread)],
                [number, number % 8]
            );
        }
        assert_ne!(Number::UNSET, Number::BARRED);
        assert_eq!(Number::new(MAX_THREADS).get(), None);
        for thread in [Number::UNSET, Number::BARRED] {
            assert_eq!(thread.get(), None);
            for route in [Route::UNKNOWN, Route::PER_THREAD, striped] {
                assert!(row(route, thread) >= MAX_THREADS, "{thread:?} by {route:?}");
            }
        }
    }

    #[test]
    fn a_route_has_a_backend_unless_it_is_0() {
        assert_eq!(Route::UNKNOWN.raw(), 0, "a fresh static is all zeros");
        assert!(Route::UNKNOWN.backend().is_none());
        // The least, one in the middle, and the largest.
        for raw in [Area::LEAST, 1 << 30, (1 << 30) + (1 << 28) - 1] {
            let area = Area::from_raw(raw);
            let found = [Route::per_cpu(area).path(), Route::dense_cpu(area).path()];
            assert!(
                matches!(found, [Path::PerCpu(a), Path::DenseCpu(b)] if a == area && b == area)
            );
        }
        for rows in [1, 2, 4096] {
            assert!(
                matches!(Route::striped(rows).path(), Path::Numbered(mask) if !mask.is_owned())
            );
        }
        assert!(matches!(Route::PER_THREAD.path(), Path::Numbered(mask) if mask.is_owned()));
    }
}
