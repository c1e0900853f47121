//! One file, one job: how long files may be.

use crate::source::{assert_none, sources};

/// From here on a file says why.
const LONG: usize = 400;

/// No reason is good enough for more.
const TOO_LONG: usize = 800;

/// How a line begins that says why a file is long. It stands with the file's other comments at the top level:
///
/// ```text
/// // Long because every packet type has its parser here, and they share the tables.
/// ```
const REASON: &str = "// Long because ";

#[test]
fn files_are_short_or_say_why_and_none_is_too_long() {
    let all = ["crates", "examples", "tests", "benches"].into_iter().flat_map(sources);
    assert_none(all.filter_map(|source| {
        let lines = source.text.lines().count();
        let says_why = source.text.lines().any(|line| line.starts_with(REASON) && line.len() > REASON.len());
        let path = source.path.display();
        match lines {
            _ if lines > TOO_LONG => Some(format!("{path} has {lines} lines, above {TOO_LONG}")),
            _ if lines > LONG && !says_why => Some(format!(
                "{path} has {lines} lines, above {LONG}, and no line that begins with {REASON:?}"
            )),
            _ => None,
        }
    }));
}
