//! The parts of the command line that all programs share.

use super::{files, text};
use clap::{
    Parser,
    error::{Error, ErrorKind},
};
use std::{env, path::Path};

/// Parses the command line.
pub fn parse<A: Parser>() -> Result<A, Error> {
    A::try_parse().map_err(|error| match error.kind() {
        // Clap does not say in which argument.
        ErrorKind::InvalidUtf8 => refuse::<A>(&text::not_text(env::args_os())),
        _ => error,
    })
}

/// Returns an error for options that do not fit together.
pub fn refuse<A: Parser>(message: &str) -> Error {
    A::command().error(ErrorKind::ValueValidation, message)
}

/// Checks that files with these names can be written to the directory of `--out`.
pub fn check_out<A: Parser>(out: &Path, names: &[String]) -> Result<(), Error> {
    files::check(out, names).map_err(|error| {
        let value = out.display();
        refuse::<A>(&format!(
            "invalid value '{value}' for '--out <DIR>': cannot write there: {error}"
        ))
    })
}
