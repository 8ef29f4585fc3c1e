//! The environment.

use std::{env, ffi::OsString, fmt, str::FromStr};
use striped_counter::{Backend, Builder};

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
        let settings = Self {
            listen: read(&variable, "LISTEN")?.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            backend: read(&variable, "BACKEND")?.unwrap_or_default(),
            shards: read(&variable, "SHARDS")?,
        };
        // What the library has to say to them, before anything is started.
        let built = settings.apply(striped_counter::Counter::builder()).try_build();
        built.map_err(|error| format!("BACKEND or SHARDS: {error}"))?;
        Ok(settings)
    }

    /// `builder` with these settings.
    pub(crate) fn apply<T>(&self, builder: Builder<T>) -> Builder<T> {
        let builder = builder.backend(self.backend);
        self.shards.map_or(builder, |shards| builder.shards(shards))
    }
}

/// The variable of this name, if it is set.
fn read<T: FromStr<Err: fmt::Display>>(
    variable: &impl Fn(&'static str) -> Option<OsString>,
    name: &'static str,
) -> Result<Option<T>, String> {
    let Some(value) = variable(name) else { return Ok(None) };
    let value = value.into_string().map_err(|value| format!("{name}: {value:?} is not text"))?;
    value.parse().map(Some).map_err(|error| format!("{name}: {value:?}: {error}"))
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
            (&[("BACKEND", "perhaps")][..], ["BACKEND", "\"perhaps\"", "Striped"]),
            (&[("SHARDS", "many")], ["SHARDS", "\"many\"", "digit"]),
            (&[("SHARDS", "")], ["SHARDS", "\"\"", "empty"]),
            (&[("SHARDS", "-1")], ["SHARDS", "\"-1\"", "digit"]),
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
