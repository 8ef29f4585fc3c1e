//! Files that are written as a whole, or not at all.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    process,
};

pub struct File {
    pub name: String,
    pub text: String,
}

/// Checks, as far as possible in advance, that files with these names can be written to
/// `directory`, which is created if it does not exist.
pub fn check(directory: &Path, names: &[String]) -> io::Result<()> {
    if !names.is_empty() && !directory.as_os_str().is_empty() {
        fs::create_dir_all(directory)?;
    }
    for name in names {
        if directory.join(name).is_dir() {
            return Err(io::Error::other(format!("{name} is a directory there")));
        }
        let probe = temporary(directory, name);
        fs::write(&probe, "")?;
        fs::remove_file(&probe)?;
    }
    Ok(())
}

/// Writes all files under temporary names, and then renames them.
pub fn save(directory: &Path, files: &[File]) -> io::Result<()> {
    let saved = files.iter().try_for_each(|file| write(directory, file));
    let saved = saved.and_then(|()| files.iter().try_for_each(|file| publish(directory, file)));
    if saved.is_err() {
        for file in files {
            // Fails for those that were already renamed or never written.
            let _ = fs::remove_file(temporary(directory, &file.name));
        }
    }
    saved
}

fn write(directory: &Path, file: &File) -> io::Result<()> {
    let path = temporary(directory, &file.name);
    let written = fs::File::create(&path).and_then(|mut output| {
        output.write_all(file.text.as_bytes())?;
        // A full disk may be reported only now.
        output.sync_all()
    });
    written.map_err(|error| cannot_write(&directory.join(&file.name), &error))
}

fn publish(directory: &Path, file: &File) -> io::Result<()> {
    let path = directory.join(&file.name);
    fs::rename(temporary(directory, &file.name), &path).map_err(|error| cannot_write(&path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

/// Returns a name in the same directory, so that the file can be renamed.
fn temporary(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".{name}.{}", process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, thread};

    const NAMES: [&str; 2] = ["results.csv", "results.svg"];

    /// Creates an empty directory for the calling test.
    fn directory() -> PathBuf {
        let test = thread::current().name().unwrap_or("test").replace(':', "_");
        let path = env::temp_dir().join(format!("contention.{}.{test}", process::id()));
        // A killed run with the same process id may have left one.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        path
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn results() -> [File; 2] {
        NAMES.map(|name| File { text: format!("this is {name}\n"), name: name.to_owned() })
    }

    #[test]
    fn results_replace_older_ones() {
        let directory = directory();
        fs::write(directory.join(NAMES[0]), "older and longer than what replaces it").unwrap();
        check(&directory, &NAMES.map(str::to_owned)).unwrap();
        save(&directory, &results()).unwrap();
        assert_eq!(names(&directory), NAMES);
        assert_eq!(fs::read_to_string(directory.join(NAMES[0])).unwrap(), "this is results.csv\n");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_failure_leaves_no_partial_file() {
        let directory = directory();
        // The second file cannot be written, since its directory does not exist.
        let missing = File { name: "missing/results.svg".to_owned(), text: String::new() };
        let [csv, _] = results();
        let error = save(&directory, &[csv, missing]).unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
        assert!(names(&directory).is_empty());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn directories_that_cannot_take_the_results_are_found() {
        let directory = directory();
        let [csv, svg] = NAMES.map(str::to_owned);
        check(&directory.join("missing/too"), &[]).unwrap();
        assert!(names(&directory).is_empty(), "nothing is made for nothing");
        check(&directory.join("missing/too"), std::slice::from_ref(&csv)).unwrap();
        fs::remove_dir_all(directory.join("missing")).unwrap();
        fs::create_dir(directory.join(&svg)).unwrap();
        assert!(check(&directory, &[csv.clone(), svg]).is_err());
        check(&directory, &[csv]).unwrap();
        assert_eq!(names(&directory), NAMES[1..], "nothing is left of the check");
        fs::remove_dir_all(directory).unwrap();
    }
}
