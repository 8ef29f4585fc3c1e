//! A mapping: many chunks in one piece of memory, and which of their leases are taken.

use super::{Claim, Shape, TRIES, WORD};
use crate::{
    matrix::{
        memory::{map, unmap},
        pool::STRIDE,
        rows::HEADERS,
    },
    sync::{AtomicU64, Ordering},
};
use std::{
    iter,
    ptr::{self, NonNull},
};

/// The cells of a mapping's header.
pub(super) mod header {
    /// The mapping made before this one, or 0.
    pub(super) const OLDER: usize = 0;
    pub(super) const CHUNKS: usize = 1;
    pub(super) const ROWS: usize = 2;
    pub(super) const WIDTH: usize = 3;
    /// The number of free leases, or a few less or more while some are claimed or returned.
    pub(super) const FREE: usize = 4;
    /// The word of the bitmap where the search for a free lease begins.
    pub(super) const HINT: usize = 5;
    pub(in crate::matrix::pool) const CELLS: usize = 6;
}

/// Returns the mapping at `newest` and all older ones, newest first.
pub(super) fn mappings(newest: *mut AtomicU64) -> impl Iterator<Item = Mapping> {
    let newest = NonNull::new(newest).map(|cells| Mapping { cells });
    iter::successors(newest, |mapping| mapping.older())
}

/// Many chunks in one piece of memory; see the module's documentation.
#[derive(Clone, Copy)]
pub(super) struct Mapping {
    pub(super) cells: NonNull<AtomicU64>,
}

#[expect(unsafe_code, reason = "cells are reached by pointer")]
impl Mapping {
    /// Maps a new one with all leases free, in front of `older`.
    pub(super) fn new(shape: Shape, older: *mut AtomicU64) -> Option<Self> {
        let before = mappings(older).next().map_or(0, Mapping::chunks);
        // If there is no memory for many chunks, there may be some for one.
        [shape.chunks_after(before), 1].into_iter().find_map(|chunks| {
            let cells = map(shape.head(chunks) + chunks * shape.chunk())?;
            let mapping = Self { cells };
            let leases = chunks * shape.leases_per_chunk();
            mapping.set(header::OLDER, older.expose_provenance());
            mapping.set(header::CHUNKS, chunks);
            mapping.set(header::ROWS, shape.rows);
            mapping.set(header::WIDTH, shape.width);
            mapping.set(header::FREE, leases);
            // Bits beyond the last lease are never free.
            if let beyond @ 1.. = leases % WORD {
                let beyond = u64::MAX << beyond;
                mapping.cell(header::CELLS + leases / WORD).store(beyond, Ordering::Relaxed);
            }
            Some(mapping)
        })
    }

    /// Unmaps a mapping that no other thread knows.
    pub(super) fn unmap(self) {
        let (shape, chunks) = (self.shape(), self.chunks());
        // SAFETY: `new` mapped it with this many cells, and no other thread knows it.
        unsafe { unmap(self.cells, shape.head(chunks) + chunks * shape.chunk()) };
    }

    /// Returns a cell of the header or of the bitmaps.
    fn cell<'a>(self, index: usize) -> &'a AtomicU64 {
        // SAFETY: the header and the bitmaps are at the beginning of the mapping.
        let cell = unsafe { self.cells.add(index) };
        // SAFETY: mappings that other threads know are never unmapped, and cells are never borrowed
        // mutably.
        unsafe { cell.as_ref() }
    }

    /// Writes a cell of the header: the hint, or any cell of a mapping that no other thread knows
    /// yet.
    fn set(self, index: usize, value: usize) {
        // Relaxed: the mapping is published with release, and the hint is a guess.
        self.cell(index).store(value as u64, Ordering::Relaxed);
    }

    /// Reads a cell of the header that never changes.
    #[expect(clippy::cast_possible_truncation, reason = "it was a `usize`")]
    fn get(self, index: usize) -> usize {
        // Relaxed: written before the mapping was published.
        self.cell(index).load(Ordering::Relaxed) as usize
    }

