//! Where the area is, and what it says.

use super::{
    super::{
        Area, abi, arch::thread_pointer, glibc::Symbols, has_dense, kernel, kernel_may_not_abort,
    },
    PER_CPU, affinity, area, set_affinity,
};
use std::thread;

#[test]
fn the_area_is_the_same_every_time() {
    assert_eq!(area(), area());
    assert!(area().is_err() || area().is_ok_and(|area| area.raw() >> 31 == 0));
}

/// Returns the kernel's release, from a different source than the look-up uses.
fn release() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    release.trim_end().to_owned()
}

/// Returns the major and minor version of the kernel.
fn version() -> (u32, u32) {
    let release = release();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[test]
fn a_kernel_that_may_not_abort_sections_is_refused_with_the_first_good_versions() {
    let asked = cfg!(all(target_arch = "aarch64", not(striped_counter_any_kernel)));
    let refused = asked && kernel::may_not_abort(release().as_bytes());
    assert_eq!(kernel_may_not_abort(), refused, "{}", release());
    let first_good_versions = ["6.19 to 7.0.13", "preemption", "7.0.14", "7.1"];
    let names_them =
        area().is_err_and(|missing| first_good_versions.iter().all(|part| missing.contains(part)));
    // Without any area, a different error is returned.
    assert_eq!(names_them, refused && there_is_one(), "{:?}", area());
}

/// Returns whether glibc has registered an area. If there is no sign of that, the crate does, if
/// the kernel allows it.
fn there_is_one() -> bool {
    match Symbols::found() {
        Some(symbols) => symbols.size > 0,
        None => !matches!(area(), Err(missing) if missing.contains("refuses rseq(2)")),
    }
}

#[test]
fn the_area_is_found_where_there_is_one_and_has_the_cpu() {
    let expected = there_is_one() && !kernel_may_not_abort();
    assert_eq!(area().is_ok(), expected, "{:?}", area());
    let Ok(area) = area() else { return };
    if version() >= (6, 3) {
        assert!(has_dense());
    }
    let pinned_to = |cpu| {
        set_affinity(0, [cpu]);
        // An area of our own is there from the first add on.
        PER_CPU.build().inc();
        let cpu_id = thread_pointer().wrapping_add(area.distance()) + abi::CPU_ID as usize;
        // SAFETY: a field of the calling thread's area.
        let id = unsafe { std::ptr::with_exposed_provenance::<u32>(cpu_id).read_volatile() };
        assert_eq!(id as usize, cpu);
    };
    for cpu in affinity() {
        thread::scope(|scope| scope.spawn(move || pinned_to(cpu)).join().unwrap());
    }
}

#[test]
fn an_area_may_be_on_either_side_of_the_thread_pointer_and_is_a_positive_number() {
    // In glibc 2.36 the area is above the thread pointer, in other versions below.
    for offset in [2_464, -128, 0, -(1 << 28), (1 << 28) - 32] {
        let distance = 0_usize.wrapping_add_signed(offset);
        let raw = Area::new(distance).unwrap().raw();
        assert_eq!(Area::from_raw(raw).distance(), distance);
        assert!(raw >= Area::LEAST && raw >> 31 == 0, "{offset}: {raw:x}");
    }
    for offset in [isize::MIN, -(1 << 28) - 1, 1 << 28, isize::MAX] {
        assert!(Area::new(0_usize.wrapping_add_signed(offset)).is_none(), "{offset}");
    }
}
