//! The service in an environment that makes no sense, and with its output closed.

#![cfg(unix)]

#[path = "../../../tests/support/processes.rs"]
mod processes;

use processes::{Ended, assert_refused, closed_pipe, not_text};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

fn service(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
    for name in ["LISTEN", "BACKEND", "SHARDS"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command
}

#[test]
fn a_wrong_value_is_refused_with_variable_value_and_range() {
    let wrong: [(&str, &[&str], &str); 3] = [
        ("LISTEN", &["", "localhost", ":", ":80", "a:b", "127.0.0.1:65536"], "from 0 to 65535"),
        ("BACKEND", &["", "perhaps", " PerCpu"], "Auto, PerCpu, PerThread, Striped"),
        ("SHARDS", &["", "-1", "NaN", "inf", "1e3", "18446744073709551616"], "from 1 to 4096"),
    ];
    for (variable, values, range) in wrong {
        for value in values {
            let words = [variable, &format!("'{value}'"), range];
            assert_refused(&mut service(&[(variable, value)]), &words);
        }
        assert_refused(service(&[]).env(variable, not_text()), &[variable, "'1\u{fffd}'", range]);
    }
    for shards in ["0", "4097", "18446744073709551615"] {
        let words = ["SHARDS", shards, "from 1 to 4096"];
        assert_refused(&mut service(&[("SHARDS", shards)]), &words);
    }
    let words = ["SHARDS", "4", "PerThread"];
    assert_refused(&mut service(&[("BACKEND", "PerThread"), ("SHARDS", "4")]), &words);
}

#[test]
fn an_address_that_cannot_be_listened_on_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    // 192.0.2.1 is nobody's: RFC 5737.
    for address in [&*taken, "192.0.2.1:80"] {
        let ended = Ended::of(&mut service(&[("LISTEN", address)]));
        ended.assert_error(1, &["LISTEN", address, "cannot listen"]);
    }
    drop(listener);
}

#[test]
fn a_service_goes_on_where_nobody_reads_what_it_says() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = service(&[("LISTEN", &free.to_string())]);
    let mut child = command.stdout(closed_pipe()).stderr(closed_pipe()).spawn().unwrap();
    let start = Instant::now();
    let answer = loop {
        assert!(start.elapsed() < Duration::from_secs(30), "no answer");
        match TcpStream::connect(free) {
            Ok(mut stream) => {
                write!(stream, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    .unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                break answer;
            }
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.ends_with("hello, world\n"), "{answer}");
}
