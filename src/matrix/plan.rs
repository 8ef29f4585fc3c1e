//! What settings come to on this machine: the backend, the rows, and who writes to them.

use super::{per_cpu, per_thread, pool::Writers, route::Route, striped};
use crate::settings::{Backend, Settings};

/// Settings made concrete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(super) backend: Backend,
    pub(super) route: Route,
    /// How many rows the counter uses.
    pub(super) rows: usize,
    pub(super) writers: Writers,
    /// How many rows such writers have if not asked for more.
    pub(super) default_rows: usize,
}

impl Plan {
    /// Asks the machine, and waits for nobody.
    pub(super) fn new(settings: Settings) -> Self {
        match (settings.backend(), per_cpu::area()) {
            (Backend::PerThread, _) => per_thread::plan(0),
            (Backend::Auto | Backend::PerCpu, Ok(area)) => per_cpu::plan(area, settings.shards()),
            _ => striped::plan(settings.shards()),
        }
    }
}
