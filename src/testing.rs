//! Helpers for unit tests: a process per test, and a thread that is held up.

use std::{cell::RefCell, env, process::Command};

/// Runs `body` in a child process, as the only test there: that named `test` in `module`, the
/// caller's `module_path!()`. Prints what the child prints.
pub(crate) fn in_child(module: &str, test: &str, body: impl FnOnce()) {
    const CHILD: &str = "STRIPED_COUNTER_CHILD";
    let within_crate = module.split_once("::").map_or("", |(_, module)| module);
    let name = format!("{within_crate}::{test}");
    if env::var(CHILD).is_ok_and(|child| child == name) {
        return body();
    }
    let mut child = Command::new(env::current_exe().unwrap());
    let output = child
        .args(["--exact", "--include-ignored", "--nocapture", &name])
        .env(CHILD, &name)
        .output()
        .unwrap();
    let [printed, errors] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success() && printed.contains("1 passed"), "{name}: {printed}{errors}");
    print!("{printed}");
}

type Pause = Box<dyn FnMut()>;

std::thread_local! {
    static PAUSE: RefCell<Option<Pause>> = const { RefCell::new(None) };
}

/// Runs `body`, and calls `pause` in each place where the library lets a test hold up its thread.
pub(crate) fn with_pauses<T>(pause: impl FnMut() + 'static, body: impl FnOnce() -> T) -> T {
    PAUSE.set(Some(Box::new(pause)));
    let result = body();
    PAUSE.set(None);
    result
}

/// Calls what the test on this thread passed to [`with_pauses`], if any.
pub(crate) fn pause() {
    PAUSE.with_borrow_mut(|pause| {
        if let Some(pause) = pause {
            pause();
        }
    });
}
