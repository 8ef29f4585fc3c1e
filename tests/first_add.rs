//! A first add depends on no other thread: neither on one that holds the loader's lock, nor on one that ended
//! in the middle of its own first add.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(unsafe_code, reason = "pipes, the loader, and threads that end by themselves")]

mod support;

use std::{
    ffi::CString,
    fs::File,
    io::{Read, Write},
    os::fd::{AsRawFd, FromRawFd},
    os::unix::ffi::OsStrExt,
    process::Command,
    ptr,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use striped_counter::{Backend, Counter};
use support::{
    Case, alone, auto,
    children::{Ended, in_child_for},
    processes::Directory,
};

/// Returns both ends of a pipe: the one to read from and the one to write to.
fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: there is room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the descriptors are new, and owned by nothing else.
    ends.map(|end| unsafe { File::from_raw_fd(end) }).into()
}

/// Compiles a library whose constructor writes a byte to `tells` and then waits for one from `waits`.
fn library(folder: &Directory, tells: &File, waits: &File) -> CString {
    let source = format!(
        "#include <unistd.h>\n\
         __attribute__((constructor)) static void begin(void) {{\n\
             char byte = 0;\n\
             if (write({}, &byte, 1) != 1 || read({}, &byte, 1) != 1) _exit(3);\n\
         }}\n",
        tells.as_raw_fd(),
        waits.as_raw_fd()
    );
    let [source_path, path] = ["slow.c", "libslow.so"].map(|name| folder.0.join(name));
    std::fs::write(&source_path, source).unwrap();
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&path, &source_path]).status();
    assert!(compiled.unwrap().success());
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

#[test]
fn a_first_add_does_not_wait_for_a_library_that_is_being_loaded() {
    alone("a_first_add_does_not_wait_for_a_library_that_is_being_loaded", || {
        let folder = Directory::new();
        let ((mut told, tells), (waits, mut free)) = (pipe(), pipe());
        let library = library(&folder, &tells, &waits);
        // All threads start before this and end after it: the standard library takes the loader's lock for
        // both.
        let counters: Vec<_> =
            Case::all().map(|case| case.set(Counter::builder()).build()).collect();
        let [ready, begin, added] = [0; 3].map(|_| Barrier::new(counters.len() + 1));
        thread::scope(|scope| {
            for counter in &counters {
                let (ready, begin, added) = (&ready, &begin, &added);
                scope.spawn(move || {
                    ready.wait();
                    begin.wait();
                    counter.inc();
                    added.wait();
                });
            }
            ready.wait();
            let loader = scope.spawn(|| {
                // SAFETY: the library consists of the constructor described above.
                unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW).addr() }
            });
            told.read_exact(&mut [0]).unwrap();
            // SAFETY: no requirement. An add that waits for the loader is killed, with the process.
            unsafe { libc::alarm(30) };
            begin.wait();
            added.wait();
            // SAFETY: as above.
            unsafe { libc::alarm(0) };
            free.write_all(&[0]).unwrap();
            assert_ne!(loader.join().unwrap(), 0, "the library was not loaded");
        });
        assert!(counters.iter().all(|counter| counter.sum() == 1));
        assert_eq!(Counter::new().backend(), auto());
    });
}

/// Set once the thread of [`adds_until_it_is_gone`] is about to add.
static ADDS: AtomicBool = AtomicBool::new(false);

/// The body of a thread that makes first adds to one counter after another.
extern "C" fn adds_until_it_is_gone(backend: *mut libc::c_void) -> *mut libc::c_void {
    let backend = [Backend::PerCpu, Backend::PerThread, Backend::Striped][backend.addr()];
    ADDS.store(true, Ordering::Release);
    loop {
        Counter::builder().backend(backend).build().inc();
    }
}

/// Ends the thread that it interrupts, without unwinding or destructors.
extern "C" fn end(_: libc::c_int) {
    // SAFETY: ends the thread, and no other thread refers to its stack.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Returns whether all backends still work after a thread that used `backend` was ended after `steps`.
fn works_after_the_end_of_a_thread(backend: usize, steps: usize) -> bool {
    let end: extern "C" fn(libc::c_int) = end;
    // SAFETY: the handler makes one system call.
    unsafe { libc::signal(libc::SIGUSR1, end as libc::sighandler_t) };
    let mut thread = 0;
    let argument = ptr::without_provenance_mut(backend);
    // SAFETY: the body casts the pointer back to the number; default attributes.
    let made = unsafe {
        libc::pthread_create(&raw mut thread, ptr::null(), adds_until_it_is_gone, argument)
    };
    assert_eq!(made, 0);
    while !ADDS.load(Ordering::Acquire) {
        std::hint::spin_loop();
    }
    for _ in 0..steps {
        std::hint::spin_loop();
    }
    // SAFETY: the thread does not end by itself, and is joined once, below.
    unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
    // SAFETY: as above.
    unsafe { libc::pthread_join(thread, ptr::null_mut()) };
    Case::all().all(|case| {
        let counter = case.set(Counter::builder()).build();
        counter.add(2);
        thread::scope(|scope| scope.spawn(|| counter.add(3)).join().unwrap());
        counter.shards() > 0 && counter.sum() == 5 && counter.take() == 5
    })
}

#[test]
fn a_thread_that_ends_in_the_middle_of_its_first_add_breaks_no_other() {
    for round in 0..150 {
        let works = || works_after_the_end_of_a_thread(round % 3, round * round);
        let ended = in_child_for(60, || i32::from(!works()));
        assert_eq!(ended, Ended::Returned(0), "round {round}");
    }
}
