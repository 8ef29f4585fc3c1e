//! Counters in the global allocator count every allocation of the process from the very first one: nothing
//! recurses, nothing waits, and all counts are exact.

mod support;

use std::{
    cell::Cell,
    collections::BTreeMap,
    hint::black_box,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};
use striped_counter::{Backend, Builder, Counter, CounterSet, Histogram, UpDownCounter};
use support::{
    Case,
    allocator::{Observed, Request},
    together,
};

/// Counters of all types, for one backend, with or without a read lock.
struct Counters {
    allocations: Counter,
    padded: Counter,
    live: UpDownCounter,
    /// Allocations and bytes by order of magnitude, in pairs that are added to as one batch.
    by_size: CounterSet,
    /// Sizes, by few bounds and by many.
    sizes: [Histogram; 2],
}

const ORDERS: usize = 64;

impl Counters {
    const fn new(backend: Backend, read_lock: bool) -> Self {
        const fn set<T>(builder: Builder<T>, backend: Backend, read_lock: bool) -> Builder<T> {
            builder.backend(backend).read_lock(read_lock)
        }
        Self {
            allocations: set(Counter::builder(), backend, read_lock).build(),
            padded: set(Counter::builder(), backend, read_lock).padded(true).build(),
            live: set(UpDownCounter::builder(), backend, read_lock).build(),
            by_size: set(CounterSet::builder(2 * ORDERS), backend, read_lock).build(),
            sizes: [
                set(Histogram::builder(), backend, read_lock).bounds(&[16, 256, 4_096]).build(),
                set(Histogram::builder(), backend, read_lock).build(),
            ],
        }
    }

    fn allocated(&self, size: usize) {
        let order = (size | 1).ilog2() as usize;
        self.allocations.inc();
        self.padded.add(size as u64);
        self.live.add(size.cast_signed() as i64);
        self.sizes.iter().for_each(|sizes| sizes.record(size as u64));
        self.by_size.add(2 * order, 1);
        self.by_size.add_many(&[(2 * order, 1), (2 * order + 1, size as u64)]);
    }

    fn freed(&self, size: usize) {
        self.live.sub(size.cast_signed() as i64);
    }

    /// Returns sums that must be equal to those of [`Tally::read`], without allocating.
    fn read(&self) -> [u64; 3] {
        let size = self.padded.sum();
        let allocations = self.allocations.sum();
        let sums = (0..ORDERS).fold([0, 0], |[allocations, size], order| {
            [allocations + self.by_size.sum(2 * order), size + self.by_size.sum(2 * order + 1)]
        });
        assert_eq!(sums, [2 * allocations, size], "the set's");
        [allocations, size, self.live.sum().cast_unsigned()]
    }
}

static COUNTERS: [Counters; 6] = [
    Counters::new(Backend::Auto, false),
    Counters::new(Backend::Auto, true),
    Counters::new(Backend::PerThread, false),
    Counters::new(Backend::PerThread, true),
    Counters::new(Backend::Striped, false),
    Counters::new(Backend::Striped, true),
];

/// The expected counts, in plain atomics.
struct Tally {
    allocations: AtomicU64,
    size: AtomicU64,
    freed: AtomicU64,
}

static BEGUN: Tally = Tally::new();
static ENDED: Tally = Tally::new();
static RECURSIONS: AtomicU64 = AtomicU64::new(0);

impl Tally {
    const fn new() -> Self {
        Self { allocations: AtomicU64::new(0), size: AtomicU64::new(0), freed: AtomicU64::new(0) }
    }

    fn allocated(&self, size: usize) {
        self.allocations.fetch_add(1, SeqCst);
        self.size.fetch_add(size as u64, SeqCst);
    }

    fn read(&self) -> [u64; 3] {
        let [allocations, size, freed] =
            [&self.allocations, &self.size, &self.freed].map(|tally| tally.load(SeqCst));
        [allocations, size, size.wrapping_sub(freed)]
    }
}

