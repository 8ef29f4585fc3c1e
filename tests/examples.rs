//! The examples as processes: what they print, what they refuse, and that a closed output is no panic. They are
//! those that `cargo test` has built.

#![cfg(unix)]

mod support;

use std::{env, fs, net::UdpSocket, path::PathBuf, process::Command, thread, time::Duration};
use support::processes::{Directory, Ended, assert_refused, closed_pipe, not_text};

/// Returns the example of this name, or `None` where only tests were built.
fn example(name: &str) -> Option<Command> {
    let path: PathBuf = env::current_exe().unwrap().parent()?.parent()?.join("examples").join(name);
    if !path.exists() {
        eprintln!("nothing was tested: there is no {}", path.display());
        return None;
    }
    Some(Command::new(path))
}

/// Those that run to their end within a second or two, without an argument.
const EXAMPLES: [&str; 6] =
    ["dogstatsd", "enum_indexed_set", "hot_path", "in_flight", "latency_histogram", "reporter"];

/// The columns of a table's rows, without its head.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().skip(1).map(|row| row.split_whitespace().collect()).collect()
}

#[test]
fn a_wrong_argument_is_refused_with_name_value_and_range() {
    let wrong: [(&str, &[&str], &[&str]); 17] = [
        ("hot_path", &[""], &["BACKEND", "''", "Auto, PerCpu, PerThread, Striped"]),
        ("hot_path", &["perhaps"], &["BACKEND", "'perhaps'", "Striped"]),
        ("hot_path", &["Auto", ""], &["ADDS", "''", "from 0 to"]),
        ("hot_path", &["Auto", "-1"], &["ADDS", "'-1'", "from 0 to"]),
        ("hot_path", &["Auto", "NaN"], &["ADDS", "'NaN'", "from 0 to"]),
        ("hot_path", &["Auto", "18446744073709551616"], &["ADDS", "551616", "from 0 to"]),
        ("hot_path", &["Auto", "1", "2"], &["more arguments"]),
        ("latency_histogram", &[""], &["SECONDS", "''", "from 1 to 3600"]),
        ("latency_histogram", &["0"], &["SECONDS", "'0'", "from 1 to 3600"]),
        ("latency_histogram", &["ten"], &["SECONDS", "'ten'", "from 1 to 3600"]),
        ("reporter", &["3601"], &["SECONDS", "'3601'", "from 1 to 3600"]),
        ("reporter", &["1", "2"], &["more arguments", "SECONDS"]),
        ("in_flight", &["0"], &["REQUESTS", "'0'", "from 1 to 100000"]),
        ("in_flight", &["-1"], &["REQUESTS", "'-1'", "from 1 to 100000"]),
        ("in_flight", &["100001"], &["REQUESTS", "'100001'", "from 1 to 100000"]),
        ("dogstatsd", &["nonsense"], &["ADDRESS", "'nonsense'", "HOST:PORT"]),
        ("dogstatsd", &["127.0.0.1:65536"], &["ADDRESS", "65536", "HOST:PORT"]),
    ];
    for (name, arguments, words) in wrong {
        let Some(mut command) = example(name) else { return };
        assert_refused(command.args(arguments), words);
    }
}

#[test]
fn arguments_that_are_not_text_are_refused_and_shown() {
    let wrong = [
        ("hot_path", ["BACKEND", "'1\u{fffd}'"]),
        ("latency_histogram", ["SECONDS", "'1\u{fffd}'"]),
        ("dogstatsd", ["ADDRESS", "'1\u{fffd}'"]),
    ];
    for (name, words) in wrong {
        let Some(mut command) = example(name) else { return };
        assert_refused(command.arg(not_text()), &words);
    }
}

#[test]
fn a_closed_output_is_no_panic() {
    for name in EXAMPLES {
        let Some(mut command) = example(name) else { return };
        let errors = command.stdout(closed_pipe()).output().unwrap().stderr;
        let errors = String::from_utf8_lossy(&errors);
        assert!(!errors.contains("panicked"), "{name}: {errors}");
    }
}

