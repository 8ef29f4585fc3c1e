//! What the pages name is there: files, tests, and the targets of links, in the repository and in rustdoc.

use std::{
    collections::BTreeMap,
    env, fs,
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

/// Whether this is a package, which lacks hidden files, raw figures, and the packages within.
fn is_package() -> bool {
    !root().join(".ci").exists()
}

/// The README and all pages under `docs`, with their text: none in a package, where some of what they name is missing.
fn pages() -> Vec<(PathBuf, String)> {
    if is_package() {
        return Vec::new();
    }
    let pages = files(&root().join("docs"))
        .into_iter()
        .chain(["README.md", "examples/README.md"].map(|page| root().join(page)));
    let pages = pages.filter(|path| has_extension(path.to_str().unwrap(), "md"));
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
fn every_seeded_bug_is_on_the_assurance_page() {
    let page = read("docs/assurance.md");
    let folders = ["src", "tests"].map(|folder| files(&root().join(folder)));
    let code = folders.concat().into_iter().filter_map(|path| fs::read_to_string(path).ok());
    for code in code {
        let tests = code.split("fn seeded_").skip(1).filter_map(|rest| rest.split('(').next());
        for test in tests.filter(|test| is_test(test)) {
            assert!(page.contains(&format!("`seeded_{test}`")), "seeded_{test} is not on the page");
        }
    }
}

/// The definitions of links in a page, `[label]: target`.
fn definitions(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().filter(|line| line.starts_with('['));
    lines.filter_map(|line| line[1..].split_once("]: "))
}

/// The anchor that a heading gets, in the repository and in rustdoc.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The file that `target`, a link in `page`, leads to.
fn followed(page: &Path, target: &str) -> PathBuf {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { page.into() } else { page.parent().unwrap().join(path) };
    let file = file.canonicalize().unwrap_or_else(|_| panic!("{}: {target}", page.display()));
    let has =
        |text: String| text.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
    let found = heading.is_empty() || has(fs::read_to_string(&file).unwrap());
    assert!(found, "{}: {target} has no such heading", page.display());
    file
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|other| other == extension)
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    for (page, text) in pages() {
        let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let targets = inline.chain(definitions(&text).map(|(_, target)| target));
        for target in targets.filter(|target| !target.starts_with("http")) {
            followed(&page, target);
        }
    }
}

/// In rustdoc, the definitions of `src/guide/links.md` take the place of a page's own. So there every
/// link has one, and both lead to the same.
#[test]
fn links_lead_to_the_same_in_the_repository_and_in_rustdoc() {
    let links = read("src/guide/links.md");
    let guide = read("src/guide.rs");
    let modules = guide.split("page!(").skip(1).filter_map(|rest| rest.split_once(", \""));
    let modules = modules.filter_map(|(name, rest)| Some((name, rest.split('"').next()?)));
    let modules =
        modules.map(|(name, path)| (format!("crate::guide::{name}"), format!("docs/{path}")));
    let top = [("crate", "README.md"), ("crate::guide", "docs/README.md")];
    let top = top.map(|(module, path)| (module.to_string(), path.to_string()));
    let modules: Vec<_> = modules.chain(top).collect();
    for (page, text) in pages() {
        let own: Vec<_> = definitions(&text)
            .filter(|(_, to)| !to.starts_with("http") && !has_extension(to, "svg"))
            .collect();
        for (label, target) in &own {
            let file = followed(&page, target);
            let rustdoc = definitions(&links).find(|(other, _)| other == label);
            let (_, item) = rustdoc.unwrap_or_else(|| panic!("{}: [{label}]", page.display()));
            let item = item.split('#').next().unwrap();
            match modules.iter().find(|(module, _)| module == item) {
                Some((_, path)) => {
                    assert_eq!(
                        file,
                        root().join(path).canonicalize().unwrap(),
                        "{}: [{label}]",
                        page.display()
                    );
                }
                None => {
                    assert!(file.starts_with(root().join("src")), "{}: [{label}]", page.display());
                }
            }
        }
        for (label, _) in definitions(&links) {
            let used = text.contains(&format!("[{label}]"));
            let defined = own.iter().any(|(other, _)| *other == label);
            assert_eq!(used, defined, "{}: [{label}] is used or defined, not both", page.display());
        }
        let inline = text
            .split("](")
            .skip(1)
            .find(|rest| !rest.starts_with("http") && !rest.starts_with('#'));
        assert_eq!(inline, None, "{}: rustdoc cannot follow this link", page.display());
    }
}

/// Rustdoc's pages have no files next to them, so pictures are in their text. To write them anew:
/// `BLESS=1 cargo test --test documentation`.
#[test]
fn pictures_in_rustdoc_are_those_of_the_repository() {
    let mut pictures = BTreeMap::new();
    for (page, text) in pages() {
        for (label, target) in definitions(&text).filter(|(_, target)| has_extension(target, "svg"))
        {
            let encoded = encode(&fs::read_to_string(followed(&page, target)).unwrap());
            let other = pictures.insert(label.to_string(), encoded.clone());
            assert!(other.is_none_or(|other| other == encoded), "[{label}] is two pictures");
        }
    }
    if pictures.is_empty() {
        return; // A package: see `pages`.
    }
    let lines = pictures.iter().map(|(label, picture)| format!("[{label}]: {picture}\n"));
    let lines: String = lines.collect();
    if env::var_os("BLESS").is_some() {
        fs::write(root().join("src/guide/pictures.md"), &lines).unwrap();
    }
    assert!(read("src/guide/pictures.md") == lines, "src/guide/pictures.md is not up to date");
}

/// An SVG as a `data:` URI, which has no character that ends a link in Markdown.
fn encode(svg: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/:=,;".contains(&byte);
    let encoded = svg.bytes().map(|byte| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    });
    format!("data:image/svg+xml,{}", encoded.collect::<String>())
}

#[test]
fn every_example_is_in_the_list_of_examples() {
    let list = read("examples/README.md");
    let examples =
        fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    for example in examples.filter(|path| has_extension(path.to_str().unwrap(), "rs")) {
        let name = example.file_name().unwrap().to_str().unwrap();
        assert!(list.contains(&format!("`{name}`")), "{name} is not in the list");
    }
}
