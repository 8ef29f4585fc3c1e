//! The counters under stress: three types behind one interface, each with its ledger.

use crate::ledger::{INDICES, Ledger};
use std::{fmt, iter, mem};
use striped_counter::{Backend, Builder, Counter, CounterSet, Deltas, SetDeltas, UpDownCounter};

/// The indexes of the two tallies of an [`UpDownCounter`].
const UPS: usize = 0;
const DOWNS: usize = 1;

/// Two counters of a set that are only ever added to together, and the same.
const PAIR: [usize; 2] = [INDICES - 2, INDICES - 1];

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Kind {
    Counter,
    UpDownCounter,
    CounterSet,
}

/// A column of the fault matrix: the settings of the counters under stress.
#[derive(Clone, Copy)]
pub(crate) struct Config {
    pub(crate) kind: Kind,
    pub(crate) backend: Backend,
    pub(crate) read_lock: bool,
}

impl Config {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let kinds = [Kind::Counter, Kind::UpDownCounter, Kind::CounterSet];
        let backends = [Backend::PerCpu, Backend::PerThread, Backend::Striped];
        kinds.into_iter().flat_map(move |kind| {
            backends.into_iter().flat_map(move |backend| {
                [false, true].map(|read_lock| Self { kind, backend, read_lock })
            })
        })
    }

    /// Returns whether `PerCpu` is selected and available.
    pub(crate) fn has_rseq(self) -> bool {
        self.backend == Backend::PerCpu
            && Counter::builder().backend(Backend::PerCpu).try_build().is_ok()
    }

    fn set<T>(self, builder: Builder<T>, shards: Option<usize>, padded: bool) -> Builder<T> {
        let builder = builder.backend(self.backend).padded(padded);
        // Otherwise the default, which for a level is neither on nor off.
        let builder = if self.read_lock { builder.read_lock(true) } else { builder };
        shards.map_or(builder, |shards| builder.shards(shards))
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lock = if self.read_lock { ", read lock" } else { "" };
        write!(f, "{:?}, {}{lock}", self.kind, self.backend)
    }
}

enum Subject {
    Counter(Counter),
    Level(UpDownCounter),
    Set(CounterSet),
}

pub(crate) struct Target {
    pub(crate) config: Config,
    subject: Subject,
    ledger: Ledger,
    /// The total before the adders began.
    base: [u64; INDICES],
}

impl Target {
    /// Builds an untouched target. `PerThread` has no number of shards, and ignores `shards`.
    pub(crate) fn new(config: Config, shards: Option<usize>, slots: usize) -> Self {
        Self::with_padding(config, shards, slots, false)
    }

    /// Builds one on lines of its own or on shared ones.
    pub(crate) fn with_padding(
        config: Config,
        shards: Option<usize>,
        slots: usize,
        padded: bool,
    ) -> Self {
        let subject = match config.kind {
            Kind::Counter => {
                Subject::Counter(config.set(Counter::builder(), shards, padded).build())
            }
            Kind::UpDownCounter => {
                Subject::Level(config.set(UpDownCounter::builder(), shards, padded).build())
            }
            Kind::CounterSet => {
                Subject::Set(config.set(CounterSet::builder(INDICES), shards, padded).build())
            }
        };
        Self { config, subject, ledger: Ledger::new(slots), base: [0; INDICES] }
    }

    /// Performs one operation of an adder, which differs from `turn` to `turn`.
    pub(crate) fn operate(&self, slot: usize, turn: u64) {
        let n = 1 + turn % 7;
        match &self.subject {
            Subject::Counter(counter) => self.ledger.note(slot, 0, n, || counter.add(n)),
            Subject::Level(level) if turn.is_multiple_of(4) => self.add_to_level(level, slot, n),
            Subject::Level(level) => {
                self.add_to_level(level, slot, n);
                self.ledger.note(slot, DOWNS, n, || level.sub(n.cast_signed()));
            }
            Subject::Set(set) if turn.is_multiple_of(4) => {
                self.ledger.note(slot, PAIR[0], n, || {
                    self.ledger
                        .note(slot, PAIR[1], n, || set.add_many(&PAIR.map(|index| (index, n))));
                });
            }
            Subject::Set(set) => {
                let index = usize::try_from(turn).unwrap_or(0) % PAIR[0];
                self.ledger.note(slot, index, n, || set.add(index, n));
            }
        }
    }

    fn add_to_level(&self, level: &UpDownCounter, slot: usize, n: u64) {
        self.ledger.note(slot, UPS, n, || level.add(n.cast_signed()));
    }

