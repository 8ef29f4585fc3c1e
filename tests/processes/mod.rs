//! Programs run as processes, and what they are held to whatever they are told: a clear error, the
//! right exit code, and nothing left behind.

#![allow(dead_code, reason = "every test file takes what it needs")]

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
    thread,
};

/// What has become of a process.
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

    /// Panics unless it has ended with `code` after an error that has all of `words`, and no panic.
    pub(crate) fn assert_error(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{words:?}: {self:?}");
        assert!(self.errors.starts_with("error: "), "{self:?}");
        assert!(!self.errors.contains("panicked"), "{self:?}");
        for word in words {
            assert!(self.errors.contains(word), "{word:?} is not in {self:?}");
        }
    }
}

/// A wrong option is refused at once: nothing is printed but the error.
pub(crate) fn assert_refused(command: &mut Command, words: &[&str]) {
    let ended = Ended::of(command);
    ended.assert_error(2, words);
    assert_eq!(ended.output, "", "{ended:?}");
}

/// A directory of the calling test's own, which goes when dropped.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        Self::named(OsStr::new(""))
    }

    /// With a name that begins with `name`.
    pub(crate) fn named(name: &OsStr) -> Self {
        let test = thread::current().name().unwrap_or("test").replace(':', "_");
        let mut name = name.to_owned();
        name.push(format!("striped-counter.{}.{test}", process::id()));
        let path = env::temp_dir().join(name);
        // A run that was killed may have left one, with the same process id.
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

/// What is no text.
pub(crate) fn not_text() -> OsString {
    OsString::from_vec(b"1\xff".to_vec())
}

/// `program` under a limit of the shell's `ulimit`, such as `-f 0`: no byte can be written to a file,
/// as on a full disk.
pub(crate) fn limited(limit: &str, program: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit {limit} || exit 99; exec \"$0\" \"$@\"");
    command.args(["-c", &script, program]);
    command
}

/// A place to write to that is always full, where there is one.
pub(crate) fn full() -> Option<Stdio> {
    let full = Path::new("/dev/full");
    full.exists().then(|| fs::OpenOptions::new().write(true).open(full).unwrap().into())
}

/// A pipe whose reader has gone away.
pub(crate) fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}
