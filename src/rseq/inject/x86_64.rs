//! The faults as instructions of `x86_64`.

/// The number of boundaries, which are in the order of the section.
pub(crate) const BOUNDARIES: usize = 12;
/// The boundaries at which the kernel must abort; the last one is right before the commit.
pub(crate) const WITHIN: std::ops::Range<usize> = 1..11;

/// The delay at a boundary. `jrcxz` and `loop` leave the flags alone, which the section needs.
macro_rules! delay {
    ($boundary:literal) => {
        concat!(
            "mov rcx, [rip + STRIPED_COUNTER_DELAYS + 8 * ",
            $boundary,
            "]\njrcxz 6f\n5: loop 5b\n6:"
        )
    };
}
/// The seeded bug, right at the start of the section, where no flags are live yet.
macro_rules! disarm {
    () => {
        "cmp qword ptr [rip + STRIPED_COUNTER_DISARMED], 0\nje 6f\nmov qword ptr fs:[{area} + {rseq_cs} - {bias}], 0\n6:"
    };
}
/// In the abort handler.
macro_rules! count_abort {
    () => {
        "lock inc qword ptr [rip + STRIPED_COUNTER_ABORTS]"
    };
}
pub(crate) use {count_abort, delay, disarm};
