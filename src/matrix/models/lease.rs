//! Leases of two counters at once, and of a column that another counter had before.

use super::support::*;
use crate::{
    matrix::{
        columns::Demand,
        plan::Plan,
        pool::{Pools, STRIDE, Width, pools},
        rows::Lease,
    },
    settings::Settings,
};
use std::ptr::NonNull;

const SETTINGS: fn() -> Settings = || settings(Backend::PerThread, false);

fn real() -> Matrix<One> {
    Matrix::new(One::new(), SETTINGS())
}

/// The seeded bugs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bug {
    None,
    /// A claim loads the bitmap and then stores it.
    Split,
    /// Claims and releases order nothing.
    Relaxed,
    /// A reuse does not record what the column holds.
    NoBase,
}

/// Two columns of one chunk, and which are taken, instead of the pool's bitmap.
struct Chunk {
    columns: [NonNull<AtomicU64>; 2],
    pool: u8,
    taken: AtomicU64,
    bug: Bug,
}

#[expect(unsafe_code, reason = "sends pointers to cells")]
// SAFETY: the cells live as long as the pools, and are never borrowed mutably.
unsafe impl Send for Chunk {}
#[expect(unsafe_code, reason = "shares pointers to cells")]
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    fn new(bug: Bug) -> Self {
        let plan = Plan::new(SETTINGS());
        let (pool, shape) = Pools::find(plan.writers, Width::One, plan.rows, plan.default_rows);
        let column = |_| pools().get(pool.into()).claim(shape).unwrap().first;
        Self { columns: [0, 1].map(column), pool, taken: AtomicU64::new(0), bug }
    }

    fn claim(&self) -> usize {
        let lowest_free = |taken: u64| {
            let bit = taken.trailing_ones() as usize;
            assert!(bit < 2, "more counters than a model has");
            bit
        };
        if self.bug == Bug::Split {
            let taken = self.taken.load(Ordering::Acquire);
            let bit = lowest_free(taken);
            self.taken.store(taken | 1 << bit, Ordering::Release);
            return bit;
        }
        let order = if self.bug == Bug::Relaxed { Ordering::Relaxed } else { Ordering::Acquire };
        let mut taken = self.taken.load(Ordering::Relaxed);
        loop {
            let bit = lowest_free(taken);
            taken = self.taken.fetch_or(1 << bit, order);
            if taken & 1 << bit == 0 {
                return bit;
            }
        }
    }

    fn release(&self, first: NonNull<AtomicU64>) {
        let bit = self.columns.iter().position(|&column| column == first).unwrap();
        let order = if self.bug == Bug::Relaxed { Ordering::Relaxed } else { Ordering::Release };
        self.taken.fetch_and(!(1 << bit), order);
    }
}

/// A counter whose column is in a [`Chunk`].
struct Twin {
    one: One,
    chunk: Arc<Chunk>,
}

impl Columns for Twin {
    const SHARED: bool = true;

    fn stride(&self) -> usize {
        STRIDE
    }

    fn downs(&self, _column: usize) -> Option<usize> {
        None
    }

    #[expect(unsafe_code, reason = "a claim becomes a lease")]
    fn lease<'a>(&'a self, demand: Demand<'a>) -> Option<Lease<'a>> {
        let first = self.chunk.columns[self.chunk.claim()];
        // SAFETY: the column is from a pool with that many rows, which lives until the model is
        // over.
        let lease = unsafe { Lease::new(first, STRIDE) };
        lease.begin(demand.plan.rows, self.chunk.pool, demand.older);
        if self.chunk.bug != Bug::NoBase {
            lease.rebase(COLUMN);
        }
        Some(lease)
    }

    fn give_back(&self, lease: Lease<'_>) {
        self.chunk.release(lease.first());
    }

    fn spill(&self, oldest: Option<Lease<'_>>, column: usize, n: u64) {
        self.one.spill(oldest, column, n);
    }

    fn spilled(&self, oldest: Option<Lease<'_>>, column: usize) -> u64 {
        self.one.spilled(oldest, column)
    }
}

