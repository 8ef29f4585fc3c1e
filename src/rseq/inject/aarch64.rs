//! The faults as instructions of aarch64.

/// The number of boundaries, which are in the order of the section.
pub(crate) const BOUNDARIES: usize = 12;
/// The boundaries at which the kernel must abort; the last one is right before the commit.
pub(crate) const WITHIN: std::ops::Range<usize> = 1..11;

/// The delay at a boundary. `cbz`, `sub` and `cbnz` leave the flags alone, which the section needs.
macro_rules! delay {
    ($boundary:literal) => {
        concat!(
            "adrp {delay}, STRIPED_COUNTER_DELAYS + 8 * ",
            $boundary,
            "\nldr {delay}, [{delay}, :lo12:STRIPED_COUNTER_DELAYS + 8 * ",
            $boundary,
            "]\ncbz {delay}, 6f\n5: sub {delay}, {delay}, #1\ncbnz {delay}, 5b\n6:"
        )
    };
}
/// The seeded bug, right at the start of the section, where x16 is free.
macro_rules! disarm {
    () => {
        "adrp x16, STRIPED_COUNTER_DISARMED\nldr x16, [x16, :lo12:STRIPED_COUNTER_DISARMED]\ncbz x16, 6f\nstr xzr, [{place}, {rseq_cs}]\n6:"
    };
}
/// In the abort handler, where all these registers are free. Works on any aarch64, so it does not
/// use `ldadd`.
macro_rules! count_abort {
    () => {
        "adrp x16, STRIPED_COUNTER_ABORTS\nadd x16, x16, :lo12:STRIPED_COUNTER_ABORTS\n5: ldxr x17, [x16]\nadd x17, x17, #1\nstxr {delay:w}, x17, [x16]\ncbnz {delay:w}, 5b"
    };
}
pub(crate) use {count_abort, delay, disarm};
