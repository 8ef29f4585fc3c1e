//! The backends that can be measured.

use crate::{Backend, Counter};

/// `Auto` is one of them, under another name.
pub const BACKENDS: [Backend; 3] = [Backend::PerCpu, Backend::PerThread, Backend::Striped];

/// Those that work here.
pub fn backends() -> impl Iterator<Item = Backend> {
    BACKENDS.into_iter().filter(|&backend| works(backend).is_ok())
}

/// Whether a backend works here, or why not.
pub fn works(backend: Backend) -> Result<(), String> {
    let built = Counter::builder().backend(backend).try_build();
    built.map(drop).map_err(|error| error.to_string())
}
