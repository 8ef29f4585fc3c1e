//! Counters whose shards have all been added to.
//!
//! A shard that was never added to lies in a page that the kernel has not assigned yet. All such
//! pages read as one page of zeros, which is faster, or slower, to load than memory in use.

use std::{sync::Barrier, thread};
use striped_counter::Counter;

/// Adds twice to each shard of `counter`, from as many threads as it has shards, all alive at the
/// same time. Returns how much.
pub(crate) fn touch(counter: &Counter) -> u64 {
    let threads = counter.shards();
    let together = Barrier::new(threads);
    let adder = || {
        counter.inc();
        // All threads have numbers now. They add once more, since the first add may have found the
        // lock taken.
        together.wait();
        counter.inc();
        together.wait();
    };
    thread::scope(|scope| {
        let adders: Vec<_> = (0..threads).map(|_| scope.spawn(adder)).collect();
        for adder in adders {
            adder.join().expect("adds do not panic");
        }
    });
    2 * threads as u64
}
