//! Memory for rows of cells.
//!
//! A [`Block`] is one allocation of padded [`Line`]s. A matrix that grows adds a larger block in
//! front and keeps the older ones for reading: their cells hold counts, and some adder may still
//! be on its way to one.

use crate::sync::{AtomicPtr, AtomicU64, Ordering};
use crossbeam_utils::CachePadded;
use std::{
    alloc::{Layout, handle_alloc_error},
    ptr,
};

/// Cells in a line: 16 eight-byte cells fill the 128 bytes that [`CachePadded`] gives a line on
/// `x86_64` and aarch64, whose prefetchers pull lines of 64 bytes in pairs.
pub(crate) const CELLS: usize = 16;

/// One padded cache line of cells.
#[repr(transparent)]
pub(crate) struct Line(CachePadded<[AtomicU64; CELLS]>);

impl Line {
    fn new() -> Self {
        Self(CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))))
    }

    #[inline(always)]
    pub(super) fn cell(&self, index: usize) -> &AtomicU64 {
        &self.0[index]
    }
}

/// `rows` rows of `lines_per_row` lines each, and the block that it replaced.
pub(super) struct Block {
    lines: Box<[Line]>,
    lines_per_row: usize,
    older: *mut Block,
}

impl Block {
    /// Rows of zeroed cells, or `None` when there is no memory for them.
    fn try_new(rows: usize, lines_per_row: usize) -> Option<Box<Self>> {
        let count = rows.checked_mul(lines_per_row)?;
        let mut lines = Vec::new();
        lines.try_reserve_exact(count).ok()?;
        lines.extend(std::iter::repeat_with(Line::new).take(count));
        Some(Box::new(Self { lines: lines.into(), lines_per_row, older: ptr::null_mut() }))
    }

    pub(super) fn rows(&self) -> usize {
        self.lines.len() / self.lines_per_row
    }

    /// The first line of the first row.
    pub(super) fn first_line(&self) -> *mut Line {
        self.lines.as_ptr().cast_mut()
    }

    /// The cell at `row` and `column`.
    pub(super) fn cell(&self, row: usize, column: usize) -> &AtomicU64 {
        self.lines[row * self.lines_per_row + column / CELLS].cell(column % CELLS)
    }

    /// Adds the cells of `row` to `totals`, as many as there are.
    pub(super) fn add_row(&self, row: usize, totals: &mut [u64]) {
        add_together::<1>(&self.lines[row * self.lines_per_row..][..self.lines_per_row], totals);
    }

    /// Adds all rows to `totals`: four at a time, two, or one, since to load and store a total costs
    /// more than to load a cell.
    fn add_rows(&self, totals: &mut [u64]) {
        let fours = self.lines.chunks_exact(4 * self.lines_per_row);
        let twos = fours.remainder().chunks_exact(2 * self.lines_per_row);
        let ones = twos.remainder().chunks_exact(self.lines_per_row);
        fours.for_each(|rows| add_together::<4>(rows, totals));
        twos.for_each(|rows| add_together::<2>(rows, totals));
        ones.for_each(|row| add_together::<1>(row, totals));
    }

    /// The sum of the cells of `column`, one a row. A caller that knows at compile time that a row
    /// is one line gets a tighter loop.
    #[inline(always)]
    pub(super) fn sum_column<const ONE_LINE: bool>(&self, column: usize) -> u64 {
        let add_line = |sum, line: &Line| add_cell(sum, line.cell(column % CELLS));
        if ONE_LINE {
            self.lines.iter().fold(0, add_line)
        } else {
            let lines = self.lines[column / CELLS..].iter();
            lines.step_by(self.lines_per_row).fold(0, add_line)
        }
    }
}

/// Adds the cells of `ROWS` rows, which are all of `lines`, to `totals`.
#[inline(always)]
fn add_together<const ROWS: usize>(lines: &[Line], totals: &mut [u64]) {
    let lines_per_row = lines.len() / ROWS;
    let rows: [_; ROWS] = std::array::from_fn(|row| &lines[row * lines_per_row..][..lines_per_row]);
    for (index, totals) in totals.chunks_mut(CELLS).enumerate() {
        let lines = rows.map(|row| &row[index]);
        for (column, total) in totals.iter_mut().enumerate() {
            *total = lines.iter().fold(*total, |total, line| add_cell(total, line.cell(column)));
        }
    }
}

