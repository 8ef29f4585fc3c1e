//! Promise 4: a locked sum is the true count at one moment, for adds of any size.
//!
//! Writers add 1 and then 2^32, in strict alternation. The true count has as many of the one as of
//! the other, or one more 1; a sum that says otherwise is torn: put together from several moments.

use crate::support::{Stop, affinity::Hopper, on_every_backend};
use std::{
    hint,
    sync::{
        Barrier,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc,
    },
    thread,
};
use striped_counter::{Backend, Counter};

const HIGH: u64 = 1 << 32;

/// Where the writers run, as seen from the reader.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Writers {
    /// The reader is stopped in the middle of its sum, for any number of adds.
    OnTheSameCpu,
    /// Adds land during the sum, a few at the most.
    OnAnotherCpu,
}

impl Writers {
    /// How often the reader must see the sum change: a matter of time slices on the same CPU.
    fn changes(self) -> usize {
        match self {
            Self::OnTheSameCpu => 30,
            Self::OnAnotherCpu => 1_000,
        }
    }
}

fn is_torn(sum: u64) -> bool {
    let (high, low) = (sum / HIGH, sum % HIGH);
    low != high && low != high + 1
}

/// Calls `read` until it has returned so many sums that differ from the one before; the torn ones.
fn torn_sums(changes: usize, mut read: impl FnMut() -> u64) -> Vec<u64> {
    let (mut last, mut seen, mut torn) = (0, 0, Vec::new());
    while seen < changes {
        let sum = read();
        if sum != last {
            seen += 1;
            torn.extend(Some(sum).filter(|&sum| is_torn(sum)));
        }
        last = sum;
        // Adds are diverted while a locked sum is under way; let some of them find their shards.
        (0..20).for_each(|_| hint::spin_loop());
    }
    torn
}

/// Two threads that take turns at a counter until they are stopped.
#[derive(Default)]
struct Turns {
    turn: AtomicU64,
    stop: AtomicBool,
}

impl Turns {
    /// Adds `n` at every turn of this thread: the even or the odd ones.
    fn add_in_turn(&self, counter: &Counter, parity: u64, n: u64) {
        loop {
            let turn = self.turn.load(Acquire);
            if self.stop.load(Relaxed) {
                return;
            }
            if turn % 2 == parity {
                counter.add(n);
                self.turn.store(turn + 1, Release);
            } else {
                thread::yield_now();
            }
        }
    }
}

/// Runs `body` while two threads alternate on `counter`, of which the one that adds 1 came first,
/// then a crowd of others, and then the one that adds [`HIGH`], so that their shards lie apart.
fn while_two_alternate<T>(counter: &Counter, writers: Writers, body: impl FnOnce() -> T) -> T {
    const CROWD: usize = 30;
    let (turns, leave) = (&Turns::default(), &Barrier::new(CROWD + 1));
    let (tell, told) = mpsc::channel();
    let settle = || {
        counter.add(0);
        tell.send(()).unwrap();
    };
    thread::scope(|scope| {
        let (_stop, _pinned) = (Stop(&turns.stop), Hopper::pinned(0));
        let start = |parity, n| {
            scope.spawn(move || {
                let _pinned = Hopper::pinned(usize::from(writers == Writers::OnAnotherCpu));
                settle();
                turns.add_in_turn(counter, parity, n);
            });
            told.recv().unwrap();
        };
        start(0, 1);
        for _ in 0..CROWD {
            scope.spawn(move || {
                settle();
                leave.wait();
            });
            told.recv().unwrap();
        }
        start(1, HIGH);
        leave.wait();
        body()
    })
}

/// Has `body` count torn sums of a counter that two threads write to, on every backend with a read
/// lock; there must be none.
fn assert_never_torn(read: impl Fn(&Counter, usize) -> Vec<u64>) {
    on_every_backend(|case| {
        for writers in [Writers::OnTheSameCpu, Writers::OnAnotherCpu] {
            if case.read_lock {
                let (counter, changes) = (case.counter(), writers.changes());
                let torn = while_two_alternate(&counter, writers, || read(&counter, changes));
                assert_eq!(torn, [], "of {changes}, writers {writers:?}");
            }
        }
    });
}

#[test]
fn a_locked_sum_never_has_an_add_without_another_threads_before_it() {
    assert_never_torn(|counter, changes| torn_sums(changes, || counter.sum()));
}

#[test]
fn locked_takes_add_up_to_the_count_at_one_moment() {
    assert_never_torn(|counter, changes| {
        let mut taken = 0;
        torn_sums(changes, || {
            taken += counter.take();
            taken
        })
    });
}

#[test]
fn locked_deltas_add_up_to_the_count_at_one_moment() {
    assert_never_torn(|counter, changes| {
        let (mut seen, mut deltas) = (0, counter.deltas());
        torn_sums(changes, || {
            seen += deltas.next_delta();
            seen
        })
    });
}

/// The seeded bug: without the lock, a sum is one collect. If no such sum is torn, the tests above
/// show nothing. On `PerCpu`, `tests/stepping.rs` has it.
#[test]
fn seeded_an_unlocked_sum_is_torn() {
    if cfg!(not(target_os = "linux")) {
        return eprintln!("not shown here: writers are not bound to a CPU, and tears are luck");
    }
    for builder in [
        Counter::builder().backend(Backend::Striped).shards(64),
        Counter::builder().backend(Backend::PerThread),
    ] {
        // The scheduler may leave a reader alone for a batch or two; and where threads of other tests
        // have the numbers in between, the two may share a stripe, until others take their place.
        let torn = (0..100).any(|_| {
            let counter = builder.build();
            while_two_alternate(&counter, Writers::OnTheSameCpu, || {
                !torn_sums(100, || counter.sum()).is_empty()
            })
        });
        assert!(torn, "on {builder:?}");
    }
}

/// Runs `body` while a writer changes its CPU between any two adds: on `PerCpu`, its shard.
fn while_one_hops<T>(counter: &Counter, body: impl FnOnce() -> T) -> T {
    let turns = &Turns::default();
    thread::scope(|scope| {
        let _stop = Stop(&turns.stop);
        scope.spawn(move || {
            let mut hopper = Hopper::pinned(0);
            while !turns.stop.load(Relaxed) {
                counter.add(1);
                hopper.hop();
                counter.add(HIGH);
                hopper.hop();
            }
        });
        body()
    })
}

#[test]
fn a_locked_sum_never_has_an_add_after_a_migration_without_the_one_before() {
    on_every_backend(|case| {
        if case.read_lock {
            let counter = case.counter();
            let sum = || {
                // The writer comes to this CPU too, and is not to wait for a time slice.
                thread::yield_now();
                counter.sum()
            };
            let torn = while_one_hops(&counter, || torn_sums(1_000, sum));
            assert_eq!(torn, []);
        }
    });
}
