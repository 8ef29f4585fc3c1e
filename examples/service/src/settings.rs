//! The environment.

use std::{env, ffi::OsString};
use striped_counter::{Backend, Builder};

const BACKENDS: &str = "one of Auto, PerCpu, PerThread, Striped";
/// What the library takes.
const SHARDS: &str = "a number from 1 to 4096";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: String,
    pub(crate) backend: Backend,
    pub(crate) shards: Option<usize>,
}

impl Settings {
    pub(crate) fn from_environment() -> Result<Self, String> {
        Self::from(env::var_os)
    }

    fn from(variable: impl Fn(&'static str) -> Option<OsString>) -> Result<Self, String> {
        let listen = read(&variable, "LISTEN", "HOST:PORT, a port from 0 to 65535", address)?;
        let settings = Self {
            listen: listen.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            backend: read(&variable, "BACKEND", BACKENDS, |name| name.parse().ok())?
                .unwrap_or_default(),
            shards: read(&variable, "SHARDS", SHARDS, |number| number.parse().ok())?,
        };
        // What the library has to say to them, before anything is started.
        let built = settings.apply(striped_counter::Counter::builder()).try_build();
        built.map_err(|error| format!("BACKEND, SHARDS: {error}"))?;
        Ok(settings)
    }

    /// `builder` with these settings.
    pub(crate) fn apply<T>(&self, builder: Builder<T>) -> Builder<T> {
        let builder = builder.backend(self.backend);
        self.shards.map_or(builder, |shards| builder.shards(shards))
    }
}

/// The variable of this name, if it is set, as what it is `expected` to be.
fn read<T>(
    variable: &impl Fn(&'static str) -> Option<OsString>,
    name: &'static str,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(value) = variable(name) else { return Ok(None) };
    match value.to_str().and_then(parse) {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(format!("{name}: '{}' is not {expected}", value.to_string_lossy())),
    }
}

/// Text that may be an address: whether there is such a host, only listening can tell.
fn address(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    (!host.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::from(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn nothing_has_to_be_set() {
        let settings = settings(&[]).unwrap();
        assert_eq!((settings.backend, settings.shards), (Backend::Auto, None));
    }

    #[test]
    fn wrong_values_are_told_with_the_name_of_the_variable() {
        let wrong = [
            (&[("BACKEND", "perhaps")][..], ["BACKEND", "'perhaps'", "Striped"]),
            (&[("BACKEND", "")], ["BACKEND", "''", "PerThread"]),
            (&[("SHARDS", "many")], ["SHARDS", "'many'", "from 1 to 4096"]),
            (&[("SHARDS", "")], ["SHARDS", "''", "from 1 to 4096"]),
            (&[("SHARDS", "-1")], ["SHARDS", "'-1'", "from 1 to 4096"]),
            (&[("SHARDS", "NaN")], ["SHARDS", "'NaN'", "from 1 to 4096"]),
            (&[("SHARDS", "1e3")], ["SHARDS", "'1e3'", "from 1 to 4096"]),
            (&[("SHARDS", "18446744073709551616")], ["SHARDS", "551616", "from 1 to 4096"]),
            (&[("LISTEN", "")], ["LISTEN", "''", "HOST:PORT"]),
            (&[("LISTEN", "localhost")], ["LISTEN", "'localhost'", "HOST:PORT"]),
            (&[("LISTEN", ":80")], ["LISTEN", "':80'", "HOST:PORT"]),
            (&[("LISTEN", "localhost:65536")], ["LISTEN", "65536", "from 0 to 65535"]),
            (&[("SHARDS", "5000")], ["SHARDS", "5000", "from 1 to 4096"]),
            (&[("SHARDS", "0")], ["SHARDS", "0", "from 1 to 4096"]),
            (&[("BACKEND", "PerThread"), ("SHARDS", "2")], ["SHARDS", "2", "PerThread"]),
        ];
        for (variables, words) in wrong {
            let error = settings(variables).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
