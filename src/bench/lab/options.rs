//! The command line, as far as all programs' are alike.

use super::{files, text};
use clap::{
    Parser,
    error::{Error, ErrorKind},
};
use std::{env, path::Path};

/// Reads the command line.
pub fn parse<A: Parser>() -> Result<A, Error> {
    A::try_parse().map_err(|error| match error.kind() {
        // Clap does not say where.
        ErrorKind::InvalidUtf8 => refuse::<A>(&text::not_text(env::args_os())),
        _ => error,
    })
}

/// What to say to options that are wrong together.
pub fn refuse<A: Parser>(message: &str) -> Error {
    A::command().error(ErrorKind::ValueValidation, message)
}

/// Whether files of these names can be written to the directory that `--out` names.
pub fn check_out<A: Parser>(out: &Path, names: &[String]) -> Result<(), Error> {
    files::check(out, names).map_err(|error| {
        let value = out.display();
        refuse::<A>(&format!(
            "invalid value '{value}' for '--out <DIR>': cannot write there: {error}"
        ))
    })
}
