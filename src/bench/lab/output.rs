//! The output of a program: the standard output, and the exit code.

use std::{
    error::Error,
    fmt::Display,
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

/// Writes to the standard output. It is no error if the reader has stopped reading, as `head` does.
pub fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Returns the exit code for `result`: 0, or 1 after printing the error.
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    result.map_or_else(|error| fail(ExitCode::FAILURE, &error), |()| ExitCode::SUCCESS)
}

/// Prints `error` and returns `code`. If the error output is closed as well, the exit code has to
/// suffice.
pub fn fail(code: ExitCode, error: &impl Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {error}");
    code
}
