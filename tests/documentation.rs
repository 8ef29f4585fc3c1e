//! What the pages name is there: files, tests, and the targets of links.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under `directory`, but for what builds leave behind.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let built = |path: &PathBuf| path.file_name().is_some_and(|name| name == "target");
    let entries = entries.filter(|path| !built(path));
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The READMEs and all pages under `docs`, with their text: none in a package, which lacks what is hidden,
/// raw figures, and the packages within.
fn pages() -> Vec<(PathBuf, String)> {
    if !root().join(".ci").exists() {
        return Vec::new();
    }
    let pages = files(&root().join("docs"))
        .into_iter()
        .chain([root().join("README.md"), root().join("examples/README.md")]);
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The code within a page's sentences: every other piece between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

/// A file or folder of the repository, as a sentence or a command names it.
fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let folders = ["src/", "tests/", "benches/", "examples/", "docs/", ".ci/", ".cargo/"];
    plain && folders.iter().any(|folder| word.starts_with(folder))
}

/// A name as long as only those of tests are.
fn is_test(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    plain && word.matches('_').count() >= 3
}

#[test]
fn every_file_that_a_page_names_is_there() {
    for (page, text) in pages() {
        for path in quoted(&text).flat_map(str::split_whitespace).filter(|word| is_path(word)) {
            assert!(root().join(path).exists(), "{}: {path} is not there", page.display());
        }
    }
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let folders = ["src", "tests", "benches", "examples", ".ci"].map(|folder| root().join(folder));
    let code = folders.iter().filter(|folder| folder.exists()).map(|folder| files(folder));
    let code = code.flatten().chain([root().join("Cargo.toml")]);
    let code: Vec<_> = code.filter_map(|path| fs::read_to_string(path).ok()).collect();
    for (page, text) in pages() {
        for test in quoted(&text).filter(|word| is_test(word)) {
            assert!(
                code.iter().any(|code| code.contains(test)),
                "{}: {test} is not there",
                page.display()
            );
        }
    }
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    for (page, text) in pages() {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let targets = targets.filter(|target| !target.is_empty() && !target.starts_with("http"));
        for target in targets {
            let path = page.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {target} leads nowhere", page.display());
        }
    }
}

#[test]
fn every_example_is_in_their_list() {
    let examples = root().join("examples");
    let list = fs::read_to_string(examples.join("README.md")).unwrap();
    for example in files(&examples).iter().filter(|path| path.parent() == Some(&examples)) {
        let name = example.file_name().unwrap().to_str().unwrap();
        assert!(name == "README.md" || list.contains(&format!("]({name})")), "{name}");
    }
}