#[test]
fn each_example_succeeds_without_arguments() {
    for name in EXAMPLES {
        let Some(mut command) = example(name) else { return };
        let ended = Ended::of(&mut command);
        assert!(ended.code == Some(0) && !ended.output.is_empty(), "{name}: {ended:?}");
    }
}

#[test]
fn an_enum_indexed_set_shows_each_counter_by_its_name() {
    let Some(mut command) = example("enum_indexed_set") else { return };
    let expected = "requests_total 3\nerrors_total 1\nbytes_in_total 10\nbytes_out_total 10\n";
    assert_eq!(Ended::of(&mut command).output, expected);
}

#[test]
fn the_deltas_that_the_reporter_shows_add_up_to_its_total() {
    let Some(mut command) = example("reporter") else { return };
    let ended = Ended::of(command.arg("1"));
    let rows = rows(&ended.output);
    let named = |name| rows.iter().find(|row| row[0] == name).unwrap()[1].parse::<u64>().unwrap();
    assert!(named("total") > 0 && rows.len() == 3, "{ended:?}");
    assert_eq!(named("1") + named("rest"), named("total"), "{ended:?}");
}

#[test]
fn requests_in_flight_are_never_more_than_the_limit_and_none_at_the_end() {
    let Some(mut command) = example("in_flight") else { return };
    let ended = Ended::of(command.arg("100"));
    let table = ended.output.strip_suffix("answered 90 of 100\n");
    let rows = rows(table.unwrap_or_else(|| panic!("{ended:?}")));
    assert!(rows.iter().all(|row| (0..=32).contains(&row[1].parse().unwrap())), "{ended:?}");
    assert_eq!(rows.last().unwrap(), &["0", "0"], "{ended:?}");
}

#[test]
fn the_latency_histogram_of_the_whole_run_includes_each_second() {
    let Some(mut command) = example("latency_histogram") else { return };
    let ended = Ended::of(command.arg("1"));
    let rows = rows(&ended.output);
    let [second, all] = [0, 1].map(|row: usize| rows[row][1].parse::<u64>().unwrap());

    assert_eq!([rows[0][0], rows[1][0]], ["1", "all"], "{ended:?}");
    assert!(0 < second && second <= all, "{ended:?}");
}

#[test]
fn a_dogstatsd_agent_is_sent_each_hit_once() {
    let Some(mut command) = example("dogstatsd") else { return };
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let address = agent.local_addr().unwrap().to_string();
    let running = thread::spawn(move || Ended::of(command.arg(address)));
    let mut hits = 0;
    while hits < 20_000 {
        let mut datagram = [0; 1024];
        let length = agent.recv(&mut datagram).unwrap();
        let datagram = str::from_utf8(&datagram[..length]).unwrap();
        if let Some(counted) = datagram.strip_prefix("service.hits:") {
            hits += counted.split('|').next().unwrap().parse::<u64>().unwrap();
        }
    }
    let ended = running.join().unwrap();
    assert!(ended.output.starts_with(&format!("sent {hits} hits to ")), "{ended:?}");
}

#[test]
fn the_hot_path_counts_as_often_as_it_is_given() {
    let Some(mut command) = example("hot_path") else { return };
    let ended = Ended::of(command.args(["Striped", "1000"]));
    assert!(ended.output.starts_with("Counter { sum: 1000, backend: Striped"), "{ended:?}");
}

/// Needs the feature `cli`: `cargo build --features cli --example stress`.
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

/// Needs the feature `cli` as well.
#[test]
fn your_own_counters_are_in_the_tables_files_and_plots() {
    let Some(mut command) = example("measure_your_counter") else { return };
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
    let Some(mut command) = example("measure_your_counter") else { return };
    assert_refused(
        command.arg("--type=CounterSet"),
        &["--type CounterSet", "subjects of your own"],
    );
}
