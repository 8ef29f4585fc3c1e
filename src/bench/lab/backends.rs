//! The backends that can be measured.

use crate::{Backend, Counter};

/// All backends, except `Auto`, which is one of these.
pub const BACKENDS: [Backend; 3] = [Backend::PerCpu, Backend::PerThread, Backend::Striped];

/// Returns the backends that work on this machine.
pub fn backends() -> impl Iterator<Item = Backend> {
    BACKENDS.into_iter().filter(|&backend| works(backend).is_ok())
}

/// Returns why a backend does not work on this machine, if it does not.
pub fn works(backend: Backend) -> Result<(), String> {
    let built = Counter::builder().backend(backend).try_build();
    built.map(drop).map_err(|error| error.to_string())
}
