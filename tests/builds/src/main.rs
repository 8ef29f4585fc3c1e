//! Prints the backend at work here and in each of the libraries that the arguments name, if all of them
//! count exactly, at the same time.

use std::{env, ffi::CString, os::unix::ffi::OsStringExt as _, process::exit, thread};
use striped_counter_builds::striped_counter_builds_backend;

type Backend = extern "C" fn() -> libc::c_int;

fn load(path: std::ffi::OsString) -> Backend {
    let path = CString::new(path.into_vec()).expect("an argument has no zero byte");
    // SAFETY: the library does nothing when it is loaded. It stays loaded.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    assert!(!library.is_null(), "{path:?} cannot be loaded");
    // SAFETY: `library` is loaded, and the name ends with a zero byte.
    let backend = unsafe { libc::dlsym(library, c"striped_counter_builds_backend".as_ptr()) };
    assert!(!backend.is_null(), "{path:?} lacks the function");
    // SAFETY: the name is that of a function with this type.
    unsafe { std::mem::transmute::<*mut libc::c_void, Backend>(backend) }
}

fn main() {
    let loaded = env::args_os().skip(1).map(load);
    let all: Vec<Backend> =
        [striped_counter_builds_backend as Backend].into_iter().chain(loaded).collect();
    let running: Vec<_> = all.into_iter().map(|backend| thread::spawn(move || backend())).collect();
    let backends: Vec<_> =
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    for backend in &backends {
        let name = match backend {
            1 => "PerCpu",
            2 => "PerThread",
            3 => "Striped",
            _ => "a wrong sum",
        };
        println!("{name}");
    }
    exit(i32::from(backends.contains(&-1)));
}
