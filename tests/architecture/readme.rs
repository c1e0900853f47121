//! What README.md says of versions, commands and files.

use std::path::Path;

use crate::source::{assert_none, read, root};

#[test]
fn the_rust_version_named_is_the_one_that_is_needed() {
    let needed = needed_rust();
    let readme = read("README.md");
    let named = readme.split("Rust ").skip(1).filter_map(|after| {
        let version: String = after.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        version.contains('.').then(|| version.trim_end_matches('.').to_owned())
    });
    let wrong = named.filter(|version| *version != needed);
    assert_none(wrong.map(|version| format!("README.md names Rust {version}; Cargo.toml asks for {needed}")));
}

fn needed_rust() -> String {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    line.trim_matches('"').to_owned()
}

#[test]
fn every_example_named_is_there() {
    let readme = read("README.md");
    let named = readme.split("--example ").skip(1).map(word);
    let missing = named.filter(|name| !root().join(format!("examples/{name}.rs")).is_file());
    assert_none(missing.map(|name| format!("README.md runs the example {name}, which is not there")));
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-')).unwrap_or(text.len());
    &text[..end]
}

#[test]
fn every_file_linked_to_is_there() {
    let readme = read("README.md");
    let linked =
        readme.split("](").skip(1).filter_map(|after| after.split_once(')')).map(|(target, _)| target);
    let files = linked.filter(|target| !target.contains("://") && !target.starts_with('#'));
    let missing = files.filter(|target| {
        let (path, _) = target.split_once('#').unwrap_or((target, ""));
        !root().join(Path::new(path)).exists()
    });
    assert_none(missing.map(|target| format!("README.md links to {target}, which is not there")));
}
