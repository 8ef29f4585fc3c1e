//! The differences between a single counter, a level and a set: how many columns there are, where
//! their memory comes from, and where an add goes that may not touch a shard.

use super::{
    plan::Plan,
    pool::{Pools, STRIDE, Width, pools},
    rows::Lease,
};
use crate::sync::{AtomicU64, Ordering, const_fn};

/// The columns of a matrix.
pub(crate) trait Columns {
    /// Whether all chunks are shared ones, whose stride is known at compile time.
    const SHARED: bool;

    /// Returns the distance from a row to the next, in cells.
    fn stride(&self) -> usize;

    /// Returns whether operations announce themselves in two additional columns. All adds are then
    /// atomic: if a signal handler's announcement were lost, a reader would never return.
    #[inline(always)]
    fn tracked(&self) -> bool {
        false
    }

    /// Prepares for adds, before the first lease is published.
    fn prepare(&self) {}

    /// Returns the column that counts down what `column` counts up, for a counter that does both.
    fn downs(&self, column: usize) -> Option<usize>;

    /// Leases columns as planned, in front of an `older` lease, with the lock held. Returns `None`
    /// if there is no memory.
    fn lease<'a>(&'a self, demand: Demand<'a>) -> Option<Lease<'a>>;

    /// Gives a lease back, which must not be used afterwards.
    fn give_back(&self, lease: Lease<'_>);

    /// Adds `n`, meant for `column`, to the spill, with release, for the acquire in `spilled`. The
    /// spill belongs to the oldest lease, if there is one yet.
    fn spill(&self, oldest: Option<Lease<'_>>, column: usize, n: u64);

    /// Returns what has been spilled for `column`.
    fn spilled(&self, oldest: Option<Lease<'_>>, column: usize) -> u64;
}

/// The properties of a lease to be made.
#[derive(Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(super) plan: &'a Plan,
    pub(super) padded: bool,
    pub(super) older: Option<Lease<'a>>,
    /// What was taken before there was a lease.
    pub(super) taken: u64,
}

/// Leases `columns` columns of a shared chunk, from the pool of leases of that `width`.
#[expect(unsafe_code, reason = "a claim becomes a lease")]
pub(super) fn lease_of_pool(width: Width, columns: usize, demand: Demand<'_>) -> Option<Lease<'_>> {
    let Demand { plan, older, .. } = demand;
    debug_assert!(columns <= width.columns());
    let (number, shape) = Pools::find(plan.writers, width, plan.rows, plan.default_rows);
    let claim = pools().get(number.into()).claim(shape)?;
    // SAFETY: the claim is from a pool whose leases have at least that many columns and at least
    // the planned rows; and chunks are never unmapped.
    let lease = unsafe { Lease::new(claim.first, STRIDE) };
    lease.begin(plan.rows, number, older);
    if !claim.fresh {
        (0..columns).for_each(|column| lease.rebase(column));
    }
    Some(lease)
}

/// Gives a lease from [`lease_of_pool`] back to its pool.
pub(super) fn give_back_to_pool(lease: Lease<'_>) {
    pools().get(lease.pool()).release(lease.first());
}

/// One column for a counter, or two for a level's ups and downs, in a shared chunk.
///
/// A level has one spill, in the column of its ups, and it is signed.
pub(crate) struct Few<const WIDTH: usize> {
    /// The spill before there is a lease. Once a thread has seen the lease, no add that happens
    /// after that goes here.
    early: AtomicU64,
}

/// A counter that goes up.
pub(crate) type One = Few<1>;
/// A counter that goes up and down.
pub(crate) type UpDown = Few<2>;

impl One {
    pub(crate) const COLUMN: usize = 0;
}

impl UpDown {
    pub(crate) const UPS: usize = 0;
    pub(crate) const DOWNS: usize = 1;
}

impl<const WIDTH: usize> Few<WIDTH> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self::starting_at(0)
        }
    }

    const_fn! {
        /// Creates columns as if `sum` had been added.
        pub(crate) fn starting_at(sum: u64) -> Self {
            Self { early: AtomicU64::new(sum) }
        }
    }
}

impl<const WIDTH: usize> Columns for Few<WIDTH> {
    const SHARED: bool = true;

    #[inline(always)]
    fn stride(&self) -> usize {
        STRIDE
    }

    #[inline(always)]
    fn downs(&self, _column: usize) -> Option<usize> {
        (WIDTH == 2).then_some(UpDown::DOWNS)
    }

    fn lease<'a>(&'a self, demand: Demand<'a>) -> Option<Lease<'a>> {
        let width = match WIDTH {
            _ if demand.padded => Width::Line,
            1 => Width::One,
            _ => Width::Two,
        };
        let lease = lease_of_pool(width, WIDTH, demand)?;
        // Relaxed: no other thread sees the lease yet.
        lease.taken(0).store(demand.taken, Ordering::Relaxed);
        Some(lease)
    }

    fn give_back(&self, lease: Lease<'_>) {
        give_back_to_pool(lease);
    }

    fn spill(&self, oldest: Option<Lease<'_>>, column: usize, n: u64) {
        let n = if column == UpDown::DOWNS { n.wrapping_neg() } else { n };
        let cell = oldest.map_or(&self.early, |oldest| oldest.spill(0));
        // Release: partners the acquire in `spilled`.
        cell.fetch_add(n, Ordering::Release);
    }

    #[inline(always)]
    fn spilled(&self, oldest: Option<Lease<'_>>, _column: usize) -> u64 {
        // Acquire: partners the release in `spill`, and orders the next load after this one. The
        // lease's spill comes first: an add to the early spill may happen before an add to this
        // one, but not after it.
        let later = oldest.map_or(0, |oldest| oldest.spill(0).load(Ordering::Acquire));
        later.wrapping_add(self.early.load(Ordering::Acquire))
    }
}
