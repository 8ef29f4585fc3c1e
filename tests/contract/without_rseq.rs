//! Without restartable sequences, `PerCpu` by name is refused or falls back, and every guarantee holds on the
//! backend that it falls back to.
//!
//! A tunable keeps glibc from registering them, so where they work these tests run again in a child process
//! with that tunable. With musl the crate registers them itself, which only a filter for system calls
//! prevents; see `src/rseq/tests/own.rs`. Other platforms have none.

use crate::support::per_cpu_works;
use std::{
    env,
    process::{Command, Output},
};
use striped_counter::{Backend, BuildError, Counter};

const TUNABLES: &str = "GLIBC_TUNABLES";
const NO_RSEQ: &str = "glibc.pthread.rseq=0";

/// Returns whether this process has none, as it must if the tunable is set.
fn has_none() -> bool {
    let disabled = env::var(TUNABLES).is_ok_and(|tunables| tunables == NO_RSEQ);
    assert!(!(disabled && per_cpu_works()), "{TUNABLES}={NO_RSEQ} changed nothing");
    !per_cpu_works()
}

/// Runs the tests of this binary whose names contain one of `filters`, without restartable sequences.
fn run_again(filters: &[&str]) -> Output {
    let this = env::current_exe().unwrap();
    Command::new(this).args(filters).env(TUNABLES, NO_RSEQ).output().unwrap()
}

/// Panics unless the child ran at least `least` tests and all of them passed.
fn assert_passed(child: &Output, least: usize) {
    let (out, err) =
        (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "{}\n{out}\n{err}", child.status);
    let ran = out.lines().filter(|line| line.ends_with("... ok")).count();
    assert!(ran >= least, "only {ran} tests ran:\n{out}");
}

#[test]
fn per_cpu_by_name_is_refused_or_falls_back_and_auto_takes_striped() {
    if cfg!(target_env = "musl") && per_cpu_works() {
        return;
    }
    if !has_none() {
        let name = "without_rseq::per_cpu_by_name_is_refused_or_falls_back_and_auto_takes_striped";
        return assert_passed(&run_again(&["--exact", name]), 1);
    }
    let by_name = Counter::builder().backend(Backend::PerCpu);

    let error = by_name.try_build().unwrap_err();
    let BuildError::BackendUnavailable { backend: Backend::PerCpu, missing } = error else {
        panic!("{error:?}");
    };
    assert!(!missing.is_empty());
    for part in ["backend", "PerCpu", missing, "restartable sequences"] {
        assert!(error.to_string().contains(part), "{part:?} is not in \"{error}\"");
    }

    for counter in [by_name.shards(3).build(), Counter::builder().shards(3).build()] {
        assert_eq!((counter.backend(), counter.shards()), (Backend::Striped, 4), "before");
        counter.inc();
        assert_eq!((counter.backend(), counter.shards()), (Backend::Striped, 4), "after");
        assert_eq!(counter.sum(), 1);
    }
}

#[test]
fn the_other_guarantees_hold_without_restartable_sequences() {
    if cfg!(target_env = "musl") && per_cpu_works() {
        return;
    }
    if !has_none() {
        let modules = ["exact::", "destructors::", "take_and_deltas::", "statics::", "builder::"];
        assert_passed(&run_again(&modules), 30);
    }
}