    fn older(self) -> Option<Self> {
        let cells = ptr::with_exposed_provenance_mut(self.get(header::OLDER));
        NonNull::new(cells).map(|cells| Self { cells })
    }

    pub(super) fn chunks(self) -> usize {
        self.get(header::CHUNKS)
    }

    fn shape(self) -> Shape {
        Shape { rows: self.get(header::ROWS), width: self.get(header::WIDTH) }
    }

    /// Returns a word of the bitmap of taken leases.
    fn word<'a>(self, word: usize) -> &'a AtomicU64 {
        self.cell(header::CELLS + word)
    }

    /// Claims a free lease near the beginning.
    pub(super) fn claim(self) -> Option<Claim> {
        // Relaxed: a guess, like the hint below. The bitmap decides.
        if self.cell(header::FREE).load(Ordering::Relaxed) == 0 {
            return None;
        }
        let words = self.shape().words(self.chunks());
        let hint = self.get(header::HINT).min(words);
        let lease = (hint..words).chain(0..hint).find_map(|word| self.claim_in(word))?;
        self.cell(header::FREE).fetch_sub(1, Ordering::Relaxed);
        if lease / WORD != hint {
            self.set(header::HINT, lease / WORD);
        }
        Some(Claim { first: self.first_of(lease), fresh: self.is_first_claim(lease) })
    }

    fn claim_in(self, word: usize) -> Option<usize> {
        let mut taken = self.word(word).load(Ordering::Relaxed);
        for _ in 0..TRIES {
            let bit = taken.trailing_ones();
            if bit == u64::BITS {
                break;
            }
            // Acquire: partners the release in `release`: the last owner no longer uses the cells.
            taken = self.word(word).fetch_or(1 << bit, Ordering::Acquire);
            if taken & (1 << bit) == 0 {
                return Some(word * WORD + bit as usize);
            }
        }
        None
    }

    /// Records that `lease` was claimed. Returns whether for the first time.
    fn is_first_claim(self, lease: usize) -> bool {
        let ever = self.word(self.shape().words(self.chunks()) + lease / WORD);
        // Relaxed: only the thread that has the lease changes its bit, and claims are ordered.
        ever.fetch_or(1 << (lease % WORD), Ordering::Relaxed) & (1 << (lease % WORD)) == 0
    }

    pub(super) fn release(self, lease: usize) {
        // Release: partners the acquire in `claim_in`.
        self.word(lease / WORD).fetch_and(!(1 << (lease % WORD)), Ordering::Release);
        self.cell(header::HINT).fetch_min((lease / WORD) as u64, Ordering::Relaxed);
        self.cell(header::FREE).fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the first cell of a lease in row 0 of its chunk, which is above the header rows.
    fn first_of(self, lease: usize) -> NonNull<AtomicU64> {
        let shape = self.shape();
        let (chunk, column) =
            (lease / shape.leases_per_chunk(), lease % shape.leases_per_chunk() * shape.width);
        let row_0 = shape.head(self.chunks()) + chunk * shape.chunk() + HEADERS * STRIDE;
        // SAFETY: the lease belongs to the mapping.
        unsafe { self.cells.add(row_0 + column) }
    }

    /// Returns the lease that begins at `first`, if it belongs to this mapping.
    pub(super) fn lease_at(self, first: NonNull<AtomicU64>) -> Option<usize> {
        let (shape, chunks) = (self.shape(), self.chunks());
        let bytes = first.addr().get().checked_sub(self.cells.addr().get())?;
        let cell = (bytes / size_of::<AtomicU64>()).checked_sub(shape.head(chunks))?;
        let (chunk, column) = (cell / shape.chunk(), cell % shape.chunk() % STRIDE);
        (chunk < chunks).then(|| chunk * shape.leases_per_chunk() + column / shape.width)
    }

    #[cfg(test)]
    pub(super) fn taken(self) -> usize {
        let words = self.shape().words(self.chunks());
        let ones = |word| self.word(word).load(Ordering::Relaxed).count_ones() as usize;
        let beyond = words * WORD - self.chunks() * self.shape().leases_per_chunk();
        (0..words).map(ones).sum::<usize>() - beyond
    }
}
