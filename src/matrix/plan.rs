//! Settings applied to this machine: the backend, the rows, and who writes to them.

use super::{per_cpu, per_thread, pool::Writers, route::Route, striped};
use crate::settings::{Backend, Settings};

/// Settings applied to this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(super) backend: Backend,
    pub(super) route: Route,
    /// The number of rows that the counter uses.
    pub(super) rows: usize,
    pub(super) writers: Writers,
    /// The number of rows that such writers have unless more are requested.
    pub(super) default_rows: usize,
}

impl Plan {
    /// Makes the plan from what the machine has, without waiting.
    pub(super) fn new(settings: Settings) -> Self {
        let area = match settings.backend() {
            Backend::PerThread => return per_thread::plan(0),
            Backend::Striped => None,
            asked => per_cpu::area(asked).ok(),
        };
        area.map_or_else(
            || striped::plan(settings.shards()),
            |area| per_cpu::plan(area, settings.shards()),
        )
    }
}
