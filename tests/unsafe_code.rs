//! Every unsafe block of `src/` is accounted for in `docs/security.md`, and is commented.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns all Rust files under `directory`, except unit tests and models.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let entries = entries
        .filter(|path| path.file_stem().is_none_or(|stem| stem != "tests" && stem != "models"));
    let nested = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    nested.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Returns how often each file contains `what`, without the files that do not.
fn counts(what: &str) -> BTreeMap<String, usize> {
    let count = |path: PathBuf| {
        let count = fs::read_to_string(&path).unwrap().matches(what).count();
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        (count > 0).then_some((name, count))
    };
    sources(&root().join("src")).into_iter().filter_map(count).collect()
}

/// Returns the table: lines that begin with a file and a number.
fn documented() -> BTreeMap<String, usize> {
    let page = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `src/")?.split(" | ");
        let file = cells.next()?.strip_suffix('`')?;
        Some((format!("src/{file}"), cells.next()?.parse().ok()?))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn the_table_of_unsafe_blocks_is_that_of_the_source() {
    assert_eq!(documented(), counts("unsafe {"));
}

#[test]
fn every_unsafe_block_has_its_comment() {
    let comments = counts("SAFETY: ");
    for (file, blocks) in counts("unsafe {") {
        let comments = comments.get(&file).copied().unwrap_or_default();
        assert!(comments >= blocks, "{file}: {blocks} blocks, {comments} comments");
    }
}
