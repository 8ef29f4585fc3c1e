//! What readers of a busy level cost the threads that change it, and what a sum of it costs.
//!
//! `cargo bench --features cli --bench levels`. Threads go up and down in a loop, one for each CPU
//! but the first, on which another thread sums, now and then or without pause. The medians of CPU
//! time are shown: of an up and its down, relative to the same run without a reader, and of a sum.
//! Every level has to be 0 in the end. Unless cargo passes `--bench`, it does only a little of
//! each.

#[path = "../tests/support/affinity.rs"]
mod affinity;

use affinity::Hopper;
use std::{
    env,
    num::NonZero,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};
use striped_counter::{
    Backend, Builder, UpDownCounter,
    bench::lab::{clock::thread_time, stats::Spread, text::align},
};

/// How long the reader sleeps between two sums; `None` if there is no reader.
const PAUSES: [(&str, Option<Duration>); 4] = [
    ("none", None),
    ("100/s", Some(Duration::from_millis(10))),
    ("1,000/s", Some(Duration::from_millis(1))),
    ("no pause", Some(Duration::ZERO)),
];

const READ_LOCKS: [(&str, Option<bool>); 3] =
    [("not set", None), ("false", Some(false)), ("true", Some(true))];

/// How much to do, and how often.
#[derive(Clone, Copy)]
struct Work {
    laps: u32,
    rounds: usize,
}

/// The CPU times in nanoseconds of an up and its down, and of a sum.
type Costs = [f64; 2];

fn main() {
    let quick = !env::args().any(|arg| arg == "--bench") || env::args().any(|arg| arg == "--test");
    let work =
        if quick { Work { laps: 1_000, rounds: 1 } } else { Work { laps: 50_000_000, rounds: 5 } };
    for backend in [Backend::PerCpu, Backend::PerThread, Backend::Striped] {
        let builder = UpDownCounter::builder().backend(backend);
        if let Err(error) = builder.try_build() {
            eprintln!("left out: {error}");
            continue;
        }
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        let adders = cpus.saturating_sub(1).max(1);
        println!("{backend}, going up and down on {adders} CPU(s)");
        println!("{}", table(builder, adders, work));
    }
}

fn table(builder: Builder<UpDownCounter>, adders: usize, work: Work) -> String {
    let titles = ["read_lock", "sums", "up and down, ns", "against none", "a sum, ns"];
    let mut lines = vec![titles.map(str::to_owned).to_vec()];
    for (lock, read_lock) in READ_LOCKS {
        let builder = read_lock.map_or(builder, |lock| builder.read_lock(lock));
        let mut costs = [const { Vec::new() }; PAUSES.len()];
        for _ in 0..work.rounds {
            for (costs, (_, pause)) in costs.iter_mut().zip(PAUSES) {
                costs.push(run(&builder.build(), adders, pause, work.laps));
            }
        }
        let medians = costs
            .map(|costs| [0, 1].map(|it| Spread::of(costs.iter().map(|c| c[it]).collect()).median));
        for ((reader, _), [lap, sum]) in PAUSES.into_iter().zip(medians) {
            let ratio = lap / medians[0][0];
            lines.push(vec![
                lock.to_owned(),
                reader.to_owned(),
                format!("{lap:.2}"),
                format!("{ratio:.2}"),
                format!("{sum:.0}"),
            ]);
        }
    }
    align(&lines, Some(1))
}

fn run(level: &UpDownCounter, adders: usize, pause: Option<Duration>, laps: u32) -> Costs {
    let (stop, start) = (&AtomicBool::new(false), &Barrier::new(adders + 1));
    let costs = thread::scope(|scope| {
        let add = |cpu| {
            let _pinned = Hopper::pinned(cpu);
            level.inc();
            level.dec();
            start.wait();
            let begin = thread_time();
            for _ in 0..laps {
                level.inc();
                level.dec();
            }
            thread_time().saturating_sub(begin)
        };
        let adders: Vec<_> = (1..=adders).map(|cpu| scope.spawn(move || add(cpu))).collect();
        let reader = scope.spawn(move || read(level, start, stop, pause));
        let times: Vec<_> = adders.into_iter().map(|adder| adder.join().unwrap()).collect();
        stop.store(true, Relaxed);
        let per_lap = |time: &Duration| time.as_secs_f64() * 1e9 / f64::from(laps);
        let lap = Spread::of(times.iter().map(per_lap).collect()).median;
        [lap, reader.join().unwrap()]
    });
    assert_eq!(level.sum(), 0);
    costs
}

/// Returns the CPU time of a sum in nanoseconds, or 0 if there was none.
fn read(level: &UpDownCounter, start: &Barrier, stop: &AtomicBool, pause: Option<Duration>) -> f64 {
    let _pinned = Hopper::pinned(0);
    start.wait();
    let (mut sums, mut time) = (0, Duration::ZERO);
    while let (Some(pause), false) = (pause, stop.load(Relaxed)) {
        thread::sleep(pause);
        let begin = thread_time();
        let many = if pause.is_zero() { 1_000 } else { 1 };
        (0..many).for_each(|_| assert!(level.sum() >= 0));
        time += thread_time().saturating_sub(begin);
        sums += many;
    }
    if sums == 0 { 0.0 } else { time.as_secs_f64() * 1e9 / f64::from(sums) }
}
