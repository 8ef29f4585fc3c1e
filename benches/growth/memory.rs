//! Bytes: requested from the allocator or in place, and resident. On Linux the library maps its
//! shards directly, so they are invisible to the allocator.
//!
//! Each figure is measured in its own process, by this same program: see `lab/memory.rs`.

use crate::{Scale, cells, chart, curve, note, picture, row, steps, style, titled};
use crossbeam_utils::CachePadded;
use std::{
    error::Error,
    fmt, iter,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use striped_counter::{
    Backend, Builder, Counter, CounterSet, UpDownCounter,
    bench::lab::{
        backends::backends,
        chart::style::{BLACK, GREEN, ORANGE, Shape, Style, VERMILION},
        files::File,
        machine::cpus,
        memory::{Bytes, done, fresh, growth},
        stats::float,
    },
};

/// The number of counters in some tables.
const THOUSAND: usize = 1_000;

/// The types that hold many counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Set,
    Counters,
    Arcs,
    Levels,
    Padded,
    Atomics,
    PaddedAtomics,
    ArcAtomics,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Set,
        Self::Counters,
        Self::Arcs,
        Self::Levels,
        Self::Padded,
        Self::Atomics,
        Self::PaddedAtomics,
        Self::ArcAtomics,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Set => "CounterSet",
            Self::Counters => "Counter",
            Self::Arcs => "Arc<Counter>",
            Self::Levels => "UpDownCounter",
            Self::Padded => "padded Counter",
            Self::Atomics => "AtomicU64",
            Self::PaddedAtomics => "padded AtomicU64",
            Self::ArcAtomics => "Arc<AtomicU64>",
        }
    }
}

/// Many counters, and threads, all alive at the same time, that add to each of them.
#[derive(Clone, Copy, Debug)]
struct Job {
    kind: Kind,
    backend: Backend,
    /// 0 for the default.
    shards: usize,
    counters: usize,
    threads: usize,
}

impl Job {
    const fn new(kind: Kind, backend: Backend, counters: usize, threads: usize) -> Self {
        Self { kind, backend, shards: 0, counters, threads }
    }

    /// Returns the job for `Striped`, with one thread per shard.
    const fn striped(kind: Kind, shards: usize, counters: usize) -> Self {
        Self { kind, backend: Backend::Striped, shards, counters, threads: shards }
    }

    /// Returns the memory, if it can be measured on this system.
    fn bytes(self) -> Option<Bytes> {
        note(&format!("memory: {self}"));
        fresh(&self.to_string())
    }

    /// Returns the bytes per counter: resident, if the system provides that.
    fn resident_per_counter(self) -> Option<f64> {
        Some(float(self.bytes()?.resident? as u64) / float(self.counters as u64))
    }

    /// Does it.
    fn run(self) -> Bytes {
        let Self { kind, backend, shards, counters: n, .. } = self;
        let counter = || settings(Counter::builder(), backend, shards);
        match kind {
            Kind::Set => {
                let builder = settings(CounterSet::builder(n), backend, shards);
                let add = |set: &CounterSet| (0..n).for_each(|index| set.inc(index));
                let bytes = self.grown(|| builder.build(), add, CounterSet::sums);
                Bytes { asked: size_of::<CounterSet>() + bytes.asked, ..bytes }
            }
            Kind::Counters => self.each(|| counter().build(), Counter::inc, Counter::sum),
            Kind::Arcs => self.each(|| Arc::new(counter().build()), |c| c.inc(), |c| c.sum()),
            Kind::Padded => {
                self.each(|| counter().padded(true).build(), Counter::inc, Counter::sum)
            }
            Kind::Levels => self.each(
                || settings(UpDownCounter::builder(), backend, shards).build(),
                UpDownCounter::inc,
                |level| level.sum().cast_unsigned(),
            ),
            Kind::Atomics => self.each(AtomicU64::default, inc, sum),
            Kind::PaddedAtomics => {
                self.each(CachePadded::<AtomicU64>::default, |c| inc(c), |c| sum(c))
            }
            Kind::ArcAtomics => self.each(Arc::<AtomicU64>::default, |c| inc(c), |c| sum(c)),
        }
    }

