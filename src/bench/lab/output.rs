//! What a program tells: on the standard output, and by its exit code.

use std::{
    error::Error,
    fmt::Display,
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

/// Writes to the standard output. A reader that has gone away, as `head` does, is no error.
pub fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// The exit code of what has come to `result`: 0, or 1 after its error has been told.
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    result.map_or_else(|error| fail(ExitCode::FAILURE, &error), |()| ExitCode::SUCCESS)
}

/// Tells `error`. Where the error output is gone too, the exit code has to do.
pub fn fail(code: ExitCode, error: &impl Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {error}");
    code
}
