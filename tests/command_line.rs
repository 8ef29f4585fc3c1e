//! The contention tool with bad arguments, and with nowhere to write. Needs feature `cli`.

#![cfg(unix)]

mod support;

use std::{
    ffi::OsStr,
    fs,
    process::{Command, Stdio},
};
use support::processes::{Directory, Ended, assert_refused, closed_pipe, full, limited, not_text};

const CONTENTION: &str = env!("CARGO_BIN_EXE_contention");

/// The shortest possible measurement.
const LITTLE: [&str; 5] =
    ["--threads=1", "--shards=1", "--ms=1", "--repeats=1", "--backends=Striped"];

const FILES: [&str; 3] = ["contention.csv", "contention.html", "contention.svg"];

fn contention(arguments: &[&str]) -> Command {
    let mut command = Command::new(CONTENTION);
    command.args(arguments);
    command
}

/// Returns the shortest run, with its files in `directory`.
fn little(directory: &Directory) -> Command {
    let mut command = contention(&LITTLE);
    command.arg("--out").arg(&directory.0);
    command
}

/// Wrong values, and what the error must contain besides the option and the value.
type Wrong = (&'static str, &'static [&'static str], &'static str);

const COUNTS: &[&str] = &[
    "0",
    "4097",
    "-1",
    "-0",
    "",
    " 1",
    "1 ",
    "1.5",
    "1e3",
    "0x10",
    "NaN",
    "inf",
    "-inf",
    "two",
    "１",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
];

const WRONG: &[Wrong] = &[
    ("--threads", COUNTS, "from 1 to 4096"),
    ("--shards", COUNTS, "from 1 to 4096"),
    ("--readers", COUNTS, "from 1 to 4096"),
    ("--counters", &["0", "100001", "-1", "", "NaN", "18446744073709551616"], "from 1 to 100000"),
    ("--ms", &["0", "60001", "-1", "", "0.5", "NaN", "18446744073709551616"], "from 1 to 60000"),
    ("--repeats", &["0", "1001", "65536", "-1", "", "NaN"], "from 1 to 1000"),
    ("--forecast", &["0", "1", "4097", "-1", "", "NaN"], "from 2 to 4096"),
    (
        "--local-ns",
        &["0", "-0.0", "0.009", "10000.1", "-1", "", "NaN", "inf", "-inf", "1e999", "fast"],
        "from 0.01 to 10000",
    ),
    ("--transfer-ns", &["0", "-1", "", "NaN", "inf", "1e999"], "from 0.01 to 10000"),
    ("--backends", &["", "Sloppy", "Auto", "per-cpu", " Striped"], "PerCpu, PerThread, Striped"),
    ("--format", &["xml"], "table, csv, json"),
    ("--type", &["Gauge", "counters"], "Counter, UpDownCounter, CounterSet"),
];

#[test]
fn a_wrong_value_is_refused_with_option_value_and_range() {
    for (option, values, range) in WRONG {
        for value in *values {
            let argument = format!("{option}={value}");
            assert_refused(&mut contention(&[&argument]), &[option, &format!("'{value}'"), range]);
        }
    }
}

#[test]
fn one_wrong_value_anywhere_in_a_list_is_refused() {
    let long = format!("--threads={}0", "1,".repeat(50_000));
    for list in ["--threads=0,1", "--threads=1,0", "--threads=1,0,2", &long] {
        assert_refused(&mut contention(&[list]), &["--threads", "'0'", "from 1 to 4096"]);
    }
    for list in ["--threads=1,,2", "--threads=,", "--threads=1,", "--threads=,1"] {
        assert_refused(&mut contention(&[list]), &["--threads", "''", "from 1 to 4096"]);
    }
}

#[test]
fn unknown_and_conflicting_options_are_refused() {
    let wrong: [(&[&str], &[&str]); 10] = [
        (&["--thread-count=1"], &["--thread-count"]),
        (&["1"], &["'1'"]),
        (&[""], &["''"]),
        (&["--ms"], &["--ms <MS>", "value"]),
        (&["--format="], &["--format <FORMAT>", "value", "table, csv, json"]),
        (&["--type="], &["--type <TYPE>", "value", "Counter, UpDownCounter, CounterSet"]),
        (&["--ms=1", "--ms=2"], &["--ms", "multiple times"]),
        (&["--transfer-ns=5"], &["--forecast"]),
        (&["--type=CounterSet", "--shards=2"], &["--shards", "CounterSet"]),
        (&["--shards=2", "--backends=PerThread"], &["--shards", "Striped"]),
    ];
    for (arguments, words) in wrong {
        assert_refused(&mut contention(arguments), words);
    }
}

#[test]
fn arguments_that_are_not_text_are_refused_and_shown() {
    assert_refused(contention(&["--threads"]).arg(not_text()), &["UTF-8", "'1\u{fffd}'"]);
    assert_refused(contention(&[]).arg(not_text()), &["1"]);
}

#[test]
fn a_directory_that_cannot_be_written_to_is_refused_before_measuring() {
    let directory = Directory::new();
    let file = directory.0.join("file");
    fs::write(&file, "").unwrap();
    let below_a_file = file.join("missing");
    // No user can create files in `/proc`, not even root.
    let wrong =
        [file.as_os_str(), below_a_file.as_os_str(), "/proc".as_ref(), "/dev/full".as_ref()];
    for out in wrong {
        let words = ["--out", out.to_str().unwrap(), "cannot write there"];
        assert_refused(contention(&LITTLE).arg("--out").arg(out), &words);
    }
    assert_refused(contention(&LITTLE).args(["--out", ""]), &["--out <DIR>", "value"]);
    fs::create_dir(directory.0.join("contention.csv")).unwrap();
    assert_refused(&mut little(&directory), &["--out", "contention.csv is a directory"]);
    assert_eq!(directory.names(), ["contention.csv", "file"]);
}

#[test]
fn repeated_values_are_measured_once_in_any_directory() {
    let directory = Directory::named(&not_text());
    let lists =
        ["--threads=1,1,1", "--shards=1,1", "--ms=1", "--repeats=1", "--backends=striped,STRIPED"];
    let ended = Ended::of(
        contention(&lists).args(["--readers=1,1", "--format=csv"]).arg("--out").arg(&directory.0),
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(directory.names(), FILES);
    let csv = fs::read_to_string(directory.0.join("contention.csv")).unwrap();
    assert_eq!(csv, ended.output);
    let adds = csv
        .lines()
        .filter(|line| line.starts_with("threads,Striped,1,") && line.contains(",median,"));
    assert_eq!(adds.count(), 1, "{csv}");
}

/// The library maps its shards itself: a counting allocator does not see them.
#[test]
fn the_memory_of_many_counters_is_more_than_what_was_asked_of_the_allocator() {
    let directory = Directory::new();
    let options = ["--type=CounterSet", "--counters=10000", "--threads=1", "--ms=1", "--repeats=1"];
    let mut command = contention(&options);
    let ended = Ended::of(
        command.args(["--backends=Striped", "--format=csv"]).arg("--out").arg(&directory.0),
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let header: Vec<_> = ended.output.lines().next().unwrap().split(',').collect();
    let bytes = |subject: &str, column| {
        let line = ended.output.lines().find(|line| line.starts_with(subject)).unwrap();
        let at = header.iter().position(|name| *name == column).unwrap();
        line.split(',').nth(at).unwrap().parse::<f64>().ok()
    };
    let (asked, resident) = ("asked_bytes_per_counter", "resident_bytes_per_counter");
    assert_eq!(bytes("counters,AtomicU64,", asked), Some(8.0));
    let counters = "counters,Striped Counters,";
    let in_place = bytes(counters, asked).unwrap();
    if cfg!(target_os = "linux") {
        // At least one shard, and five cells that each counter has once.
        let each = bytes(counters, resident).unwrap();
        assert!(in_place + 48.0 <= each && each <= 1_000.0, "{each}");
    }
}

#[test]
fn a_closed_output_is_no_error() {
    let directory = Directory::new();
    let status = little(&directory).stdout(closed_pipe()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(directory.names(), FILES);
}

#[test]
fn an_output_that_is_full_is_an_error_and_the_files_are_there() {
    let Some(full) = full() else { return eprintln!("nothing to test: no /dev/full") };
    let directory = Directory::new();
    let mut child = little(&directory);
    let child = child.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.starts_with("error: standard output: "), "{errors}");
    assert_eq!(directory.names(), FILES);
}

#[test]
fn a_full_disk_is_an_error_that_leaves_no_partial_file_and_shows_the_results() {
    let directory = Directory::new();
    fs::write(directory.0.join("contention.csv"), "older\n").unwrap();
    let mut command = limited("-f 0", CONTENTION);
    let ended = Ended::of(command.args(LITTLE).arg("--out").arg(&directory.0));
    ended.assert_error(1, &["cannot write", "contention.csv"]);
    assert!(ended.output.contains("Striped"), "{ended:?}");
    assert_eq!(directory.names(), ["contention.csv"]);
    assert_eq!(fs::read_to_string(directory.0.join("contention.csv")).unwrap(), "older\n");
}

/// Each thread takes 64 MiB of addresses for its stack, and none for a heap arena: so what is refused is a
/// stack, and not a small allocation of a running thread.
#[test]
fn threads_that_cannot_be_started_are_an_error_and_nothing_is_written() {
    let directory = Directory::new();
    let mut command = limited("-v 600000", CONTENTION);
    let many = ["--threads=1000", "--ms=1", "--repeats=1", "--backends=Striped", "--shards=1"];
    command.env("RUST_MIN_STACK", (64 << 20).to_string()).env("MALLOC_ARENA_MAX", "1");
    let ended = Ended::of(command.args(many).arg("--out").arg(&directory.0));
    ended.assert_error(1, &["cannot start another thread"]);
    assert!(directory.names().is_empty(), "{:?}", directory.names());
}

#[test]
fn without_an_error_output_the_exit_code_is_still_right() {
    let silent = |command: &mut Command| command.stderr(closed_pipe()).status().unwrap().code();
    assert_eq!(silent(&mut contention(&["--ms=0"])), Some(2));
    let directory = Directory::new();
    let mut full = limited("-f 0", CONTENTION);
    full.args(LITTLE).arg(OsStr::new("--out")).arg(&directory.0).stdout(closed_pipe());
    assert_eq!(silent(&mut full), Some(1));
}

#[test]
fn a_missing_directory_is_made_and_the_files_are_named() {
    let directory = Directory::new();
    let out = directory.0.join("a/b");
    let ended = Ended::of(contention(&LITTLE).arg("--out").arg(&out));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in FILES {
        assert!(out.join(name).exists());
        assert!(ended.errors.contains(out.join(name).to_str().unwrap()), "{ended:?}");
    }
    let wide: Vec<_> = ended.output.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn without_a_plot_nothing_is_written() {
    let directory = Directory::new();
    for format in ["--format=csv", "--format=json"] {
        // Nothing is written, so any directory will do.
        let mut command = contention(&LITTLE);
        let ended =
            Ended::of(command.args(["--no-plot", format, "--out=/proc"]).current_dir(&directory.0));
        assert_eq!((ended.code, &ended.errors[..]), (Some(0), ""), "{ended:?}");
    }
    assert!(directory.names().is_empty());
}

/// Returns whether SIGINT is in a set of signals of a process, a line of its status.
#[cfg(target_os = "linux")]
fn interrupt_is_in(set: &str, process: impl std::fmt::Display) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix(set)).unwrap();
    // Signal 2 is the second bit.
    u64::from_str_radix(mask.trim(), 16).unwrap() & 2 != 0
}

/// Interrupted as soon as it handles the signal.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_keeps_what_it_has_measured_if_asked() {
    if interrupt_is_in("SigIgn:", "self") {
        return; // As in the background of a script: the tool then ignores it, too.
    }
    let directory = Directory::new();
    let many = ["--threads=1,2", "--ms=20", "--repeats=1000", "--keep", "--format=json"];
    let mut command = contention(&many);
    command.arg("--out").arg(&directory.0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    while !interrupt_is_in("SigCgt:", child.id()) {
        std::thread::yield_now();
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{errors}");
    assert!(text.contains("\"interrupted after "), "{text}");
    assert_eq!(directory.names(), FILES);
}
