//! Targets without a critical section: `area` returns an error, so `add` is never called.

#![expect(unsafe_code, reason = "the same signatures on every platform")]

use super::{Area, Target};

pub(crate) fn area(_: bool, _: fn() -> bool) -> Result<Area, &'static str> {
    Err("restartable sequences need x86_64 or aarch64 Linux")
}

pub(crate) fn enter(_: fn() -> bool) {}

pub(crate) fn leave() {}

pub(crate) fn has_dense() -> bool {
    false
}

pub(crate) unsafe fn add_first<const STRIDE: usize>(_: Area, _: &Target, _: u64) -> bool {
    false
}

pub(crate) unsafe fn add(_: Area, _: &Target, _: usize, _: usize, _: u64) -> bool {
    false
}

pub(crate) unsafe fn add_dense(_: Area, _: &Target, _: usize, _: usize, _: u64) -> bool {
    false
}