/// Counts with all counters, and notes it if that calls the allocator again.
fn count(with: impl Fn(&Counters)) {
    thread_local! {
        static COUNTING: Cell<bool> = const { Cell::new(false) };
    }
    if COUNTING.replace(true) {
        RECURSIONS.fetch_add(1, SeqCst);
        return;
    }
    COUNTERS.iter().for_each(with);
    COUNTING.set(false);
}

#[global_allocator]
static ALLOCATOR: Observed = Observed(|request| {
    match request {
        Request::Allocate(size) => {
            BEGUN.allocated(size);
            count(|counters| counters.allocated(size));
            ENDED.allocated(size);
        }
        Request::Free(size) => {
            BEGUN.freed.fetch_add(size as u64, SeqCst);
            count(|counters| counters.freed(size));
            ENDED.freed.fetch_add(size as u64, SeqCst);
        }
    }
    true
});

/// Panics unless all counters are exact, at a moment when no thread allocates.
fn check() {
    let (tally, sums) = loop {
        let before = ENDED.read();
        let sums = COUNTERS.each_ref().map(Counters::read);
        // No allocation was in progress, and none has begun since.
        if BEGUN.read() == before {
            break (before, sums);
        }
    };
    assert_eq!(sums, [tally; 6]);
    assert_eq!(RECURSIONS.load(SeqCst), 0, "counting has allocated");
}

fn allocate(rounds: usize) {
    let mut map = BTreeMap::new();
    for round in 0..rounds {
        map.insert(round % 17, vec![1_u8; round % 5_000 + 1]);
        black_box(&map);
    }
}

/// Panics unless the buckets and sums of the histograms include all that was allocated before they are read.
/// Reading them allocates, before and after the read itself.
fn check_histograms() {
    for counters in &COUNTERS {
        for sizes in &counters.sizes {
            let before = ENDED.read();
            let total = sizes.total();
            let after = BEGUN.read();
            assert!((before[0]..=after[0]).contains(&total.count()), "{total:?}");
            assert!((before[1]..=after[1]).contains(&total.sum().unwrap()), "{total:?}");
        }
    }
    assert_eq!(RECURSIONS.load(SeqCst), 0, "counting has allocated");
}

/// A single test, since other tests would allocate at the same time.
#[test]
fn every_allocation_is_counted_once_by_counters_of_every_type_and_backend() {
    assert_ne!(BEGUN.allocations.load(SeqCst), 0, "nothing was counted before the test");
    check();
    allocate(5_000);
    check();
    // Threads allocate while they start, while they are all alive, and while they end; and while this one
    // reads.
    let alive = Barrier::new(24);
    let _ = together(24, |thread| {
        allocate(50 * thread);
        alive.wait();
        allocate(500);
        if thread == 0 {
            for counters in &COUNTERS {
                let _ = (counters.allocations.sum(), counters.live.sum(), counters.by_size.sums());
            }
        }
    });
    check();
    let cases = Case::all().map(|case| case.counter()).collect::<Vec<_>>();
    together(200, |_| cases.iter().for_each(Counter::inc));
    drop(cases);
    check();
    // Takes while other threads allocate, which add up to the total.
    let taken = together(4, |thread| {
        allocate(500);
        if thread == 0 {
            COUNTERS.each_ref().map(|counters| counters.allocations.take())
        } else {
            [0; 6]
        }
    });
    let taken = taken[0];
    let (tally, sums) = loop {
        let before = ENDED.allocations.load(SeqCst);
        let sums = COUNTERS.each_ref().map(|counters| counters.allocations.sum());
        if BEGUN.allocations.load(SeqCst) == before {
            break (before, sums);
        }
    };
    let totals = std::array::from_fn(|at| sums[at] + taken[at]);
    assert_eq!(totals, [tally; 6]);
    check_histograms();
    // Reads while other threads allocate.
    let _ = together(4, |thread| {
        if thread == 0 { (0..20).for_each(|_| check_histograms()) } else { allocate(2_000) }
    });
    check_histograms();
}
