//! Growth while a reader sums: each lease has its own base.

use super::support::*;

/// Returns a counter whose next lease, of twice the rows, has a base of [`HIGH`], which another
/// counter left there.
fn about_to_reuse(read_lock: bool) -> Arc<Counter> {
    let before = touched(Backend::PerThread, false);
    let rows = before.rows();
    add_as(&before, rows, [1, HIGH]);
    drop(before);
    touched(Backend::PerThread, read_lock)
}

fn grows_while_totalled(read_lock: bool, kept: bool) {
    let counter = about_to_reuse(read_lock);
    let base = Arc::new(AtomicU64::new(0));
    let total = {
        let base = Arc::clone(&base);
        move |counter: &Counter| if kept { total_by(counter, &base) } else { counter.total(COLUMN) }
    };
    let reader = spawn(&counter, move |counter| {
        let first = if kept { total(counter) } else { counter.sum(COLUMN) };
        [first, total(counter)]
    });
    // The first add goes to the spill and grows the matrix, the second to the new row.
    let rows = counter.rows();
    add_as(&counter, rows, [1]);
    assert_eq!(bases(&counter), HIGH, "not reused");
    base.store(bases(&counter), Ordering::Release);
    add_as(&counter, rows, [2]);
    let [first, second] = join(reader);
    assert!(first <= second && second <= 3, "{first:x}, then {second:x}: another lease's base");
    assert_eq!(counter.total(COLUMN), 3);
}

fn bases(counter: &Counter) -> u64 {
    counter.newest().ok().unwrap().with_older().map(|lease| lease.base(COLUMN)).sum()
}

/// The seeded bug: the counter keeps one base for all its leases.
fn total_by(counter: &Counter, base: &AtomicU64) -> u64 {
    let spilled = counter.spilled(COLUMN);
    let leases = counter.newest().ok().unwrap().with_older();
    let cells: u64 = leases.map(|lease| lease.sum_column(COLUMN)).sum();
    (cells + spilled).wrapping_sub(base.load(Ordering::Acquire))
}

#[test]
fn a_total_pairs_each_lease_with_its_own_base_while_the_counter_grows() {
    within(2, || grows_while_totalled(false, false));
    within(1, || grows_while_totalled(true, false));
}

#[test]
#[should_panic(expected = "another lease's base")]
fn seeded_a_base_kept_in_the_counter_is_paired_with_the_wrong_lease() {
    model(|| grows_while_totalled(false, true));
}

/// What the new lease has is taken while the reader is still at the old one.
#[test]
fn a_sum_that_sees_a_take_of_a_new_lease_sees_the_lease() {
    within(2, || {
        let counter = touched(Backend::PerThread, false);
        let reader = reader(&counter);
        let rows = counter.rows();
        add_as(&counter, rows, [1, 2]);
        assert_eq!(counter.take(COLUMN), 3);
        let sum = join(reader);
        assert!(sum <= 3, "less than nothing: {sum:x}");
    });
}
