//! Up to 16 counters share a line: reading one of them does not change the others.

use crate::{
    counter,
    support::{on_every_backend, together},
};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const ADDERS: usize = 3;
const ADDS: u64 = 20_000;

/// Leased in turn, and enough to fill a line, whichever columns were free.
const COUNTERS: usize = 31;
const POLLED: usize = COUNTERS / 2;

#[test]
fn a_neighbour_polled_without_pause_leaves_all_others_exact() {
    for (is_level, padded) in [(false, false), (true, false), (false, true)] {
        on_every_backend(|case| {
            let counters: Vec<_> = (0..COUNTERS).map(|_| counter(case, is_level, padded)).collect();
            assert!(counters.iter().all(|counter| counter.warm_up()));
            let polled = &counters[POLLED];
            let at_work = AtomicUsize::new(ADDERS);
            together(ADDERS + 1, |thread| {
                if thread == 0 {
                    let mut last = 0;
                    while at_work.load(SeqCst) > 0 {
                        let sum = polled.sum();
                        assert!(
                            (last..=2 * ADDERS as u64 * ADDS).contains(&sum),
                            "{sum} after {last}"
                        );
                        last = sum;
                    }
                    return;
                }
                for turn in 0..ADDS {
                    // Multiples of three, which levels add in one step: no sum is too high.
                    polled.add(3 * (turn % 2));
                    let at = usize::try_from(turn).unwrap() % COUNTERS;
                    if at != POLLED {
                        counters[at].add(1 << 32);
                    }
                }
                at_work.fetch_sub(1, SeqCst);
            });
            for (at, counter) in counters.iter().enumerate() {
                let is_turn = |turn: &u64| turn % COUNTERS as u64 == at as u64;
                let others = (0..ADDS).filter(is_turn).count() as u64 * (1 << 32);
                let each = if at == POLLED { 3 * ADDS / 2 } else { others };
                assert_eq!(counter.sum(), ADDERS as u64 * each, "counter {at}, padded {padded}");
            }
        });
    }
}
