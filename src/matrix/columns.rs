//! What differs between a single counter, a level and a set: how many columns there are, where their
//! memory comes from, and where an add goes that may not touch a shard.

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

    /// Cells from a row to the next.
    fn stride(&self) -> usize;

    /// Whether operations announce themselves in columns of their own. A signal handler's must not
    /// be lost, or a reader would wait without end, so all adds are then atomic.
    #[inline(always)]
    fn tracked(&self) -> bool {
        false
    }

    /// Called before the first lease is published.
    fn prepare(&self) {}

    /// The column that counts down what `column` counts up, for a counter that does both.
    fn downs(&self, column: usize) -> Option<usize> {
        let _ = column;
        None
    }

    /// Takes columns of memory as planned, in front of an `older` lease, with the lock held. `None` if
    /// there is no memory.
    fn lease<'a>(&'a self, demand: Demand<'a>) -> Option<Lease<'a>>;

    /// Gives a lease back. Nobody may use it any more.
    fn give_back(&self, lease: Lease<'_>);

    /// Adds `n`, meant for `column`, to the spill: with release, for the acquire in `spilled`. The
    /// spill belongs to the oldest lease, if there is one yet.
    fn spill(&self, oldest: Option<Lease<'_>>, column: usize, n: u64);

    /// Returns what has been spilled for `column`.
    fn spilled(&self, oldest: Option<Lease<'_>>, column: usize) -> u64;
}

/// What a lease is to be like.
#[derive(Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(super) plan: &'a Plan,
    pub(super) padded: bool,
    pub(super) older: Option<Lease<'a>>,
    /// What has been taken before there was a lease.
    pub(super) taken: u64,
}

/// Leases `columns` columns of a chunk that is shared with others, from the pool of leases so wide.
#[expect(unsafe_code, reason = "a claim becomes a lease")]
pub(super) fn lease_of_pool(width: Width, columns: usize, demand: Demand<'_>) -> Option<Lease<'_>> {
    let Demand { plan, older, .. } = demand;
    debug_assert!(columns <= width.columns());
    let (number, shape) = Pools::find(plan.writers, width, plan.rows, plan.default_rows);
    let claim = pools().get(number.into()).claim(shape)?;
    // SAFETY: the claim is of a pool whose leases are at least that many columns wide, with as many
    // rows as planned or more; and chunks are never unmapped.
    let lease = unsafe { Lease::new(claim.first, STRIDE) };
    lease.begin(plan.rows, number, older);
    if !claim.fresh {
        (0..columns).for_each(|column| lease.rebase(column));
    }
    Some(lease)
}

/// Gives back what [`lease_of_pool`] has returned.
pub(super) fn give_back_to_pool(lease: Lease<'_>) {
    pools().get(lease.pool()).release(lease.first());
}

/// One counter, or two columns for a level's ups and downs, in a chunk that is shared with others.
///
/// The spill of a level is that of its ups, and signed.
pub(crate) struct Few<const WIDTH: usize> {
    /// The spill before there is a lease. Once a thread has seen the lease, neither it nor any that
    /// it has told anything adds to this.
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
        /// As if `sum` had been added.
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
        // Relaxed: nobody else sees the lease yet.
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
        // Acquire: partners the release in `spill`, and keeps what is read next after it. The lease's
        // spill first: an add to the early one may be before an add to this one, but not after it.
        let later = oldest.map_or(0, |oldest| oldest.spill(0).load(Ordering::Acquire));
        later.wrapping_add(self.early.load(Ordering::Acquire))
    }
}