    /// Performs an operation that panics half-way; the target must have what the ledger says.
    pub(crate) fn operate_and_panic(&self, slot: usize) {
        match &self.subject {
            Subject::Counter(_) => panic!("by intent"),
            Subject::Level(level) => {
                let _undone = Undone::new(self, level, slot);
                panic!("by intent, while a guard lives");
            }
            // Out of range: must add nothing.
            Subject::Set(set) => set.add_many(&[(0, 1), (INDICES, 1)]),
        }
    }

    /// Adds from a signal handler.
    pub(crate) fn operate_in_handler(&self) {
        self.ledger.note_in_handler(0, 1, || self.add_first(1));
    }

    /// Returns whether adds are exact in a child process, which keeps no ledger. Without locked sums, since a
    /// reader that does not exist in the child may hold the lock.
    pub(crate) fn counts_on_in_child(&self) -> bool {
        const ADDS: u64 = 100;
        let before = self.first();
        (0..ADDS).for_each(|_| self.add_first(3));
        self.config.read_lock || self.first() == before.wrapping_add(3 * ADDS)
    }

    /// Prepares for adds by a handler.
    pub(crate) fn touch(&self) {
        self.add_first(0);
    }

    /// Whether there are shards.
    pub(crate) fn warm_up(&self) -> bool {
        match &self.subject {
            Subject::Counter(counter) => counter.warm_up(),
            Subject::Level(level) => level.warm_up(),
            Subject::Set(set) => set.warm_up(),
        }
    }

    fn add_first(&self, n: u64) {
        match &self.subject {
            Subject::Counter(counter) => counter.add(n),
            Subject::Level(level) => level.add(n.cast_signed()),
            Subject::Set(set) => set.add(0, n),
        }
    }

    /// Returns the first sum of an unlocked target without allocating; 0 for a locked one.
    fn first(&self) -> u64 {
        match &self.subject {
            _ if self.config.read_lock => 0,
            Subject::Counter(counter) => counter.sum(),
            Subject::Level(level) => level.sum().cast_unsigned(),
            Subject::Set(set) => set.sum(0),
        }
    }

    /// Raises every total to just below 2^64.
    pub(crate) fn fill(&mut self, slot: usize) {
        const BRINK: u64 = u64::MAX - 999;
        let add = |index, add: &dyn Fn()| self.ledger.note(slot, index, BRINK, add);
        let half = (BRINK / 2).cast_signed();
        match &self.subject {
            Subject::Counter(counter) => add(0, &|| counter.add(BRINK)),
            Subject::Level(level) => {
                add(UPS, &|| iter::repeat_n(half, 2).for_each(|half| level.add(half)));
                add(DOWNS, &|| iter::repeat_n(half, 2).for_each(|half| level.sub(half)));
            }
            Subject::Set(set) => {
                (0..INDICES).for_each(|index| add(index, &|| set.add(index, BRINK)));
            }
        }
        self.base = self.ledger.ended();
    }

    /// Returns how many totals are lower than when the adders began: those have wrapped, since they only
    /// grow.
    pub(crate) fn wraps(&self) -> u64 {
        self.ledger.ended().iter().zip(&self.base).map(|(now, base)| u64::from(now < base)).sum()
    }

    /// Returns the number of totals.
    pub(crate) fn totals(&self) -> u64 {
        match self.subject {
            Subject::Counter(_) => 1,
            Subject::Level(_) => 2,
            Subject::Set(_) => INDICES as u64,
        }
    }

    /// Returns the backend that this configuration selects on this machine.
    pub(crate) fn backend(&self) -> Backend {
        match &self.subject {
            Subject::Counter(counter) => counter.backend(),
            Subject::Level(level) => level.backend(),
            Subject::Set(set) => set.backend(),
        }
    }

    /// Returns the sums that tallies add up to: one for a level, less the total before the adders.
    fn grown(&self, tallies: [u64; INDICES], other: [u64; INDICES]) -> Vec<u64> {
        let grown = |index: usize, tallies: &[u64]| tallies[index].wrapping_sub(self.base[index]);
        match self.subject {
            Subject::Counter(_) => vec![grown(0, &tallies)],
            Subject::Level(_) => vec![grown(UPS, &tallies).wrapping_sub(grown(DOWNS, &other))],
            Subject::Set(_) => (0..INDICES).map(|index| grown(index, &tallies)).collect(),
        }
    }

    /// Returns the readings of a target without adds beyond the base.
    fn base(&self) -> Vec<u64> {
        match self.subject {
            Subject::Counter(_) => vec![self.base[0]],
            Subject::Level(_) => vec![self.base[UPS].wrapping_sub(self.base[DOWNS])],
            Subject::Set(_) => self.base.to_vec(),
        }
    }
}

