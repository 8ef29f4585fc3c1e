//! One test body for every type.

use super::cases::{Case, Reports, on_every_backend};
use std::{
    fmt::{self, Debug},
    ops::Deref,
    panic::{RefUnwindSafe, UnwindSafe},
};
use striped_counter::{
    Backend, Counter, CounterSet, Deltas, Histogram, HistogramDeltas, HistogramSet, SetDeltas,
    UpDownCounter, UpDownCounterSet,
};

/// What all types have in common, modulo 2^64. A set counts in its last column; a histogram counts how often 1 was
/// recorded, of which a [`Histogram`] reads the sum, and a [`HistogramSet`] the buckets.
pub(crate) trait Counts: Debug + Send + Sync + UnwindSafe + RefUnwindSafe {
    /// Adds `n`, by one of the type's ways to add. Multiples of three are added in one step, other amounts may
    /// be too high by up to 2 in between.
    fn add(&self, n: u64);
    fn sum(&self) -> u64;
    fn take(&self) -> u64;
    /// Returns everything ever added, or `None` from a level, which has no total.
    fn total(&self) -> Option<u64>;
    /// Returns a cursor that has seen nothing, or `None` from a type without cursors.
    fn deltas(&self) -> Option<Box<dyn Cursor + '_>>;
    fn warm_up(&self) -> bool;
    fn backend(&self) -> Backend;
    fn has_read_lock(&self) -> bool;
    fn shards(&self) -> usize;
}

/// A cursor of deltas.
pub(crate) trait Cursor: Send {
    fn next(&mut self) -> u64;
    /// Returns a clone.
    fn another(&self) -> Box<dyn Cursor + '_>;
}

/// A type and its settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) of: Type,
    pub(crate) case: Case,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    UpDownCounter,
    CounterSet,
    UpDownCounterSet,
    Histogram,
    HistogramSet,
}

impl Type {
    pub(crate) const ALL: [Self; 6] = [
        Self::Counter,
        Self::UpDownCounter,
        Self::CounterSet,
        Self::UpDownCounterSet,
        Self::Histogram,
        Self::HistogramSet,
    ];
}

/// Runs `body` for every type, on every backend as [`on_every_backend`] does.
pub(crate) fn on_every_type(body: impl Fn(&Subject)) {
    on_every_backend(|&case| {
        for of in Type::ALL {
            let subject = Subject { of, case };
            let _reports = Reports(of);
            body(&subject);
        }
    });
}

impl Subject {
    /// Builds one, and checks that it has the expected backend.
    pub(crate) fn build(&self) -> Box<dyn Counts> {
        let case = self.case;
        let built: Box<dyn Counts> = match self.of {
            Type::Counter => Box::new(case.set(Counter::builder()).build()),
            Type::UpDownCounter => Box::new(case.set(UpDownCounter::builder()).build()),
            Type::CounterSet => Box::new(case.set(CounterSet::builder(LEN)).build()),
            Type::UpDownCounterSet => Box::new(case.set(UpDownCounterSet::builder(LEN)).build()),
            Type::Histogram => Box::new(case.set(Histogram::builder()).bounds(BOUNDS).build()),
            Type::HistogramSet => {
                Box::new(case.set(HistogramSet::builder(2)).bounds(BOUNDS).build())
            }
        };
        assert_eq!(built.backend(), case.backend());
        built
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {self:?}")
    }
}

/// The length of sets: their last column begins a cache line.
const LEN: usize = 17;
const BOUNDS: &[u64] = &[1, 9, 60];

macro_rules! settings {
    () => {
        fn warm_up(&self) -> bool {
            self.warm_up()
        }

        fn backend(&self) -> Backend {
            self.backend()
        }

        fn has_read_lock(&self) -> bool {
            self.has_read_lock()
        }

        fn shards(&self) -> usize {
            self.shards()
        }
    };
}

impl Counts for Counter {
    settings!();

    fn add(&self, n: u64) {
        if n == 1 { self.inc() } else { self.add(n) }
    }

    fn sum(&self) -> u64 {
        self.sum()
    }

    fn take(&self) -> u64 {
        self.take()
    }

    fn total(&self) -> Option<u64> {
        Some(self.total())
    }

    fn deltas(&self) -> Option<Box<dyn Cursor + '_>> {
        Some(Box::new(self.deltas()))
    }
}

