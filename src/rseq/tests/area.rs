//! Where the area is, and what it tells.

use super::{
    super::{Area, abi, arch::thread_pointer, has_dense},
    affinity, area, set_affinity,
};
use std::thread;

#[test]
fn the_area_is_the_same_every_time() {
    assert_eq!(area(), area());
    assert!(area().is_err() || area().is_ok_and(|area| area.raw().cast_signed() > 0));
}

/// The major and minor version of the kernel.
fn kernel() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[test]
fn the_area_is_found_wherever_glibc_has_one_and_tells_the_cpu() {
    // SAFETY: the name is a C string.
    let size = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()) };
    // SAFETY: null, or glibc's variable of this type.
    let size = unsafe { size.cast::<std::ffi::c_uint>().as_ref() };
    assert_eq!(area().is_ok(), size.is_some_and(|&size| size > 0), "{:?}", area());
    let Ok(area) = area() else { return };
    if kernel() >= (6, 3) {
        assert!(has_dense());
    }
    let pinned_to = |cpu| {
        set_affinity(0, [cpu]);
        let cpu_id = thread_pointer().wrapping_add_signed(area.offset()) + abi::CPU_ID as usize;
        // SAFETY: a field of the calling thread's area.
        let told = unsafe { std::ptr::with_exposed_provenance::<u32>(cpu_id).read_volatile() };
        assert_eq!(told as usize, cpu);
    };
    for cpu in affinity() {
        thread::scope(|scope| scope.spawn(move || pinned_to(cpu)).join().unwrap());
    }
}

#[test]
fn an_area_may_be_on_either_side_of_the_thread_pointer_and_is_a_positive_number() {
    // glibc 2.36 has it above, other versions below.
    for offset in [2_464, -128, 0, -(1 << 29), (1 << 29) - 32] {
        let raw = Area::new(offset).unwrap().raw();
        assert_eq!(Area::from_raw(raw).offset(), offset);
        assert!(raw >= Area::LEAST && raw.cast_signed() > 0, "{offset}: {raw:x}");
    }
    for offset in [isize::MIN, -(1 << 29) - 1, 1 << 29, isize::MAX] {
        assert!(Area::new(offset).is_none(), "{offset}");
    }
}
