//! The results, for people and for programs.

use crate::{
    args::Args,
    rounds::{Row, Section},
    subject::Family,
    verdict,
};
use std::{env, fmt::Write as _, process::Command};
use striped_counter::bench::lab::{
    chart::{
        Chart, Curve, Size,
        style::{BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY_BLUE, Shape, Style, VERMILION},
        svg,
    },
    files::File,
    machine::Machine,
    rounds::Costs,
    stats::{Spread, float},
    text::{align, csv_cell},
};

/// The name of a statistic, and how to get it.
type Statistic = (&'static str, fn(&Spread) -> f64);

const STATISTICS: [Statistic; 3] = [
    ("median", |spread| spread.median),
    ("min", |spread| spread.min),
    ("max", |spread| spread.max),
];

/// The files that are written.
pub(crate) const NAMES: [&str; 3] = ["rivals.csv", "rivals.svg", "machine.txt"];

pub(crate) fn files(args: &Args, rows: &[Row]) -> Vec<File> {
    let texts = [csv(args, rows), svg(&chart(args, rows), Size::Wide), machine()];
    NAMES.into_iter().zip(texts).map(|(name, text)| File { name: name.to_owned(), text }).collect()
}

pub(crate) fn tables(args: &Args, rows: &[Row]) -> String {
    let mut text = format!("{}; {} per point\n", Machine::here(), args.method());
    for section in Section::ALL {
        let rows: Vec<_> = rows.iter().filter(|row| row.section == section).collect();
        text += &match section {
            Section::Add => {
                against_threads("CPU ns per add, by threads", &rows, cpu)
                    + &against_threads("Million adds per second, by threads", &rows, rate)
            }
            Section::Set => {
                against_threads("CPU ns per add to a random one of 1,000, by threads", &rows, cpu)
            }
            Section::Record => {
                against_threads("CPU ns to record a random latency, by threads", &rows, cpu)
            }
            Section::Snapshot => {
                let title =
                    "A snapshot after 8 threads have recorded, and bytes of a histogram then";
                reads(title, "CPU ns/snapshot", &rows)
            }
            Section::Sum => {
                let title =
                    "A sum after 8 threads have added; and bytes of a counter then, among 1,000";
                reads(title, "CPU ns/sum", &rows)
            }
            Section::Mixed => mixed(&rows),
        };
    }
    text + &lost(rows) + &verdict::text(rows)
}

fn cpu(costs: Costs) -> Spread {
    costs.cpu
}

fn rate(costs: Costs) -> Spread {
    costs.rate
}

/// Returns one row per subject and one column per number of threads: the median, followed by the
/// spread.
fn against_threads(title: &str, rows: &[&Row], figure: fn(Costs) -> Spread) -> String {
    let mut threads: Vec<_> = rows.iter().map(|row| row.load.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let mut lines = vec![cells(["subject", "how"])];
    for n in &threads {
        lines[0].extend([n.to_string(), "min-max".to_owned()]);
    }
    for row in rows.iter().filter(|row| row.load.threads == threads[0]) {
        let mut line = cells([row.entry.name, row.entry.family.name()]);
        for &n in &threads {
            let same =
                |other: &&&Row| other.entry.name == row.entry.name && other.load.threads == n;
            let spread = rows.iter().find(same).and_then(|row| row.measured.adds).map(figure);
            line.extend(spread.map_or(["-".to_owned(), String::new()], |s| {
                [format!("{:.2}", s.median), format!("{:.2}-{:.2}", s.min, s.max)]
            }));
        }
        lines.push(line);
    }
    format!("\n{title}\n{}", align(&lines, Some(0)))
}

fn reads(title: &str, cost: &str, rows: &[&Row]) -> String {
    let mut lines = vec![cells(["subject", "how", cost, "min", "max", "bytes asked", "resident"])];
    for row in rows {
        let mut line = cells([row.entry.name, row.entry.family.name()]);
        line.extend(three(row.measured.sums));
        line.extend(bytes(row).map(|bytes| bytes.unwrap_or_else(|| "-".to_owned())));
        lines.push(line);
    }
    format!(
        "\n{title}: requested from the allocator or in place, and resident\n{}",
        align(&lines, Some(0))
    )
}

fn bytes(row: &Row) -> [Option<String>; 2] {
    [row.bytes.map(|bytes| bytes.asked), row.bytes.and_then(|bytes| bytes.resident)]
        .map(|bytes| bytes.map(|bytes| bytes.to_string()))
}

fn mixed(rows: &[&Row]) -> String {
    let header = ["subject", "how", "CPU ns/add", "min", "max", "CPU ns/sum", "min", "max"];
    let mut lines = vec![cells(header)];
    for row in rows {
        let mut line = cells([row.entry.name, row.entry.family.name()]);
        line.extend(three(row.measured.adds).into_iter().chain(three(row.measured.sums)));
        lines.push(line);
    }
    format!("\nOne thread adds, another one sums without pause\n{}", align(&lines, Some(0)))
}

fn three(costs: Option<Costs>) -> [String; 3] {
    costs.map_or(["-"; 3].map(str::to_owned), |costs| {
        [costs.cpu.median, costs.cpu.min, costs.cpu.max].map(|ns| format!("{ns:.2}"))
    })
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

fn lost(rows: &[Row]) -> String {
    let losers = rows.iter().filter(|row| row.measured.lost > 0);
    let losers: Vec<_> = losers
        .map(|row| format!("{} ({}): {}\n", row.entry.name, row.section.name(), row.measured.lost))
        .collect();
    if losers.is_empty() {
        return "\nAll sums were exact.\n".to_owned();
    }
    format!("\nSums that were not exact, and by how much:\n{}", losers.concat())
}

fn csv(args: &Args, rows: &[Row]) -> String {
    let machine = Machine::here();
    let mut text = String::from(
        "section,subject,how,threads,readers,statistic,million_adds_per_s,cpu_ns_per_add,\
         million_sums_per_s,cpu_ns_per_sum,asked_bytes,resident_bytes,lost,repeats,ms,cpus,machine\n",
    );
    for row in rows {
        for (name, statistic) in STATISTICS {
            let figures = |costs: Option<Costs>| {
                costs.map_or(",".to_owned(), |costs| {
                    format!("{:.4},{:.4}", statistic(&costs.rate), statistic(&costs.cpu))
                })
            };
            let _ = writeln!(
                text,
                "{},{},{},{},{},{name},{},{},{},{},{},{},{},{}",
                row.section.name(),
                csv_cell(row.entry.name),
                csv_cell(row.entry.family.name()),
                row.load.threads,
                row.load.readers,
                figures(row.measured.adds),
                figures(row.measured.sums),
                bytes(row).map(Option::unwrap_or_default).join(","),
                row.measured.lost,
                args.repeats,
                args.window().as_millis(),
                machine.cpus,
                csv_cell(&machine.model)
            );
        }
    }
    text
}

/// Returns the plot of CPU time per add against threads, without the subjects for one thread.
fn chart(args: &Args, rows: &[Row]) -> Chart {
    let shown = |row: &&Row| row.section == Section::Add && row.entry.family != Family::OneThread;
    let rows: Vec<_> = rows.iter().filter(shown).collect();
    let mut curves: Vec<Curve> = Vec::new();
    let mut families = Vec::new();
    for row in rows {
        let Some(costs) = row.measured.adds else { continue };
        let point = (float(row.load.threads as u64), costs.cpu.median);
        let known = |curve: &&mut Curve| curve.label == row.entry.name;
        if let Some(curve) = curves.iter_mut().find(known) {
            curve.points.push(point);
        } else {
            let family = row.entry.family;
            let style = style(family, families.iter().filter(|other| **other == family).count());
            families.push(family);
            curves.push(Curve { label: row.entry.name.to_owned(), style, points: vec![point] });
        }
    }
    Chart {
        title: "CPU time of an add against threads that add".to_owned(),
        captions: vec![format!("{}; {}; lower is better", Machine::here(), args.method())],
        x_title: "threads that add".to_owned(),
        y_title: "CPU ns per add".to_owned(),
        curves,
    }
}

/// Returns one colour per family, and one shape for each member.
fn style(family: Family, member: usize) -> Style {
    const SHAPES: [Shape; 5] = [Shape::Disc, Shape::Square, Shape::Up, Shape::Diamond, Shape::Down];
    let shape = SHAPES[member % SHAPES.len()];
    let style = match family {
        Family::Ours if member == 0 => Style::thick(VERMILION, shape),
        Family::Ours => Style::thick(BLUE, shape),
        Family::OursShared => Style::thick(GREEN, Shape::Up),
        Family::OwnerStore => Style::thin(PURPLE, shape),
        Family::Buffered => Style::thin(SKY_BLUE, shape),
        Family::Sharded => Style::thin(ORANGE, shape),
        Family::Atomic | Family::OneThread => Style::thin(BLACK, shape),
        Family::Lock => Style::thin(GREY, shape),
    };
    // The second five members of a family are hollow.
    if member < SHAPES.len() { style } else { style.hollow() }
}

/// Returns what to keep with the figures.
fn machine() -> String {
    let command: Vec<_> = env::args().skip(1).collect();
    let first_line = |program, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default()
    };
    format!(
        "machine: {}\nsystem: {}\nC library: {}\ncompiler: {}\ndate: {}\noptions: {}\n",
        Machine::here(),
        first_line("uname", &["-srm"]),
        first_line("ldd", &["--version"]),
        first_line("rustc", &["--version"]),
        first_line("date", &["-u", "+%Y-%m-%d"]),
        if command.is_empty() { "none".to_owned() } else { command.join(" ") }
    )
}