    fn each<C: Send + Sync>(
        self,
        new: impl FnMut() -> C,
        inc: impl Fn(&C) + Sync,
        sum: impl Fn(&C) -> u64,
    ) -> Bytes {
        let make = || iter::repeat_with(new).take(self.counters).collect::<Box<[C]>>();
        self.grown(make, |all| all.iter().for_each(&inc), |all| all.iter().map(&sum).collect())
    }

    fn grown<T: Send + Sync>(
        self,
        make: impl FnOnce() -> T,
        add: impl Fn(&T) + Sync,
        sums: impl Fn(&T) -> Vec<u64>,
    ) -> Bytes {
        let (all, bytes) = growth(self.threads, make, add);
        let expected = vec![2 * self.threads as u64; self.counters];
        assert_eq!(sums(&all), expected, "the sums are exact");
        bytes
    }
}

fn settings<T>(builder: Builder<T>, backend: Backend, shards: usize) -> Builder<T> {
    let builder = builder.backend(backend);
    if shards == 0 { builder } else { builder.shards(shards) }
}

fn inc(atomic: &AtomicU64) {
    atomic.fetch_add(1, Ordering::Relaxed);
}

fn sum(atomic: &AtomicU64) -> u64 {
    atomic.load(Ordering::Relaxed)
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, backend, shards, counters, threads } = self;
        write!(f, "{kind:?} {backend} {shards} {counters} {threads}")
    }
}

impl FromStr for Job {
    type Err = Box<dyn Error>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<_> = text.split(' ').collect();
        let [kind, backend, numbers @ ..] = &words[..] else { return Err(text.into()) };
        let known = Kind::ALL.into_iter().find(|known| format!("{known:?}") == **kind);
        let numbers = numbers.iter().map(|n| n.parse()).collect::<Result<Vec<usize>, _>>()?;
        let &[shards, counters, threads] = &numbers[..] else { return Err(text.into()) };
        let kind = known.ok_or(text)?;
        Ok(Self { kind, backend: backend.parse()?, shards, counters, threads })
    }
}

/// Does the job of a fresh process.
pub(crate) fn run(job: &str) -> Result<(), Box<dyn Error>> {
    Ok(done(job.parse::<Job>()?.run())?)
}

fn figure(figure: Option<f64>) -> String {
    figure.map_or("-".to_owned(), |figure| format!("{figure:.1}"))
}

/// Measures the memory of a counter against the threads that add.
pub(crate) fn of_threads(scale: &Scale) -> (String, Option<File>) {
    let counters = THOUSAND.min(scale.counters);
    let mut lines = vec![cells(["threads"])];
    let mut curves = Vec::new();
    for backend in backends() {
        lines[0].push(backend.to_string());
        curves.push(curve(&backend.to_string(), style(backend)));
    }
    for threads in steps(4, scale.threads) {
        let mut line = Vec::new();
        for (backend, curve) in backends().zip(&mut curves) {
            let job = Job::new(Kind::Counters, backend, counters, threads);
            let bytes = job.resident_per_counter();
            curve.points.extend(bytes.map(|bytes| (float(threads as u64), bytes)));
            line.push(figure(bytes));
        }
        lines.push(row(threads, line));
    }
    let title = format!(
        "Resident bytes of a Counter among {counters}, against threads that add at the same time"
    );
    let chart = chart(
        "Memory of a counter against threads that add",
        "threads",
        "resident bytes per counter",
        curves,
    );
    (titled(&title, &lines), drawn("threads", &chart))
}

/// Measures the memory of a counter against its shards.
pub(crate) fn of_shards(scale: &Scale) -> (String, Option<File>) {
    let counters = THOUSAND.min(scale.counters);
    let mut lines = vec![cells(["shards", "Counter", "UpDownCounter", "padded", "12 n + 128"])];
    for n in steps(4, scale.shards) {
        let bytes = [Kind::Counters, Kind::Levels, Kind::Padded]
            .map(|kind| figure(Job::striped(kind, n, counters).resident_per_counter()));
        lines.push(row(n, bytes.into_iter().chain([(12 * n + 128).to_string()])));
    }
    let title = format!("Resident bytes of a counter among {counters}, with n shards of Striped");
    (titled(&title, &lines), None)
}

