//! A property that can be absent, null or a value, and the properties that nobody knows yet.
//!
//! Graph distinguishes them: a notification carries only what changed (the rest is absent), while a call resource spells
//! out `null` for what it has not. Both survive a round trip.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::open::{Open, OpenEnum};
use crate::redacted::Redacted;

/// One JSON property: not there, `null`, or a value.
///
/// Reading needs one call ([`Field::value`], [`Field::as_str`], [`Field::items`], [`Field::known`]); writing is `.into()`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Field<T> {
    /// The property is not in the JSON, and will not be written.
    #[default]
    Absent,
    /// The property is `null`.
    Null,
    /// The property has a value.
    Value(T),
}

impl<T> Field<T> {
    /// The value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value to change in place, if there is one.
    pub const fn value_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Takes the value out, if there is one.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether the property is not in the JSON at all.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether there is a value, neither absent nor null.
    pub const fn is_value(&self) -> bool {
        matches!(self, Self::Value(_))
    }
}

impl<T: Clone> Field<T> {
    /// Takes over what `newer` says, if it says anything: a value replaces, null and absence leave what was known.
    ///
    /// Graph fills `GET` answers with nulls for what that request does not know, so null is no news.
    pub fn update_from(&mut self, newer: &Self) {
        if newer.is_value() || self.is_absent() {
            self.clone_from(newer);
        }
    }
}

impl<T> Field<Vec<T>> {
    /// The elements of a collection; an absent or null one has none.
    pub fn items(&self) -> &[T] {
        self.value().map_or(&[], Vec::as_slice)
    }
}

impl<T: AsRef<str>> Field<T> {
    /// The text, if there is one.
    pub fn as_str(&self) -> Option<&str> {
        self.value().map(T::as_ref)
    }
}

impl<E: OpenEnum> Field<Open<E>> {
    /// The member, if there is a value and this version knows it.
    pub fn known(&self) -> Option<E> {
        self.value().and_then(Open::known)
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T> From<Option<T>> for Field<T> {
    /// `None` becomes absent.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

impl From<&str> for Field<String> {
    fn from(value: &str) -> Self {
        Self::Value(value.to_owned())
    }
}

impl From<&str> for Field<Redacted<String>> {
    fn from(value: &str) -> Self {
        Self::Value(value.into())
    }
}

impl<E: OpenEnum> From<E> for Field<Open<E>> {
    fn from(value: E) -> Self {
        Self::Value(value.into())
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => serializer.serialize_some(value),
            Self::Absent | Self::Null => serializer.serialize_none(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Absence is `Default`, through `#[serde(default)]`: serde asks us only about properties that are there.
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

/// Properties that this version does not know, kept as they came and written back.
///
/// Their values may be anything, so `Debug` shows only their names.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Other(pub Map<String, Value>);

impl Other {
    /// The type's bare name: `call` for `@odata.type` `#microsoft.graph.call`, with or without the namespace and `#`.
    pub(crate) fn type_name(&self) -> Option<&str> {
        let name = self.0.get("@odata.type")?.as_str()?;
        Some(name.rsplit('.').next().unwrap_or(name).trim_start_matches('#'))
    }

    /// Takes over every property of `newer`.
    pub fn update_from(&mut self, newer: &Self) {
        self.0.extend(newer.0.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

impl fmt::Debug for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Deref for Other {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Other {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Default, PartialEq, Debug)]
    struct Sample {
        #[serde(default, skip_serializing_if = "Field::is_absent")]
        subject: Field<String>,
    }

    #[test]
    fn absent_null_and_value_survive_a_round_trip() {
        for (json, expected) in
            [("{}", Field::Absent), (r#"{"subject":null}"#, Field::Null), (r#"{"subject":"a"}"#, "a".into())]
        {
            let read: Sample = serde_json::from_str(json).unwrap();
            assert_eq!(read.subject, expected);
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
    }

    #[test]
    fn null_is_no_news_but_a_value_is() {
        let mut known = Field::Value(1);
        known.update_from(&Field::Null);
        assert_eq!(known, Field::Value(1));
        known.update_from(&Field::Absent);
        assert_eq!(known, Field::Value(1));
        known.update_from(&Field::Value(2));
        assert_eq!(known, Field::Value(2));
    }
}