/// `sum` and the count of `cell`.
#[inline(always)]
fn add_cell(sum: u64, cell: &AtomicU64) -> u64 {
    // Acquire: partners the release of an add, so that whatever happened before an add that is seen
    // is seen by all that is read later.
    sum.wrapping_add(cell.load(Ordering::Acquire))
}

/// All blocks of a matrix, newest first. Blocks are only ever added, and freed with the list.
pub(super) struct Blocks(AtomicPtr<Block>);

#[expect(unsafe_code, reason = "a lock-free list is walked through raw pointers")]
impl Blocks {
    crate::sync::const_fn! {
        pub(super) fn new() -> Self {
            Self(AtomicPtr::new(ptr::null_mut()))
        }
    }

    /// Puts a block of `rows` rows in front; `None` when there is no memory for it.
    /// The caller holds the matrix's lock, so no other block is being added.
    pub(super) fn push(&self, rows: usize, lines_per_row: usize) -> Option<&Block> {
        let mut block = Block::try_new(rows, lines_per_row)?;
        block.older = self.0.load(Ordering::Relaxed);
        let block = Box::into_raw(block);
        // Release: partners the acquire in `iter`, which must find the block's fields written.
        self.0.store(block, Ordering::Release);
        // SAFETY: the pointer was a box's just now and stays allocated until `self` is dropped.
        Some(unsafe { &*block })
    }

    /// The first block ever put here, which is of `rows` rows if it is this call that puts it.
    /// Waits for nobody. Ends the process, as `Vec` does, when there is no memory for it.
    pub(super) fn first_or_push(&self, rows: usize, lines_per_row: usize) -> &Block {
        if let Some(block) = self.iter().next() {
            return block;
        }
        let Some(block) = Block::try_new(rows, lines_per_row) else {
            handle_alloc_error(Layout::new::<Line>());
        };
        let block = Box::into_raw(block);
        // Release: partners the acquire in `iter`, as in `push`. Acquire: another thread was
        // faster, and its block must be seen whole.
        let raced =
            self.0.compare_exchange(ptr::null_mut(), block, Ordering::Release, Ordering::Acquire);
        if let Err(theirs) = raced {
            // SAFETY: the pointer was a box's just now, and nobody else has seen it.
            drop(unsafe { Box::from_raw(block) });
            // SAFETY: not null, and pushed by another thread: allocated until `self` is dropped.
            return unsafe { &*theirs };
        }
        // SAFETY: as in `push`.
        unsafe { &*block }
    }

    /// The sum of `column` over the rows of every block, one after another: not all at the same
    /// moment.
    #[inline]
    pub(super) fn sum_column<const ONE_LINE: bool>(&self, column: usize) -> u64 {
        self.iter().fold(0, |sum, block| sum.wrapping_add(block.sum_column::<ONE_LINE>(column)))
    }

    /// Adds all rows of every block to `totals`, one after another.
    pub(super) fn add_rows(&self, totals: &mut [u64]) {
        for block in self.iter() {
            block.add_rows(totals);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Block> {
        // Acquire: partners the release in `push`.
        let mut next = self.0.load(Ordering::Acquire);
        std::iter::from_fn(move || {
            // SAFETY: `next` is null or a block that `push` leaked; blocks are freed by `drop`
            // alone, which has `self` to itself, so the reference may live as long as `self` does.
            let block = unsafe { next.as_ref() }?;
            next = block.older;
            Some(block)
        })
    }
}

#[expect(unsafe_code, reason = "frees what `push` leaked")]
impl Drop for Blocks {
    fn drop(&mut self) {
        let mut next = self.0.load(Ordering::Relaxed);
        while !next.is_null() {
            // SAFETY: `push` made the pointer from a box and nothing else frees it; `&mut self`
            // says that no reader is left.
            let block = unsafe { Box::from_raw(next) };
            next = block.older;
        }
    }
}
