//! Runs programs as processes, and checks that bad arguments lead to a clear error, the right exit code, and
//! nothing left behind.

#![cfg(unix)]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
    thread,
};

/// How a process ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        let [output, errors] =
            [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self { code: status.code(), output, errors }
    }

    /// Panics unless the process ended with `code` and an error that contains all of `words`, and did not panic.
    pub(crate) fn assert_error(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{words:?}: {self:?}");
        assert!(self.errors.starts_with("error: "), "{self:?}");
        assert!(!self.errors.contains("panicked"), "{self:?}");
        for word in words {
            assert!(self.errors.contains(word), "{word:?} is not in {self:?}");
        }
    }
}

/// Panics unless `command` is refused: it prints an error with all of `words`, and nothing else.
pub(crate) fn assert_refused(command: &mut Command, words: &[&str]) {
    let ended = Ended::of(command);
    ended.assert_error(2, words);
    assert_eq!(ended.output, "", "{ended:?}");
}

/// A directory for the calling test, removed when dropped.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        Self::named(OsStr::new(""))
    }

    /// Creates a directory whose name begins with `name`.
    pub(crate) fn named(name: &OsStr) -> Self {
        let test = thread::current().name().unwrap_or("test").replace(':', "_");
        let mut name = name.to_owned();
        name.push(format!("striped-counter.{}.{test}", process::id()));
        let path = env::temp_dir().join(name);
        // A run that was killed may have left one with the same process id.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns an argument that is not valid UTF-8.
pub(crate) fn not_text() -> OsString {
    OsString::from_vec(b"1\xff".to_vec())
}

/// Returns a command that runs `program` under a limit of the shell's `ulimit`. With `-f 0` no byte can be written
/// to a file, as on a full disk.
pub(crate) fn limited(limit: &str, program: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit {limit} || exit 99; exec \"$0\" \"$@\"");
    command.args(["-c", &script, program]);
    command
}

/// Returns an output that is always full, where the system has one.
pub(crate) fn full() -> Option<Stdio> {
    let full = Path::new("/dev/full");
    full.exists().then(|| fs::OpenOptions::new().write(true).open(full).unwrap().into())
}

/// Returns a pipe whose reader is closed.
pub(crate) fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}
