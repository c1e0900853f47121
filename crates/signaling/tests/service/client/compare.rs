//! Comparing what is sent with what Graph's pages show, member by member.

use serde_json::Value;

/// Where two objects differ: `-/a` is only on the page, `+/a` only sent, `!/a` another value. Elements of arrays
/// share the path `[]`.
pub(super) fn differences(page: &Value, sent: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(page, sent, "", &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect(page: &Value, sent: &Value, path: &str, found: &mut Vec<String>) {
    match (page, sent) {
        (Value::Object(page), Value::Object(sent)) => {
            for (name, value) in page {
                let path = format!("{path}/{name}");
                match sent.get(name) {
                    Some(other) => collect(value, other, &path, found),
                    None => found.push(format!("-{path}")),
                }
            }
            let added = sent.keys().filter(|name| !page.contains_key(*name));
            found.extend(added.map(|name| format!("+{path}/{name}")));
        }
        (Value::Array(page), Value::Array(sent)) if page.len() == sent.len() => {
            for (one, other) in page.iter().zip(sent) {
                collect(one, other, &format!("{path}/[]"), found);
            }
        }
        _ if page == sent => {}
        _ => found.push(format!("!{path}")),
    }
}

/// Asserts that what is sent is what the page shows, but for these differences.
#[track_caller]
pub(super) fn assert_as_on_the_page(name: &str, sent: &Value, but_for: &[&str]) {
    let mut expected: Vec<&str> = but_for.to_vec();
    expected.sort_unstable();
    assert_eq!(differences(&fixture(name), sent), expected, "{name}");
}

/// An example of Graph's pages: the founding page's, or another's.
#[track_caller]
pub(super) fn fixture(name: &str) -> Value {
    let folder = if name.starts_with("ex") { "graph-examples" } else { "graph-examples-other" };
    let path = format!("{}/tests/fixtures/{folder}/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn each_kind_of_difference_is_found() {
    let page = serde_json::json!({"a": 1, "b": [{"c": 1}, {"c": 2}], "d": null, "same": [1]});
    let sent = serde_json::json!({"a": 2, "b": [{}, {"c": 2, "e": 3}], "same": [1], "f": {}});
    assert_eq!(differences(&page, &sent), ["!/a", "+/b/[]/e", "+/f", "-/b/[]/c", "-/d"]);
    assert_eq!(differences(&page, &page), Vec::<String>::new());
    assert_eq!(differences(&serde_json::json!([1]), &serde_json::json!([1, 2])), ["!"]);
}
