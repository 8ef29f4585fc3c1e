//! Conversions that only change the sign of the same bits, as `cast_signed` and `cast_unsigned` of
//! Rust 1.87 do.

#![expect(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "wrapping is the purpose")]

#[inline(always)]
pub(crate) const fn signed(n: u64) -> i64 {
    n as i64
}

#[inline(always)]
pub(crate) const fn unsigned(n: i64) -> u64 {
    n as u64
}

#[inline(always)]
pub(crate) const fn signed_32(n: u32) -> i32 {
    n as i32
}

#[inline(always)]
pub(crate) const fn signed_size(n: usize) -> isize {
    n as isize
}

#[inline(always)]
pub(crate) const fn unsigned_size(n: isize) -> usize {
    n as usize
}
