//! How costs grow: sums and memory against shards, threads and counters, creating and dropping a
//! counter, and a hundred thousand threads that come and go.
//!
//! `cargo bench --features cli --bench growth` prints tables, and writes `growth-sum.svg`,
//! `growth-threads.svg` and `growth-counters.svg` into the directory that `GROWTH_OUT` names, or
//! the package's own. After `--`, `sums`, `threads`, `shards`, `counters`, `first`, `lives` and
//! `churn` select tables. For adds against threads and counters, use the contention tool.
//!
//! Like criterion's benchmarks, it does only a little of everything unless cargo passes `--bench`,
//! or if `--test` is passed as well: `cargo test --benches` is quick, and writes plots only if
//! `GROWTH_OUT` is set. With `--list` it lists the tables. Exit code: 0, or 1 if a result could not
//! be written, or 2 if `GROWTH_OUT` is not a directory that can be written to.

mod lives;
mod memory;
#[path = "../common/touch.rs"]
mod touch;

use crossbeam_utils::CachePadded;
use std::{
    env,
    error::Error,
    hint::black_box,
    io::{IsTerminal as _, stderr},
    iter,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use striped_counter::bench::lab::{
    chart::{
        Chart, Curve, Size,
        style::{BLACK, BLUE, GREEN, Shape, Style, VERMILION},
        svg,
    },
    clock::thread_time,
    files::{File, check, save},
    machine::Machine,
    memory::{Counting, job, note as memory_note},
    output::{exit, fail, print},
    stats::{Spread, float},
    text::align,
};
use striped_counter::{Backend, Counter};
use touch::touch;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The distance between shards, in padded lines.
const APART: usize = 4;

/// The number of repeats of a measurement, of which the median is shown.
const REPEATS: usize = 5;

const PICTURES: [&str; 3] = ["sum", "threads", "counters"];

/// How much of everything is measured.
struct Scale {
    window: Duration,
    shards: usize,
    threads: usize,
    counters: usize,
    churn: u64,
}

const WHOLE: Scale = Scale {
    window: Duration::from_millis(50),
    shards: 4_096,
    threads: 1_024,
    counters: 100_000,
    churn: 100_000,
};
const LITTLE: Scale =
    Scale { window: Duration::from_millis(1), shards: 4, threads: 4, counters: 100, churn: 100 };

/// Makes a table, and its plot if it has one.
type Section = fn(&Scale) -> (String, Option<File>);

const SECTIONS: [(&str, Section); 7] = [
    ("sums", sums),
    ("threads", memory::of_threads),
    ("shards", memory::of_shards),
    ("counters", memory::of_counters),
    ("first", memory::of_the_first),
    ("lives", lives::lives),
    ("churn", lives::churn),
];

fn main() -> ExitCode {
    if let Some(job) = job() {
        return exit(memory::run(&job));
    }
    let passed = |option: &str| env::args_os().any(|argument| argument == option);
    if passed("--list") {
        return exit(list());
    }
    let brief = passed("--test") || !passed("--bench");
    let out = env::var_os("GROWTH_OUT").map(PathBuf::from);
    let out = out.or_else(|| (!brief).then(PathBuf::new));
    if let Err(error) = out.as_deref().map_or(Ok(()), check_out) {
        return fail(ExitCode::from(2), &error);
    }
    exit(run(if brief { &LITTLE } else { &WHOLE }, out.as_deref()))
}

fn check_out(out: &Path) -> Result<(), String> {
    check(out, &PICTURES.map(file_name))
        .map_err(|error| format!("GROWTH_OUT: '{}': cannot write there: {error}", out.display()))
}

/// Lists the tables, as a test harness lists its tests.
fn list() -> Result<(), Box<dyn Error>> {
    let lines = SECTIONS.map(|(name, _)| format!("{name}: benchmark\n"));
    Ok(print(&lines.concat())?)
}

fn run(scale: &Scale, out: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let note = memory_note().map_or_else(String::new, |note| format!("Note: {note}.\n"));
    print(&format!("{}\n{note}", Machine::here()))?;
    let mut files = Vec::new();
    let named: Vec<_> = env::args().skip(1).collect();
    let is_named = |section: &&(&str, Section)| named.iter().any(|name| name == section.0);
    let all = !SECTIONS.iter().any(|section| is_named(&section));
    for (_, section) in SECTIONS.iter().filter(|section| all || is_named(section)) {
        let (table, file) = section(scale);
        print(&format!("\n{table}\n"))?;
        files.extend(file);
    }
    Ok(out.map_or(Ok(()), |out| save(out, &files))?)
}

fn note(what: &str) {
    if stderr().is_terminal() {
        eprintln!("measuring {what}");
    }
}

/// Returns 1, `step`, `step`^2 and so on to `last`.
fn steps(step: usize, last: usize) -> impl Iterator<Item = usize> {
    iter::successors(Some(1), move |n| Some(n * step)).take_while(move |n| *n <= last)
}

/// Returns the CPU time in ns of a call of `operation`: the median of several windows.
fn cost(window: Duration, mut operation: impl FnMut()) -> f64 {
    let mut time = |calls: u64| {
        let start = thread_time();
        (0..calls).for_each(|_| operation());
        thread_time().saturating_sub(start)
    };
    // Reading this clock takes as long as some sums, so it is read seldom enough not to matter.
    let mut calls = 64;
    while time(calls) < window / 8 {
        calls *= 2;
    }
    let mut once = || {
        let (mut spent, mut all) = (Duration::ZERO, 0);
        while spent < window {
            spent += time(calls);
            all += calls;
        }
        spent.as_secs_f64() * 1e9 / float(all)
    };
    Spread::of((0..REPEATS).map(|_| once()).collect()).median
}

fn striped(shards: usize, read_lock: bool) -> Counter {
    let builder = Counter::builder().backend(Backend::Striped).shards(shards);
    let counter = builder.read_lock(read_lock).build();
    let added = touch(&counter);
    assert_eq!(counter.sum(), added, "the sum is exact");
    counter
}

/// Measures the CPU time of a sum against shards.
///
/// The bare loop is over padded atomics, 128 bytes apart. Shards are 512 bytes apart, since
/// counters share chunks: a second loop shows what that costs. The ratios are relative to the first
/// loop.
fn sums(scale: &Scale) -> (String, Option<File>) {
    let mut lines = vec![cells([
        "shards",
        "bare loop",
        "of 512 bytes",
        "unlocked",
        "ratio",
        "locked",
        "ratio",
    ])];
    let mut curves = [
        curve("locked", Style::thick(BLUE, Shape::Square)),
        curve("unlocked", Style::thick(GREEN, Shape::Up)),
        curve("bare loop", Style::thin(BLACK, Shape::Disc)),
    ];
    for shards in steps(4, scale.shards) {
        note(&format!("sums of {shards} shards"));
        let atomics = || CachePadded::new(AtomicU64::new(1));
        let bare: Box<[_]> = iter::repeat_with(atomics).take(shards).collect();
        let apart: Box<[[_; APART]]> =
            iter::repeat_with(|| [(); APART].map(|()| atomics())).take(shards).collect();
        let counters = [striped(shards, true), striped(shards, false)];
        // Hides from the compiler what these are. Once is enough, since it reads atomics each time
        // anyway.
        let (bare, apart, counters) = black_box((&*bare, &*apart, &counters));
        let [locked, unlocked] =
            [0, 1].map(|index| cost(scale.window, || _ = black_box(counters[index].sum())));
        let bare = cost(scale.window, || _ = black_box(walk(bare)));
        let apart = cost(scale.window, || _ = black_box(walk(apart.iter().map(|line| &line[0]))));
        let figures = [bare, apart, unlocked, unlocked / bare, locked, locked / bare];
        lines.push(row(shards, figures.map(|figure| format!("{figure:.2}"))));
        for (curve, ns) in curves.iter_mut().zip([locked, unlocked, bare]) {
            curve.points.push((float(shards as u64), ns));
        }
    }
    let chart =
        chart("CPU time of a sum against shards", "shards", "CPU ns per sum", curves.into());
    (
        titled("CPU ns per sum against shards of Striped; ratios to the bare loop", &lines),
        Some(picture("sum", &chart)),
    )
}

/// Sums in a bare loop: no sum can cost less.
fn walk<'a>(cells: impl IntoIterator<Item = &'a CachePadded<AtomicU64>>) -> u64 {
    // Acquire, as in the counter itself.
    cells.into_iter().fold(0, |sum, cell| sum.wrapping_add(cell.load(Ordering::Acquire)))
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

fn row(first: usize, rest: impl IntoIterator<Item = String>) -> Vec<String> {
    iter::once(first.to_string()).chain(rest).collect()
}

fn titled(title: &str, lines: &[Vec<String>]) -> String {
    format!("{title}\n{}", align(lines, None))
}

fn curve(label: &str, style: Style) -> Curve {
    Curve { label: label.to_owned(), style, points: Vec::new() }
}

fn style(backend: Backend) -> Style {
    match backend {
        Backend::PerCpu => Style::thick(VERMILION, Shape::Disc),
        Backend::PerThread => Style::thick(BLUE, Shape::Square),
        _ => Style::thick(GREEN, Shape::Up),
    }
}

fn chart(title: &str, x_title: &str, y_title: &str, curves: Vec<Curve>) -> Chart {
    let captions = vec![format!("{}; lower is better", Machine::here())];
    let [title, x_title, y_title] = [title, x_title, y_title].map(str::to_owned);
    Chart { title, captions, x_title, y_title, curves }
}

fn picture(name: &str, chart: &Chart) -> File {
    File { name: file_name(name), text: svg(chart, Size::Wide) }
}

fn file_name(picture: &str) -> String {
    format!("growth-{picture}.svg")
}
