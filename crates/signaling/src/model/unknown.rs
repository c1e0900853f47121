//! Which properties of a resource this version does not know, as paths. Tests keep that list empty for documented JSON;
//! an application can log it to learn that the service has moved on.

use super::open::{Open, OpenEnum};
use super::{Decimal, Field, Flags, Integer, IsoDuration, Other};
use crate::redacted::Redacted;

/// Lists the properties that landed in a catch-all.
pub trait UnknownProperties {
    /// Adds the path of each unknown property below `path` to `found`.
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>);

    /// The path of each unknown property, such as `/value/0/resourceData/novelty`.
    fn unknown_properties(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_unknown("", &mut found);
        found
    }
}

impl<T: UnknownProperties> UnknownProperties for Field<T> {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        if let Some(value) = self.value() {
            value.collect_unknown(path, found);
        }
    }
}

impl<T: UnknownProperties> UnknownProperties for Box<T> {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        self.as_ref().collect_unknown(path, found);
    }
}

impl<T: UnknownProperties> UnknownProperties for Vec<T> {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        for (index, element) in self.iter().enumerate() {
            element.collect_unknown(&format!("{path}/{index}"), found);
        }
    }
}

impl UnknownProperties for Other {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        found.extend(self.keys().map(|name| format!("{path}/{name}")));
    }
}

impl<E: OpenEnum> UnknownProperties for Open<E> {
    fn collect_unknown(&self, _: &str, _: &mut Vec<String>) {}
}

impl<E: OpenEnum> UnknownProperties for Flags<E> {
    fn collect_unknown(&self, _: &str, _: &mut Vec<String>) {}
}

impl<T> UnknownProperties for Redacted<T> {
    fn collect_unknown(&self, _: &str, _: &mut Vec<String>) {}
}

macro_rules! plain {
    ($($type:ty),+) => {
        $(impl UnknownProperties for $type {
            fn collect_unknown(&self, _: &str, _: &mut Vec<String>) {}
        })+
    };
}
// Not `serde_json::Value`: raw JSON may hold anything, so a property that is raw sits in a `Redacted`.
plain!(String, bool, Decimal, Integer, IsoDuration);
