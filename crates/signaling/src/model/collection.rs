//! A page of a collection.

use serde::{Deserialize, Serialize};

use super::{Field, Other, UnknownProperties};

/// What a `GET` of a collection answers: one page of it, and where the next one is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub struct Collection<T> {
    /// `@odata.context` of the answer.
    #[serde(rename = "@odata.context", default, skip_serializing_if = "Field::is_absent")]
    pub odata_context: Field<String>,
    /// Where the next page is; absent on the last one.
    #[serde(rename = "@odata.nextLink", default, skip_serializing_if = "Field::is_absent")]
    pub next_link: Field<String>,
    /// The elements of this page.
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub value: Field<Vec<T>>,
    /// Properties that this version does not know.
    #[serde(flatten)]
    pub other: Other,
}

impl<T> Collection<T> {
    /// A whole collection on one page.
    pub fn of(elements: Vec<T>) -> Self {
        Self { value: elements.into(), ..Self::default() }
    }

    /// The elements of this page.
    pub fn items(&self) -> &[T] {
        self.value.items()
    }
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self {
            odata_context: Field::Absent,
            next_link: Field::Absent,
            value: Field::Absent,
            other: Other::default(),
        }
    }
}

impl<T: UnknownProperties> UnknownProperties for Collection<T> {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        self.other.collect_unknown(path, found);
        self.value.collect_unknown(&format!("{path}/value"), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CommsOperation, Operation};

    #[test]
    fn a_page_says_where_the_next_one_is() {
        let json = r##"{"@odata.context":"c","@odata.nextLink":"https://n/","value":[{"id":"1"}],"@odata.count":2}"##;
        let read: Collection<CommsOperation> = serde_json::from_str(json).unwrap();
        assert_eq!(read.next_link.as_str(), Some("https://n/"));
        assert_eq!(read.items()[0].common().id.map(AsRef::as_ref), Some("1"));
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert_eq!(read.unknown_properties(), ["/@odata.count"]);
    }
}