/// Returns a function that makes counters in one chunk.
fn twins(bug: Bug) -> impl Fn() -> Matrix<Twin> {
    let chunk = Arc::new(Chunk::new(bug));
    move || Matrix::new(Twin { one: One::new(), chunk: Arc::clone(&chunk) }, SETTINGS())
}

fn add_all<C: Columns>(counter: &Matrix<C>, number: usize, adds: [u64; 2]) {
    assume(number);
    adds.into_iter().for_each(|n| counter.add(COLUMN, n));
}

/// Returns the number of leases taken from that pool.
fn leases_taken(pool: usize) -> usize {
    pools().get(pool).taken()
}

#[test]
fn two_first_adds_to_one_counter_take_one_lease_and_its_drop_gives_it_back() {
    for backend in BACKENDS {
        println!("{backend}");
        model(move || {
            let counter = fresh(backend, false);
            let other = adder(&counter, 1, [HIGH]);
            add_as(&counter, 0, [1]);
            join(other);
            assert_eq!(counter.sum(COLUMN), 1 + HIGH);
            let pool = counter.newest().ok().unwrap().pool();
            assert_eq!(leases_taken(pool), 1);
            drop(counter);
            assert_eq!(leases_taken(pool), 0);
        });
    }
}

/// Each counter's first add may go to the spill, and the second goes to its column.
fn two_counters_at_once<C: Columns + Send + Sync + 'static>(make: impl Fn() -> Matrix<C>) {
    // Maps what both then claim from.
    assert!(make().warm_up());
    let (one, two) = (make(), Arc::new(make()));
    let other = spawn(&two, |two| add_all(two, 1, [HIGH, HIGH]));
    add_all(&one, 0, [1, 1]);
    join(other);
    let sums = (one.sum(COLUMN), two.sum(COLUMN));
    assert_eq!(sums, (2, 2 * HIGH), "a lease is taken twice");
}

#[test]
fn two_counters_that_lease_at_once_never_have_the_same_column() {
    model(|| two_counters_at_once(real));
    model(|| two_counters_at_once(twins(Bug::None)));
}

#[test]
#[should_panic(expected = "a lease is taken twice")]
fn seeded_a_claim_that_loads_and_then_stores_takes_a_lease_twice() {
    model(|| two_counters_at_once(twins(Bug::Split)));
}

/// A counter is dropped by a thread that has added to it, while another makes a counter.
fn a_column_passes_on<C: Columns + Send + Sync + 'static>(make: impl Fn() -> Matrix<C>) {
    let (one, two) = (make(), make());
    assert!(one.warm_up());
    let other = thread::spawn(move || {
        add_all(&one, 0, [HIGH, HIGH]);
        assert_eq!(one.sum(COLUMN), 2 * HIGH, "not its own adds");
    });
    add_all(&two, 1, [1, 2]);
    assert_eq!(two.sum(COLUMN), 3, "not its own adds");
    join(other);
    assert_eq!(two.sum(COLUMN), 3, "not its own adds");
    // This counter gets the one of the two columns that is free.
    let three = make();
    assert!(three.warm_up());
    assert_eq!(three.sum(COLUMN), 0, "not its own adds");
    add_all(&three, 0, [4, 8]);
    assert_eq!(three.sum(COLUMN), 12, "not its own adds");
}

#[test]
fn a_column_that_was_given_back_starts_from_0_whatever_it_holds() {
    model(|| a_column_passes_on(real));
    model(|| a_column_passes_on(twins(Bug::None)));
}

#[test]
#[should_panic(expected = "not its own adds")]
fn seeded_a_reuse_without_a_base_has_another_counters_adds() {
    model(|| a_column_passes_on(twins(Bug::NoBase)));
}

#[test]
#[should_panic(expected = "not its own adds")]
fn seeded_a_column_passed_on_in_relaxed_order_has_another_counters_adds() {
    model(|| a_column_passes_on(twins(Bug::Relaxed)));
}
