//! The comparison, with wrong options, and without a place to write to.

#![cfg(unix)]

#[path = "../../../tests/support/processes.rs"]
mod processes;

use processes::{Directory, Ended, assert_refused, closed_pipe, limited, not_text};
use std::{fs, process::Command};

const RIVALS: &str = env!("CARGO_BIN_EXE_rivals");
const LITTLE: [&str; 3] = ["--threads=1,1", "--ms=1", "--repeats=1"];
const FILES: [&str; 3] = ["machine.txt", "rivals.csv", "rivals.svg"];

fn rivals(arguments: &[&str]) -> Command {
    let mut command = Command::new(RIVALS);
    command.args(arguments);
    command
}

#[test]
fn a_wrong_value_is_refused_with_option_value_and_range() {
    let wrong = [
        ("--threads", ["0", "4097", "-1", "", "NaN", "18446744073709551616"], "from 1 to 4096"),
        ("--ms", ["0", "60001", "-1", "", "0.5", "18446744073709551616"], "from 1 to 60000"),
        ("--repeats", ["0", "1001", "65536", "-1", "", "inf"], "from 1 to 1000"),
    ];
    for (option, values, range) in wrong {
        for value in values {
            let argument = format!("{option}={value}");
            assert_refused(&mut rivals(&[&argument]), &[option, &format!("'{value}'"), range]);
        }
    }
    assert_refused(&mut rivals(&["--threads=1,0"]), &["--threads", "'0'", "from 1 to 4096"]);
    assert_refused(&mut rivals(&["--wrong"]), &["--wrong"]);
    assert_refused(rivals(&["--ms"]).arg(not_text()), &["UTF-8", "'1\u{fffd}'"]);
}

#[test]
fn a_directory_that_cannot_be_written_to_is_refused_before_measuring() {
    let directory = Directory::new();
    for out in ["/proc", "/dev/full"] {
        assert_refused(rivals(&LITTLE).args(["--out", out]), &["--out", out, "cannot write there"]);
    }
    assert!(directory.names().is_empty());
}

#[test]
fn a_closed_output_is_no_error() {
    let directory = Directory::new();
    let mut command = rivals(&LITTLE);
    let status = command.arg("--out").arg(&directory.0).stdout(closed_pipe()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(directory.names(), FILES);
}

#[test]
fn a_full_disk_is_an_error_that_leaves_no_partial_file_and_shows_the_results() {
    let directory = Directory::new();
    fs::write(directory.0.join("rivals.csv"), "older\n").unwrap();
    let mut command = limited("-f 0", RIVALS);
    let ended = Ended::of(command.args(LITTLE).arg("--out").arg(&directory.0));
    ended.assert_error(1, &["cannot write", "rivals.csv"]);
    assert!(ended.output.contains("PerThread"), "{ended:?}");
    assert_eq!(directory.names(), ["rivals.csv"]);
    assert_eq!(fs::read_to_string(directory.0.join("rivals.csv")).unwrap(), "older\n");
}
