//! A first add depends on no other thread: not on one that holds the loader's lock, nor on one that is
//! gone in the middle of its own.

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

/// Both ends of a pipe: what is read, and what is written to.
fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: there is room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the descriptors are new, and nobody else's.
    ends.map(|end| unsafe { File::from_raw_fd(end) }).into()
}

/// Compiles a library whose constructor writes a byte to `tells`, and returns when it has read one from
/// `waits`.
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
        // Threads are started before and end after: the standard library takes the loader's lock for that.
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
                // SAFETY: the library's constructor does as above, and nothing else is in it.
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

/// Whether the thread of [`adds_until_it_is_gone`] is about to add.
static ADDS: AtomicBool = AtomicBool::new(false);

/// The body of a thread that adds for the first time to one counter after another.
extern "C" fn adds_until_it_is_gone(backend: *mut libc::c_void) -> *mut libc::c_void {
    let backend = [Backend::PerCpu, Backend::PerThread, Backend::Striped][backend.addr()];
    ADDS.store(true, Ordering::Release);
    loop {
        Counter::builder().backend(backend).build().inc();
    }
}

/// Ends the thread that it interrupts, and nothing of it is undone.
extern "C" fn end(_: libc::c_int) {
    // SAFETY: ends the thread; nothing on its stack is anybody else's.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Whether all backends work in this process, where a thread of `backend` was ended after `steps`.
fn works_after_the_end_of_a_thread(backend: usize, steps: usize) -> bool {
    let end: extern "C" fn(libc::c_int) = end;
    // SAFETY: the handler makes one system call.
    unsafe { libc::signal(libc::SIGUSR1, end as libc::sighandler_t) };
    let mut thread = 0;
    let told = ptr::without_provenance_mut(backend);
    // SAFETY: the body takes the number for what it is; default attributes.
    let made =
        unsafe { libc::pthread_create(&raw mut thread, ptr::null(), adds_until_it_is_gone, told) };
    assert_eq!(made, 0);
    while !ADDS.load(Ordering::Acquire) {
        std::hint::spin_loop();
    }
    for _ in 0..steps {
        std::hint::spin_loop();
    }
    // SAFETY: the thread does not end by itself, and is joined below, once.
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
