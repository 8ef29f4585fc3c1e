//! Two adds that belong together: a value to a histogram's sum, and then one to its bucket.
//!
//! Each lands exactly once, wherever the thread runs by then: a restartable sequence has one
//! commit, so two adds through `PerCpu` are two sections. Their order holds the pair together. Adds
//! release, so a reader that sees the second finds the first, provided that it reads all columns of
//! second adds before any column of first ones; see [`Span::last_is_late`](super::Span), and
//! section 11 of `docs/internals/ordering.md`.

use super::{columns::Columns, many::Many, matrix::Matrix, route::Path};

/// A column, and what to add to it.
type Add = (usize, u64);

impl Matrix<Many> {
    /// Adds `first` and then `second`, as one operation if the matrix is tracked.
    ///
    /// A signal handler or another thread may see the first without the second.
    #[inline(always)]
    pub(crate) fn add_pair(&self, first: Add, second: Add) {
        if self.columns().tracked() {
            return self.operate_pair(first, second);
        }
        match self.path() {
            Path::PerCpu(area) => {
                if !self.add_in_section(area, first.0, first.1) {
                    return self.add_pair_slow(first, second);
                }
                if !self.add_in_section(area, second.0, second.1) {
                    self.add_slow(second.0, second.1);
                }
            }
            Path::Numbered(mask) => match self.row(mask) {
                Some(row) => {
                    row.add(first.0, first.1);
                    row.add(second.0, second.1);
                }
                None => self.add_pair_slow(first, second),
            },
            Path::DenseCpu(_) | Path::Unknown => self.add_pair_out_of_line(first, second),
        }
    }

    #[inline(never)]
    fn operate_pair(&self, first: Add, second: Add) {
        self.operate([first, second].into_iter());
    }

    /// Makes two adds, each of which finds its own row.
    #[inline(never)]
    fn add_pair_out_of_line(&self, first: Add, second: Add) {
        self.add(first.0, first.1);
        self.add(second.0, second.1);
    }

    /// Makes both adds if the first may not touch a shard at the moment. The second one may again.
    #[cold]
    #[inline(never)]
    fn add_pair_slow(&self, first: Add, second: Add) {
        self.add_slow(first.0, first.1);
        self.add(second.0, second.1);
    }
}
