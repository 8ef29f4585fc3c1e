//! The CPU time of the calling thread: what an add costs, whatever else runs on the CPU in between.

use std::time::{Duration, Instant};

/// A warning about this clock for readers of the results.
#[cfg(target_os = "linux")]
pub const NOTE: Option<&str> = None;

/// A warning about this clock for readers of the results.
#[cfg(not(target_os = "linux"))]
pub const NOTE: Option<&str> =
    Some("no CPU clock of a thread is read on this platform: CPU times are wall times");

/// Returns the time that the calling thread has run, since an arbitrary origin.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std has no clock of a thread's CPU time")]
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec to write to, and nothing else refers to it.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(code, 0, "CLOCK_THREAD_CPUTIME_ID: {}", std::io::Error::last_os_error());
    let seconds = u64::try_from(time.tv_sec).expect("a CPU time is not negative");
    let nanos = u32::try_from(time.tv_nsec).expect("nanoseconds are below 10^9");
    Duration::new(seconds, nanos)
}

/// Returns the time that the calling thread has run, since an arbitrary origin.
#[cfg(not(target_os = "linux"))]
pub fn thread_time() -> Duration {
    use std::sync::LazyLock;
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    ORIGIN.elapsed()
}

/// Returns the shortest tick of the clock: nanoseconds, or about 10 ms if the kernel only counts
/// its own ticks, as in gVisor. Returns `None` if the clock does not move at all.
pub fn tick() -> Option<Duration> {
    let next = |before: Duration| {
        const READS: u32 = 10_000;
        const PATIENCE: Duration = Duration::from_millis(500);
        let begin = Instant::now();
        // A thread that other programs keep from running reads the clock seldom, and should not
        // give up.
        for read in 0_u32.. {
            let now = thread_time();
            if now != before {
                return Some(now);
            }
            if read > READS && begin.elapsed() > PATIENCE {
                return None;
            }
        }
        None
    };
    // Measured from one change to another: the first one ends a tick that had begun before.
    let mut last = next(thread_time())?;
    let mut tick = Duration::MAX;
    for _ in 0..3 {
        let now = next(last)?;
        tick = tick.min(now.saturating_sub(last));
        last = now;
    }
    Some(tick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_backwards() {
        let before = thread_time();
        assert!(thread_time() >= before);
    }

    #[test]
    fn ticks() {
        assert!(tick().is_some_and(|tick| tick > Duration::ZERO));
    }
}
