//! The files of the repository, as text.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file.
pub(crate) struct Source {
    /// From the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn at(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self { path: path.to_owned(), text: read(path) }
    }

    /// Whether the file is nothing but tests: those may use anything.
    pub(crate) fn is_test(&self) -> bool {
        self.path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
    }

    /// The code, without comments and without the tests, which by our style stand at the end.
    pub(crate) fn code(&self) -> String {
        let code = self.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        // `//` inside a string, as of an address, takes the rest of the line along. What is looked for is not there.
        let lines = code.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The names that follow `prefix` where it begins a path: `a` of `crate::a::b`, for `crate::`. A path that is spread
    /// over braces gives each name in them.
    pub(crate) fn names_after(&self, prefix: &str) -> Vec<String> {
        let code = self.code();
        let begins = |at: &usize| !code[..*at].ends_with(|before: char| is_part_of_path(before));
        let starts = code.match_indices(prefix).map(|(at, _)| at).filter(begins);
        starts.flat_map(|at| first_names(&code[at + prefix.len()..])).collect()
    }
}

fn is_part_of_path(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | ':')
}

/// The first name of a path, or of each path of a `{..}` of paths.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |path: &str| path.trim_start().chars().take_while(|&c| is_part_of_path(c) && c != ':').collect();
    let Some(braced) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut depth, mut at_start) = (Vec::new(), 1, true);
    for (at, character) in braced.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => at_start = true,
            _ if at_start && is_part_of_path(character) => {
                names.push(name(&braced[at..]));
                at_start = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Every Rust file below `folder`, which is given from the root of the repository.
pub(crate) fn sources(folder: impl AsRef<Path>) -> Vec<Source> {
    let mut found = Vec::new();
    collect(folder.as_ref(), &mut found);
    assert!(!found.is_empty(), "{} holds Rust files", folder.as_ref().display());
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(Source::at(path));
        }
    }
}

/// A file, by its path from the root of the repository.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with all of `wrong` at once, one a line.
pub(crate) fn assert_none(wrong: impl IntoIterator<Item = String>) {
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}

#[test]
fn names_are_found_where_a_path_begins_and_nowhere_else() {
    let text = "use crate::a::B;\nuse crate::{c::{D, e}, F as G, h};\nlet x = other_crate::i();\n\
                // crate::j\nfn k() -> crate::l::M { ::crate::n() } // crate::o\n\
                \n#[cfg(test)]\nmod tests {\n    use crate::p;\n}\n";
    let source = Source { path: PathBuf::new(), text: text.to_owned() };
    assert_eq!(source.names_after("crate::"), ["a", "c", "F", "h", "l"]);
}
