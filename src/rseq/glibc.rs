//! The area that glibc registers for every thread, since 2.35.

#![expect(unsafe_code, reason = "glibc's variables are reached by address")]

use super::{Answer, Area, Missing, kernel_may_not_abort};
use std::ffi::c_uint;
#[cfg(not(target_feature = "crt-static"))]
use {super::image::Image, std::ptr};

/// Returns the area, or what is missing: [`Missing::Glibc`] if nothing says that glibc knows of areas at all.
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
    /// `__rseq_offset`: from the thread pointer to the area.
    pub(super) offset: isize,
    /// `__rseq_size`: 0 if no area is registered.
    pub(super) size: c_uint,
}

impl Symbols {
    /// `--cfg striped_counter_old_glibc` takes every glibc for one that has none. That is for tests of an area
    /// of our own, where no such glibc is at hand; they have to tell glibc not to register one, too.
    pub(super) fn found() -> Option<Self> {
        if cfg!(striped_counter_old_glibc) { None } else { Self::of_glibc() }
    }

    /// As the loader's image has them, in a program that has a loader.
    #[cfg(not(target_feature = "crt-static"))]
    fn of_glibc() -> Option<Self> {
        let image = Image::of_loader()?;
        let at = |name| image.symbol(name).unwrap_or(0);
        let (offset, size) = (at(c"__rseq_offset"), at(c"__rseq_size"));
        Self::at(ptr::with_exposed_provenance(offset), ptr::with_exposed_provenance(size))
    }

    /// As the linker has put them into a program without a loader: by weak references, which are null where
    /// the C library lacks them.
    #[cfg(target_feature = "crt-static")]
    fn of_glibc() -> Option<Self> {
        let (offset, size) = super::arch::weak_symbols();
        Self::at(offset, size)
    }

    fn at(offset: *const isize, size: *const c_uint) -> Option<Self> {
        // SAFETY: null, or glibc's variable of this type, as the manual has it, which is initialised
        // before `main` and constant thereafter.
        let offset = unsafe { offset.as_ref() }?;
        // SAFETY: as above.
        let size = unsafe { size.as_ref() }?;
        Some(Self { offset: *offset, size: *size })
    }
}
