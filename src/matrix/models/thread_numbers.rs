//! Numbers have one owner at a time, and a shard passes from one to the next.

use super::support::*;
use crate::matrix::thread_id::Numbers;

/// Lives as a thread with a number, which alone owns the cell of that number.
fn live(numbers: &impl Lease, cells: &[AtomicU64; 3]) {
    let number = numbers.claim();
    let cell = &cells[number];
    cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    numbers.release(number);
}

trait Lease: Default + Send + Sync + 'static {
    fn claim(&self) -> usize;
    fn release(&self, number: usize);
}

struct Real(Numbers<1>);

impl Default for Real {
    fn default() -> Self {
        Self(Numbers::new())
    }
}

impl Lease for Real {
    fn claim(&self) -> usize {
        self.0.claim().expect("64 numbers are enough for three threads")
    }

    fn release(&self, number: usize) {
        self.0.release(number);
    }
}

/// The seeded bug: `Numbers` of three, with only relaxed accesses.
struct Relaxed(AtomicU64);

impl Default for Relaxed {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Lease for Relaxed {
    fn claim(&self) -> usize {
        let claimed = (0..3).find(|bit| {
            let bit = 1 << bit;
            self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0
        });
        claimed.expect("three numbers are enough for three threads")
    }

    fn release(&self, number: usize) {
        self.0.fetch_and(!(1 << number), Ordering::Relaxed);
    }
}

fn three_lives<L: Lease>() {
    let shared = Arc::new((L::default(), std::array::from_fn(|_| AtomicU64::new(0))));
    let others = [0; 2].map(|_| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || live(&shared.0, &shared.1))
    });
    live(&shared.0, &shared.1);
    for other in others {
        other.join().unwrap();
    }
    let sum: u64 = shared.1.iter().map(|cell| cell.load(Ordering::Relaxed)).sum();
    assert_eq!(sum, 3, "an add is lost");
}

#[test]
fn a_number_and_its_cell_pass_from_owner_to_owner_without_loss() {
    model(three_lives::<Real>);
}

#[test]
#[should_panic(expected = "an add is lost")]
fn seeded_relaxed_numbers_lose_an_add_on_the_way() {
    model(three_lives::<Relaxed>);
}

#[test]
fn two_threads_never_hold_the_same_number() {
    model(|| {
        let numbers = Arc::new(Numbers::<1>::new());
        let others = [0; 2].map(|_| {
            let numbers = Arc::clone(&numbers);
            thread::spawn(move || numbers.claim())
        });
        let mine = numbers.claim();
        let [one, two] = others.map(|other| other.join().unwrap());
        assert!(mine != one && one != two && two != mine, "{mine:?} {one:?} {two:?}");
        let together = [mine, one, two].map(Option::unwrap).into_iter().sum::<usize>();
        assert_eq!(together, 1 + 2, "dense: 0, 1 and 2");
    });
}

#[test]
fn a_shard_passes_with_its_count_from_thread_to_thread() {
    model(|| {
        let counter = touched(Backend::PerThread, false);
        let numbers = Arc::new(Numbers::<1>::new());
        let others = [1, 2].map(|n| {
            let (counter, numbers) = (Arc::clone(&counter), Arc::clone(&numbers));
            thread::spawn(move || {
                let number = numbers.claim().unwrap();
                assume(number);
                counter.add(COLUMN, n);
                numbers.release(number);
            })
        });
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(counter.sum(COLUMN), 3);
    });
}

/// Two threads claim while all lower numbers are taken, one of them by a thread that has ended
/// without returning it, which either may find.
#[test]
fn a_look_gives_no_number_to_two_threads_and_keeps_none() {
    const DEAD: usize = 3;
    model(|| {
        let shared = Arc::new((Numbers::<2>::new(), AtomicU64::new(1)));
        (0..64).for_each(|number| assert_eq!(shared.0.claim(), Some(number)));
        let claim = |shared: &(Numbers<2>, AtomicU64)| {
            let (numbers, dead) = shared;
            let look = |below: usize| {
                assert!(below >= 64);
                let found = dead.swap(0, Ordering::Relaxed) == 1;
                if found {
                    numbers.release(DEAD);
                }
                found
            };
            numbers.claim_or_look(look).unwrap()
        };
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || claim(&shared))
        };
        let mine = claim(&shared);
        let theirs = other.join().unwrap();
        let (low, high) = (mine.min(theirs), mine.max(theirs));
        assert!(low == DEAD && (high == 64 || high == 65), "{mine} and {theirs}");
        assert_eq!(shared.0.claim(), Some(64 + 65 - high), "the other one was kept");
    });
}
