//! The calling thread's `errno`, which a signal handler that counts must leave unchanged.

#[cfg(target_os = "linux")]
#[allow(unused_imports, reason = "used where there is a critical section")]
pub(crate) use linux::{Kept, get};

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "errno is reached through libc")]
mod linux {
    use std::{ffi::c_int, marker::PhantomData};

    /// Restores `errno` when dropped, on the same thread.
    pub(crate) struct Kept {
        errno: c_int,
        of_this_thread: PhantomData<*const ()>,
    }

    impl Kept {
        pub(crate) fn new() -> Self {
            Self { errno: get(), of_this_thread: PhantomData }
        }
    }

    impl Drop for Kept {
        fn drop(&mut self) {
            // SAFETY: no requirement.
            let place = unsafe { libc::__errno_location() };
            // SAFETY: the place is the calling thread's own.
            unsafe { *place = self.errno };
        }
    }

    /// Returns the error of the last system call that failed.
    pub(crate) fn get() -> c_int {
        // SAFETY: no requirement.
        let place = unsafe { libc::__errno_location() };
        // SAFETY: the place is the calling thread's own.
        unsafe { *place }
    }

    #[cfg(test)]
    mod tests {
        use super::{Kept, get};

        #[test]
        fn it_is_put_back() {
            let before = get();
            {
                let _kept = Kept::new();
                // SAFETY: no file has this number, so the kernel returns an error.
                assert_eq!(unsafe { libc::close(-1) }, -1);
                assert_eq!(get(), libc::EBADF);
            }
            assert_eq!(get(), before);
        }
    }
}

/// Elsewhere the slow path makes no system calls, so there is nothing to restore.
#[cfg(not(target_os = "linux"))]
pub(crate) struct Kept;

#[cfg(not(target_os = "linux"))]
impl Kept {
    pub(crate) fn new() -> Self {
        Self
    }
}