impl Counts for UpDownCounter {
    settings!();

    fn add(&self, n: u64) {
        let n = n.cast_signed();
        match n.cast_unsigned() % 3 {
            0 => self.add(n),
            1 => {
                self.inc();
                self.sub(1_i64.wrapping_sub(n));
            }
            _ => {
                self.add(n.wrapping_add(2));
                self.sub(1);
                self.dec();
            }
        }
    }

    fn sum(&self) -> u64 {
        self.sum().cast_unsigned()
    }

    fn take(&self) -> u64 {
        self.take().cast_unsigned()
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn deltas(&self) -> Option<Box<dyn Cursor + '_>> {
        None
    }
}

impl Counts for CounterSet {
    settings!();

    fn add(&self, n: u64) {
        let last = self.len() - 1;
        match n % 3 {
            0 => self.add(last, n),
            1 => {
                self.inc(last);
                self.get(last).unwrap().add(n.wrapping_sub(1));
            }
            _ => self.add_many(&[(0, 1), (last, n)]),
        }
    }

    fn sum(&self) -> u64 {
        self.sum(self.len() - 1)
    }

    fn take(&self) -> u64 {
        self.take(self.len() - 1)
    }

    fn total(&self) -> Option<u64> {
        Some(self.total(self.len() - 1))
    }

    fn deltas(&self) -> Option<Box<dyn Cursor + '_>> {
        Some(Box::new(self.deltas()))
    }
}

impl Counts for UpDownCounterSet {
    settings!();

    fn add(&self, n: u64) {
        let (last, n) = (self.len() - 1, n.cast_signed());
        match n.cast_unsigned() % 3 {
            0 => self.add(last, n),
            1 => self.add_many(&[(0, -1), (last, n)]),
            _ => {
                self.get(last).unwrap().add(n.wrapping_add(2));
                self.sub(last, 1);
                self.dec(last);
            }
        }
    }

    fn sum(&self) -> u64 {
        self.sum(self.len() - 1).cast_unsigned()
    }

    fn take(&self) -> u64 {
        self.take(self.len() - 1).cast_unsigned()
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn deltas(&self) -> Option<Box<dyn Cursor + '_>> {
        None
    }
}

impl Counts for Histogram {
    settings!();

    fn add(&self, n: u64) {
        if n == 1 { self.record(1) } else { self.record_n(1, n) }
    }

    fn sum(&self) -> u64 {
        self.snapshot().sum().unwrap()
    }

    fn take(&self) -> u64 {
        self.take().sum().unwrap()
    }

    fn total(&self) -> Option<u64> {
        self.total().sum()
    }

    fn deltas(&self) -> Option<Box<dyn Cursor + '_>> {
        Some(Box::new(self.deltas()))
    }
}

impl Counts for HistogramSet {
    settings!();

    fn add(&self, n: u64) {
        let last = self.len() - 1;
        if n == 1 { self.record(last, 1) } else { self.record_n(last, 1, n) }
    }

    fn sum(&self) -> u64 {
        self.snapshot(self.len() - 1).count()
    }

    fn take(&self) -> u64 {
        self.take(self.len() - 1).count()
    }

    fn total(&self) -> Option<u64> {
        Some(self.total(self.len() - 1).count())
    }

    fn deltas(&self) -> Option<Box<dyn Cursor + '_>> {
        None
    }
}

impl<P: Deref<Target = Counter> + Clone + Send> Cursor for Deltas<P> {
    fn next(&mut self) -> u64 {
        self.next_delta()
    }

    fn another(&self) -> Box<dyn Cursor + '_> {
        Box::new(self.clone())
    }
}

impl<P: Deref<Target = CounterSet> + Clone + Send> Cursor for SetDeltas<P> {
    fn next(&mut self) -> u64 {
        *self.next_delta().last().unwrap()
    }

    fn another(&self) -> Box<dyn Cursor + '_> {
        Box::new(self.clone())
    }
}

impl<P: Deref<Target = Histogram> + Clone + Send> Cursor for HistogramDeltas<P> {
    fn next(&mut self) -> u64 {
        self.next_delta().sum().unwrap()
    }

    fn another(&self) -> Box<dyn Cursor + '_> {
        Box::new(self.clone())
    }
}
