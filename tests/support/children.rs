//! Child processes made by `fork`, which may do what would end a test.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "fork and its like are reached through libc")]

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With what its body returned, modulo 256.
    Returned(i32),
    /// By this signal.
    Killed(i32),
}

/// Runs `body` in a child process, whose only thread is a copy of this one, and returns what it returned. Panics
/// if a signal ended the child. `body` must not print: locks of other threads may be held there for good.
pub(crate) fn in_child(body: impl FnOnce() -> bool) -> bool {
    match in_child_for(30, || i32::from(!body())) {
        Ended::Returned(status) => status == 0,
        Ended::Killed(signal) => panic!("killed by signal {signal}"),
    }
}

/// Runs `body` in a child process that is killed after `seconds`; see [`in_child`].
pub(crate) fn in_child_for(seconds: u32, body: impl FnOnce() -> i32) -> Ended {
    // SAFETY: the child runs `body`, and then ends without returning.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", io::Error::last_os_error());
    if child == 0 {
        // SAFETY: no requirement. A child that hangs is killed, which its parent sees.
        unsafe { libc::alarm(seconds) };
        exit(catch_unwind(AssertUnwindSafe(body)).unwrap_or(255));
    }
    wait_for(child)
}

/// Ends this process without running destructors or exit handlers.
fn exit(status: i32) -> ! {
    loop {
        // SAFETY: ends the only thread, and with it the process.
        unsafe { libc::syscall(libc::SYS_exit, libc::c_long::from(status)) };
    }
}

fn wait_for(child: libc::pid_t) -> Ended {
    let mut status = 0;
    // SAFETY: `status` is valid for the write.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "{}", io::Error::last_os_error());
    if libc::WIFEXITED(status) {
        Ended::Returned(libc::WEXITSTATUS(status))
    } else {
        Ended::Killed(libc::WTERMSIG(status))
    }
}
