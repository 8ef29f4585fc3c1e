//! The area that glibc registers for every thread, since version 2.35.

#![expect(unsafe_code, reason = "glibc's variables are reached by address")]

use super::{Answer, Area, Missing, kernel_may_not_abort};
use std::ffi::c_uint;
#[cfg(not(target_feature = "crt-static"))]
use {super::image::Image, std::ptr};

/// Returns the area, or what is missing: [`Missing::Glibc`] if there is no sign that glibc has
/// areas at all.
pub(super) fn area() -> Result<Area, Missing> {
    static ANSWER: Answer = Answer::new();
    ANSWER.or_find(|| {
        let Symbols { offset, size } = Symbols::found().ok_or(Missing::Glibc)?;
        if size == 0 {
            return Err(Missing::Registration);
        }
        if kernel_may_not_abort() {
            return Err(Missing::Abort);
        }
        Area::new(0_usize.wrapping_add_signed(offset)).ok_or(Missing::Range)
    })
}

/// glibc's variables, which glibc before 2.35 and musl lack: see rseq(2) and glibc's manual,
/// "Restartable Sequences".
pub(super) struct Symbols {
    /// `__rseq_offset`: the distance from the thread pointer to the area.
    pub(super) offset: isize,
    /// `__rseq_size`: 0 if no area is registered.
    pub(super) size: c_uint,
}

impl Symbols {
    /// Returns the variables, if there are any. `--cfg striped_counter_old_glibc` treats every
    /// glibc as one that has none. That is for tests of an area of our own on a machine without
    /// such a glibc; they have to keep glibc from registering one, too.
    pub(super) fn found() -> Option<Self> {
        if cfg!(striped_counter_old_glibc) { None } else { Self::of_glibc() }
    }

    /// Finds them in the loader's image, in a program that has a loader.
    #[cfg(not(target_feature = "crt-static"))]
    fn of_glibc() -> Option<Self> {
        let image = Image::of_loader()?;
        let at = |name| image.symbol(name).unwrap_or(0);
        let (offset, size) = (at(c"__rseq_offset"), at(c"__rseq_size"));
        Self::at(ptr::with_exposed_provenance(offset), ptr::with_exposed_provenance(size))
    }

    /// Finds them by weak references in a program without a loader. The linker makes these null if
    /// the C library lacks the variables.
    #[cfg(target_feature = "crt-static")]
    fn of_glibc() -> Option<Self> {
        let (offset, size) = super::arch::weak_symbols();
        Self::at(offset, size)
    }

    fn at(offset: *const isize, size: *const c_uint) -> Option<Self> {
        // SAFETY: null, or glibc's variable of this type, which according to the manual is
        // initialised before `main` and constant afterwards.
        let offset = unsafe { offset.as_ref() }?;
        // SAFETY: as above.
        let size = unsafe { size.as_ref() }?;
        Some(Self { offset: *offset, size: *size })
    }
}
