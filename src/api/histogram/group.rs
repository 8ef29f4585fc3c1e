//! What a histogram and a set of them have in common: the columns, and the meaning of each.

use super::HistogramSnapshot;
use crate::{
    builder::{Builder, OfHistograms},
    matrix::{Many, Matrix, Span},
    shape::Shape,
};

/// Histograms of one shape in one matrix. Each has one column per bucket, and then one for its sum.
pub(super) struct Group {
    pub(super) matrix: Matrix<Many>,
    shape: Shape,
    /// The number of histograms.
    len: u32,
    /// Columns per histogram.
    width: u32,
    has_sum: bool,
}

/// Reads the columns of a span, one number for each.
type Read = fn(&Matrix<Many>, Span, &mut [u64]);

impl Group {
    /// Creates the group.
    ///
    /// # Panics
    ///
    /// Panics on what the builder refuses, at compile time in a `static`.
    #[expect(clippy::cast_possible_truncation, reason = "a matrix has fewer columns")]
    pub(super) const fn new<T: OfHistograms>(builder: &Builder<T>) -> Self {
        // In the order of `check_histograms_here`.
        let (shape, has_sum, width) = builder.checked_buckets();
        let settings = builder.checked();
        let columns = Many::new(builder.len * width, settings.is_linearizable());
        Self {
            matrix: Matrix::new(columns, settings),
            shape,
            len: builder.len as u32,
            width: width as u32,
            has_sum,
        }
    }

    /// Returns the number of histograms.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline(always)]
    fn width(&self) -> usize {
        self.width as usize
    }

    /// Records `value` `times` times in the histogram at `index`, which is in range.
    ///
    /// Adds to the sum before the bucket, for readers that read the buckets before the sum.
    #[inline(always)]
    pub(super) fn record(&self, index: usize, value: u64, times: u64) {
        let first = index * self.width();
        let bucket = first + self.shape.index(value);
        if self.has_sum {
            let sum = first + self.width() - 1;
            self.matrix.add_pair((sum, value.wrapping_mul(times)), (bucket, times));
        } else {
            self.matrix.add_one(bucket, times);
        }
    }

    /// Returns what `read` reads from the histogram at `index`.
    pub(super) fn read(&self, index: usize, read: Read) -> HistogramSnapshot {
        let mut numbers = vec![0; self.width()];
        let span = Span { first: index * self.width(), last_is_late: self.has_sum };
        read(&self.matrix, span, &mut numbers);
        self.snapshot_of(&numbers)
    }

    /// Returns what `read` reads from all histograms, with a read lock at one moment.
    pub(super) fn read_all(&self, read: Read) -> Vec<HistogramSnapshot> {
        if !self.matrix.settings().is_linearizable() {
            return (0..self.len()).map(|index| self.read(index, read)).collect();
        }
        let mut numbers = vec![0; self.matrix.columns().len()];
        read(&self.matrix, Span::ALL, &mut numbers);
        numbers.chunks_exact(self.width()).map(|numbers| self.snapshot_of(numbers)).collect()
    }

    fn snapshot_of(&self, numbers: &[u64]) -> HistogramSnapshot {
        let (counts, sum) = numbers.split_at(self.width() - usize::from(self.has_sum));
        HistogramSnapshot::new(self.shape, counts, sum.first().copied())
    }
}