/// An increment that is undone when it is dropped, also by a panic.
struct Undone<'a> {
    target: &'a Target,
    slot: usize,
    guard: Option<striped_counter::Guard<&'a UpDownCounter>>,
}

impl<'a> Undone<'a> {
    fn new(target: &'a Target, level: &'a UpDownCounter, slot: usize) -> Self {
        let mut guard = None;
        target.ledger.note(slot, UPS, 1, || guard = Some(level.guard()));
        Self { target, slot, guard }
    }
}

impl Drop for Undone<'_> {
    fn drop(&mut self) {
        self.target.ledger.note(self.slot, DOWNS, 1, || drop(self.guard.take()));
    }
}

enum Way<'a> {
    Sum,
    Take,
    Deltas(Deltas<&'a Counter>),
    SetDeltas(SetDeltas<&'a CounterSet>),
}

/// A consumer of a target. However it reads, its totals are sums.
pub(crate) struct Reader<'a> {
    target: &'a Target,
    way: Way<'a>,
    total: Vec<u64>,
    /// The totals before, less the base.
    last: Vec<u64>,
}

impl<'a> Reader<'a> {
    pub(crate) fn summing(target: &'a Target) -> Self {
        Self::new(target, Way::Sum)
    }

    pub(crate) fn taking(target: &'a Target) -> Self {
        Self::new(target, Way::Take)
    }

    /// Returns a consumer of deltas, which a level does not have.
    pub(crate) fn following(target: &'a Target) -> Option<Self> {
        let way = match &target.subject {
            Subject::Counter(counter) => Way::Deltas(counter.deltas()),
            Subject::Level(_) => return None,
            Subject::Set(set) => Way::SetDeltas(set.deltas()),
        };
        Some(Self::new(target, way))
    }

    fn new(target: &'a Target, way: Way<'a>) -> Self {
        let indices = target.base().len();
        Self { target, way, total: vec![0; indices], last: vec![0; indices] }
    }

    /// Reads once, and returns what is wrong with the result.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        let target = self.target;
        let ended = target.ledger.ended();
        self.read();
        let begun = target.ledger.begun();
        // A level is at least what had gone up less what may have gone down meanwhile.
        let (least, most) = (target.grown(ended, begun), target.grown(begun, ended));
        let base = target.base();
        let seen: Vec<_> =
            self.total.iter().zip(&base).map(|(total, base)| total.wrapping_sub(*base)).collect();
        let before = mem::replace(&mut self.last, seen);
        let seen = &self.last;
        for index in 0..seen.len() {
            self.within(index, seen[index], least[index], most[index], before[index])?;
        }
        match target.subject {
            Subject::Set(_) if target.config.read_lock && seen[PAIR[0]] != seen[PAIR[1]] => {
                Err(format!("half a batch: {} and {}", seen[PAIR[0]], seen[PAIR[1]]))
            }
            _ => Ok(()),
        }
    }

    fn within(
        &self,
        index: usize,
        seen: u64,
        least: u64,
        most: u64,
        before: u64,
    ) -> Result<(), String> {
        let fits = match self.target.subject {
            // Never negative, though it goes up and down.
            Subject::Level(_) => {
                let [seen, least, most] = [seen, least, most].map(u64::cast_signed);
                seen >= 0 && (least..=most).contains(&seen)
            }
            _ => seen >= before && (least..=most).contains(&seen),
        };
        let said =
            || format!("index {index}: {seen}, not from {least} to {most}; before: {before}");
        if fits { Ok(()) } else { Err(said()) }
    }

    fn read(&mut self) {
        let more = match (&mut self.way, &self.target.subject) {
            (Way::Sum, subject) => return self.total = sums(subject),
            (Way::Take, Subject::Counter(counter)) => vec![counter.take()],
            (Way::Take, Subject::Level(level)) => vec![level.take().cast_unsigned()],
            (Way::Take, Subject::Set(set)) => set.take_all(),
            (Way::Deltas(deltas), _) => vec![deltas.next_delta()],
            (Way::SetDeltas(deltas), _) => deltas.next_delta(),
        };
        self.total.iter_mut().zip(more).for_each(|(total, more)| *total = total.wrapping_add(more));
    }
}

fn sums(subject: &Subject) -> Vec<u64> {
    match subject {
        Subject::Counter(counter) => vec![counter.sum()],
        Subject::Level(level) => vec![level.sum().cast_unsigned()],
        Subject::Set(set) => set.sums(),
    }
}
