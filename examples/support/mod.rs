//! The command line that the examples share. Nothing here is about counters.

use std::{
    env,
    io::{self, ErrorKind},
    ops::RangeInclusive,
    process::ExitCode,
};

/// Runs `example` with the only argument of the command line, a number in `range`, or with `default`.
///
/// The exit code is 2 if the argument is refused. A closed output, as after `| head`, ends the example
/// without an error.
pub(crate) fn run(
    name: &str,
    default: u64,
    range: RangeInclusive<u64>,
    example: impl FnOnce(u64) -> io::Result<()>,
) -> ExitCode {
    match argument(name, default, range).map(example) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        Err(refused) => {
            eprintln!("error: {refused}");
            ExitCode::from(2)
        }
    }
}

fn argument(name: &str, default: u64, range: RangeInclusive<u64>) -> Result<u64, String> {
    let mut arguments = env::args_os().skip(1);
    let Some(given) = arguments.next() else { return Ok(default) };
    if arguments.next().is_some() {
        return Err(format!("more arguments than {name}"));
    }
    let number = given.to_str().and_then(|text| text.parse().ok());
    number.filter(|number| range.contains(number)).ok_or_else(|| {
        let (given, from, to) = (given.to_string_lossy(), range.start(), range.end());
        format!("{name}: '{given}' is not a number from {from} to {to}")
    })
}