/// Measures the memory of many counters, in a set and as single ones.
pub(crate) fn of_counters(scale: &Scale) -> (String, Option<File>) {
    const SHARDS: usize = 64;
    let mut curves = [
        curve("padded Counter", Style::thin(ORANGE, Shape::Up).hollow()),
        curve("Counter", Style::thick(GREEN, Shape::Up)),
        curve("CounterSet", Style::thick(VERMILION, Shape::Disc)),
        curve("padded AtomicU64", Style::thin(BLACK, Shape::Square)),
    ];
    let mut tables = Vec::new();
    let auto = Counter::new();
    for (of, shards) in [(auto.backend(), auto.shards()), (Backend::Striped, SHARDS)] {
        let mut lines = vec![cells(["type", "asked"])];
        lines[0].extend(steps(10, scale.counters).map(|counters| counters.to_string()));
        for kind in Kind::ALL {
            let mut line = vec![kind.name().to_owned(), String::new()];
            for counters in steps(10, scale.counters) {
                let job = match of {
                    Backend::Striped => Job::striped(kind, shards, counters),
                    backend => Job::new(kind, backend, counters, cpus()),
                };
                let each = |bytes: usize| float(bytes as u64) / float(counters as u64);
                let bytes = job.bytes();
                let resident = bytes.and_then(|bytes| bytes.resident).map(each);
                line[1] = figure(bytes.map(|bytes| each(bytes.asked)));
                line.push(figure(resident));
                let curve = curves.iter_mut().find(|curve| curve.label == kind.name());
                if let (Some(curve), Some(bytes), Backend::Striped) = (curve, resident, of) {
                    curve.points.push((float(counters as u64), bytes));
                }
            }
            lines.push(line);
        }
        let title = format!(
            "Resident bytes per counter, against counters, with {shards} shards of {of}; for the most, \
             the bytes requested from the allocator"
        );
        tables.push(titled(&title, &lines));
    }
    let chart = chart(
        &format!("Memory of a counter with {SHARDS} shards against the number of counters"),
        "counters",
        "resident bytes per counter",
        curves.into(),
    );
    (tables.join("\n"), drawn("counters", &chart))
}

/// Measures the memory of the first counter of a process, and of the thousandth.
pub(crate) fn of_the_first(scale: &Scale) -> (String, Option<File>) {
    let counters = THOUSAND.min(scale.counters);
    let mut lines = vec![cells(["backend", "shards", "the first", "all", "each further one"])];
    let default = |backend| {
        let shards = Counter::builder().backend(backend).build().shards();
        let threads = if backend == Backend::Striped { shards } else { cpus() };
        (shards, Job::new(Kind::Counters, backend, 1, threads))
    };
    let many = |shards: usize| (shards, Job::striped(Kind::Counters, shards, 1));
    let larger = [64, 256].into_iter().filter(|shards| *shards <= 64 * scale.shards);
    for (shards, job) in backends().map(default).chain(larger.map(many)) {
        let resident = |counters| Job { counters, ..job }.bytes()?.resident;
        let (first, all) = (resident(1), resident(counters));
        let each = first.zip(all).map(|(first, all)| {
            float(all.saturating_sub(first) as u64) / float(counters as u64 - 1)
        });
        let whole = |bytes: Option<usize>| bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
        let name = job.backend.to_string();
        lines.push(vec![name, shards.to_string(), whole(first), whole(all), figure(each)]);
    }
    let title = format!("Resident bytes of the first Counter of a process, and of {counters}");
    (titled(&title, &lines), None)
}

/// Returns the plot, unless the system provided no figures for it.
fn drawn(name: &str, chart: &crate::Chart) -> Option<File> {
    let empty = chart.curves.iter().all(|curve| curve.points.is_empty());
    (!empty).then(|| picture(name, chart))
}
