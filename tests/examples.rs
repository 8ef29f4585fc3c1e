//! The examples, told nonsense, and with nobody to read what they say. `cargo test` has built them.

#![cfg(unix)]

mod support;

use std::{env, fs, path::PathBuf, process::Command};
use support::processes::{Directory, Ended, assert_refused, closed_pipe, not_text};

/// An example, which is next to the directory of this test; `None` where only tests were built.
fn example(name: &str) -> Option<Command> {
    let path: PathBuf = env::current_exe().unwrap().parent()?.parent()?.join("examples").join(name);
    if !path.exists() {
        eprintln!("nothing was tested: there is no {}", path.display());
        return None;
    }
    Some(Command::new(path))
}

#[test]
fn a_wrong_argument_is_refused_with_name_value_and_range() {
    let wrong: [(&str, &[&str], &[&str]); 12] = [
        ("hot_path", &[""], &["BACKEND", "''", "Auto, PerCpu, PerThread, Striped"]),
        ("hot_path", &["perhaps"], &["BACKEND", "'perhaps'", "Striped"]),
        ("hot_path", &["Auto", ""], &["ADDS", "''", "from 0 to"]),
        ("hot_path", &["Auto", "-1"], &["ADDS", "'-1'", "from 0 to"]),
        ("hot_path", &["Auto", "NaN"], &["ADDS", "'NaN'", "from 0 to"]),
        ("hot_path", &["Auto", "18446744073709551616"], &["ADDS", "551616", "from 0 to"]),
        ("hot_path", &["Auto", "1", "2"], &["more arguments"]),
        ("latency", &[""], &["SECONDS", "''", "from 1 to 3600"]),
        ("latency", &["0"], &["SECONDS", "'0'", "from 1 to 3600"]),
        ("latency", &["ten"], &["SECONDS", "'ten'", "from 1 to 3600"]),
        ("dogstatsd", &["nonsense"], &["ADDRESS", "'nonsense'", "HOST:PORT"]),
        ("dogstatsd", &["127.0.0.1:65536"], &["ADDRESS", "65536", "HOST:PORT"]),
    ];
    for (name, arguments, words) in wrong {
        let Some(mut command) = example(name) else { return };
        assert_refused(command.args(arguments), words);
    }
}

#[test]
fn what_is_not_text_is_refused_and_shown() {
    let wrong = [
        ("hot_path", ["BACKEND", "'1\u{fffd}'"]),
        ("latency", ["SECONDS", "'1\u{fffd}'"]),
        ("dogstatsd", ["ADDRESS", "'1\u{fffd}'"]),
    ];
    for (name, words) in wrong {
        let Some(mut command) = example(name) else { return };
        assert_refused(command.arg(not_text()), &words);
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_panic() {
    for name in ["hot_path", "named_set", "dogstatsd", "latency", "quantile_errors"] {
        let Some(mut command) = example(name) else { return };
        let errors = command.stdout(closed_pipe()).output().unwrap().stderr;
        let errors = String::from_utf8_lossy(&errors);
        assert!(!errors.contains("panicked"), "{name}: {errors}");
    }
}

#[test]
fn each_example_ends_well_by_itself() {
    for name in ["hot_path", "named_set", "dogstatsd", "latency", "quantile_errors"] {
        let Some(mut command) = example(name) else { return };
        let ended = Ended::of(&mut command);
        assert!(ended.code == Some(0) && !ended.output.is_empty(), "{name}: {ended:?}");
    }
}

/// It needs the feature `cli`: `cargo build --features cli --example stress`.
#[cfg(target_os = "linux")]
#[test]
fn the_stress_refuses_what_it_cannot_do_before_it_does_anything() {
    let wrong: [(&[&str], &[&str]); 8] = [
        (&["matrix", "--faults", "rain"], &["--faults", "'rain'", "hops"]),
        (&["matrix", "--faults", "hops,"], &["--faults", "''", "hops"]),
        (&["matrix", "--backend", "Auto"], &["--backend", "'Auto'", "PerCpu, PerThread, Striped"]),
        (&["matrix", "--kind", "Gauge"], &["--kind", "'Gauge'", "CounterSet"]),
        (&["matrix", "--operations", "0"], &["--operations", "'0'", "1..="]),
        (
            &["matrix", "--faults", "signals", "--kind", "Counter", "--backend", "PerThread"],
            &["signals", "none of"],
        ),
        (&["soak", "--seconds", "0"], &["--seconds", "'0'", "1..="]),
        (&["soak", "--seconds", "-1"], &["-1"]),
    ];
    for (arguments, words) in wrong {
        let Some(mut command) = example("stress") else { return };
        assert_refused(command.args(arguments), words);
    }
}

/// It needs the feature `cli` as well.
#[test]
fn counters_of_ones_own_stand_in_the_tables_files_and_plots() {
    let Some(mut command) = example("your_counter") else { return };
    let directory = Directory::new();
    let little = ["--threads=1,2", "--shards=1", "--ms=1", "--repeats=1", "--backends=Striped"];
    let ended = Ended::of(command.args(little).arg("--out").arg(&directory.0));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let file = |name: &str| fs::read_to_string(directory.0.join(name)).unwrap();
    let [csv, svg, page] = ["contention.csv", "contention.svg", "contention.html"].map(file);
    for own in ["two atomics", "boxed mutex"] {
        assert!([&ended.output, &csv, &svg, &page].iter().all(|text| text.contains(own)), "{own}");
    }
    assert!(
        csv.contains("\nthreads,two atomics,2,") && csv.contains("\nmixed,two atomics,2,"),
        "{csv}"
    );
    let Some(mut command) = example("your_counter") else { return };
    assert_refused(
        command.arg("--type=CounterSet"),
        &["--type CounterSet", "subjects of your own"],
    );
}
