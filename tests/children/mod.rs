//! Children of a fork, with which much can be done that would end a test.

#![cfg(target_os = "linux")]
#![allow(dead_code, reason = "every test file takes what it needs")]

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How a child has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What its body returned, less the sign and modulo 256.
    Returned(i32),
    /// By a signal.
    Killed(i32),
}

/// Runs `body` in a child process, whose only thread is a copy of this one, and says whether it
/// returned true. `body` must not print: other threads' locks may be held there and never released.
pub(crate) fn in_child(body: impl FnOnce() -> bool) -> bool {
    in_child_for(60, || i32::from(!body())) == Ended::Returned(0)
}

/// Runs `body` in a child process that has so many seconds; see [`in_child`].
pub(crate) fn in_child_for(seconds: u32, body: impl FnOnce() -> i32) -> Ended {
    // SAFETY: the child runs `body` alone, and then ends without returning.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", io::Error::last_os_error());
    if child == 0 {
        // SAFETY: no requirement. A child that hangs is killed, which its parent then sees.
        unsafe { libc::alarm(seconds) };
        exit(catch_unwind(AssertUnwindSafe(body)).unwrap_or(255));
    }
    wait_for(child)
}

/// Ends this process, without a word to anybody.
fn exit(status: i32) -> ! {
    loop {
        // SAFETY: ends the one thread that there is, and with it the process.
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
