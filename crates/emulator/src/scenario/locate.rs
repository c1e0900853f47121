//! Where in a TOML file something stands.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The line of the value at `key`, as in `users[1].name`; of its nearest table, when there is no such value. Counted from 1.
pub(super) fn line_of_key(text: &str, key: &str) -> usize {
    let Ok(table) = DeTable::parse(text) else { return 1 };
    let root = table.into_inner();
    let mut at = 0..0;
    let mut place = Place::Table(&root);
    for step in key.split(['.', '[']).map(|step| step.trim_end_matches(']')) {
        let next = match place {
            Place::Table(table) => table.get(step).map(|value| (value.span(), value.get_ref())),
            Place::Value(DeValue::Array(items)) => {
                let item = step.parse::<usize>().ok().and_then(|index| items.get(index));
                item.map(|value| (value.span(), value.get_ref()))
            }
            Place::Value(_) => None,
        };
        let Some((span, value)) = next else { break };
        at = span;
        place = match value {
            DeValue::Table(table) => Place::Table(table),
            value => Place::Value(value),
        };
    }
    line_of(text, &at)
}

enum Place<'a> {
    Table(&'a DeTable<'a>),
    Value(&'a DeValue<'a>),
}

/// The line on which a span begins, counted from 1.
pub(super) fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_however_deep_and_else_what_is_around_it() {
        let text = "a = 1\n[b]\nc = [\n  'x',\n  'y',\n]\n[[d]]\ne = 1\n[[d]]\ne = { f = 2 }\n";
        for (key, line) in [
            ("a", 1),
            ("b", 2),
            ("b.c", 3),
            ("b.c[1]", 5),
            ("d[1].e.f", 10),
            ("d[1].g", 9),
            ("d[7]", 7),
            ("", 1),
        ] {
            assert_eq!(line_of_key(text, key), line, "{key}");
        }
        assert_eq!(line_of_key("= broken", "a"), 1);
    }
}
