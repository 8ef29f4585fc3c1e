//! Leases do not overlap, and are used again.

use super::*;
#[cfg(target_os = "linux")]
use crate::{matrix::memory::tests::is_mapped, testing::in_child};
use std::collections::HashSet;

/// Claims `count` leases of `shape`, and checks that none overlaps another or a header row.
fn claim_many(pool: &Pool, shape: Shape, count: usize) -> Vec<NonNull<AtomicU64>> {
    let mut cells = HashSet::new();
    (0..count)
        .map(|_| {
            let claim = pool.claim(shape).unwrap();
            assert!(claim.fresh);
            for row in 0..HEADERS + shape.rows {
                for column in 0..shape.width {
                    let below = HEADERS * STRIDE;
                    let cell = claim.first.addr().get() / 8 + row * STRIDE + column - below;
                    assert!(cells.insert(cell), "leased twice");
                }
            }
            assert_eq!(claim.first.addr().get() % (shape.width * 8), 0, "aligned as a whole");
            claim.first
        })
        .collect()
}

#[test]
fn leases_do_not_overlap_and_come_back() {
    for (rows, width) in [(1, 1), (2, 1), (3, 2), (64, CELLS), (300, 1)] {
        let (pool, shape) = (Pool::new(), Shape { rows, width });
        let leases = claim_many(&pool, shape, 1_000);
        assert_eq!(pool.taken(), 1_000);
        for &lease in &leases {
            pool.release(lease);
        }
        assert_eq!(pool.taken(), 0, "some were not given back");
        let again = pool.claim(shape).unwrap();
        assert!(!again.fresh && leases.contains(&again.first));
    }
}

#[test]
fn a_lease_that_was_given_back_is_the_next_one_claimed() {
    let (pool, shape) = (Pool::new(), Shape { rows: 2, width: 1 });
    let leases = claim_many(&pool, shape, 500);
    // The last ones, and then some before, where the search has to begin again.
    for &lease in leases.iter().rev().take(20).chain(&leases[200..220]) {
        pool.release(lease);
        let again = pool.claim(shape).unwrap();
        assert_eq!((again.first, again.fresh), (lease, false));
    }
    assert_eq!(pool.taken(), 500);
}

#[test]
fn rows_are_whole_lines_and_chunks_do_not_fall_into_few_sets_of_a_cache() {
    const PAGE: usize = 4_096 / 8;
    for rows in 1..=300 {
        let shape = Shape { rows, width: 1 };
        assert_eq!([STRIDE % CELLS, shape.chunk() % CELLS, shape.head(7) % CELLS], [0; 3]);
        // The number of chunks after which a row is at the same place of a page again.
        let again =
            (1..=PAGE).find(|chunks| (chunks * shape.chunk()).is_multiple_of(PAGE)).unwrap();
        assert!(again >= 8, "{rows} rows: after {again} chunks");
    }
}

#[test]
fn there_is_a_pool_for_each_kind_of_writer_width_and_number_of_rows() {
    let writers = [Writers::Cpu, Writers::DenseCpu, Writers::Thread, Writers::Stripe];
    let mut numbers = HashSet::new();
    for writers in writers {
        for width in [Width::One, Width::Two, Width::Line] {
            for rows in [1, 4, 8, 16, MAX_THREADS] {
                let (number, shape) = Pools::find(writers, width, rows, 4);
                assert_eq!(shape.width, width.columns());
                // A stripe of one of few rows has other writers than that of one of many.
                let shares = rows == 4 && writers != Writers::Stripe;
                assert_eq!(shape.rows, if writers == Writers::Stripe { rows } else { rows.max(4) });
                assert_eq!(numbers.insert(number), !shares);
                let _ = pools().get(number.into());
            }
        }
    }
}

#[test]
fn a_mapping_has_room_for_its_bitmaps_and_chunks_have_one_line_more_if_their_rows_are_even() {
    for (rows, width) in [(1, 1), (2, 2), (3, CELLS), (64, 1), (301, 2)] {
        let shape = Shape { rows, width };
        let chunks_of_rows = (HEADERS + rows) * STRIDE;
        let is_even = (HEADERS + rows) % 2 == 0;
        assert_eq!(shape.chunk() - chunks_of_rows, if is_even { CELLS } else { 0 });
        for chunks in 1..500 {
            let bits = chunks * STRIDE / width;
            let cells = mapping::header::CELLS + 2 * bits.div_ceil(64);
            assert_eq!(shape.head(chunks), cells.div_ceil(CELLS) * CELLS, "{chunks} {shape:?}");
        }
    }
}

/// Each mapping takes twice the room of the one before, so there are few; but the first is small,
/// and none counts for much against the limits of a process.
#[test]
fn mappings_grow_from_64_kib_to_32_mib_but_have_a_chunk_at_least() {
    const KIB: usize = 1024 / 8;
    for rows in [1, 2, 64, 128, 300, 4_096, MAX_THREADS] {
        let shape = Shape { rows, width: 1 };
        let mut chunks = shape.chunks_after(0);
        assert_eq!(chunks, (64 * KIB / shape.chunk()).max(1), "the first, of {rows} rows");
        let most = (32 * 1024 * KIB / shape.chunk()).max(1);
        while chunks < most {
            let next = shape.chunks_after(chunks);
            assert_eq!(next, (2 * chunks).min(most), "after {chunks} chunks of {rows} rows");
            chunks = next;
        }
        assert_eq!(shape.chunks_after(most), most);
    }
}

/// As by the thread that loses the race for the next one, in a process where no other maps anything.
#[cfg(target_os = "linux")]
#[test]
fn a_mapping_that_no_thread_uses_is_unmapped_as_a_whole_and_nothing_else() {
    let test = "a_mapping_that_no_thread_uses_is_unmapped_as_a_whole_and_nothing_else";
    in_child(module_path!(), test, || {
        let shape = Shape { rows: 2, width: 1 };
        let mappings = [(); 3].map(|()| Mapping::new(shape, ptr::null_mut()).unwrap());
        let pages = |mapping: &Mapping| {
            let cells = shape.head(mapping.chunks()) + mapping.chunks() * shape.chunk();
            let first = mapping.cells.addr().get();
            (first..first + 8 * cells).step_by(4_096)
        };
        let [below, unused, above] = mappings.each_ref().map(pages);
        mappings[1].unmap();
        assert!(!unused.into_iter().any(is_mapped), "a part was left");
        assert!(below.chain(above).all(is_mapped), "too much was unmapped");
    });
}
