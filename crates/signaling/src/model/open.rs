//! Enumerations that the service may extend, numbers that it may spell as text, and the macros that declare models.
//!
//! Case is not stable on the wire (`updated` and `Updated`, `running` and `Running`), and metadata grows members. So a
//! member is read without regard to case, an unknown one is kept, and both are written back as they were read.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A Graph enumeration: a closed Rust enum that knows its members' names.
pub trait OpenEnum: Copy + Eq + fmt::Debug + 'static {
    /// Name of the type in Graph's metadata.
    const GRAPH_NAME: &'static str;
    /// Every known member with its name on the wire.
    const MEMBERS: &'static [(&'static str, Self)];

    /// The member's name on the wire.
    fn name(self) -> &'static str {
        Self::MEMBERS
            .iter()
            .find(|(_, member)| *member == self)
            .map(|(name, _)| *name)
            .expect("the macro lists every member of the enum")
    }

    /// The member with this name, whatever its case.
    fn from_name(name: &str) -> Option<Self> {
        let exact = Self::MEMBERS.iter().find(|(known, _)| *known == name);
        let found =
            exact.or_else(|| Self::MEMBERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
        found.map(|(_, member)| *member)
    }
}

/// A member of `E` as the service wrote it: known or not, in its own spelling.
#[derive(Clone)]
pub struct Open<E> {
    known: Option<E>,
    /// The spelling, when it is not the canonical one.
    spelling: Option<Box<str>>,
}

impl<E: OpenEnum> Open<E> {
    /// Reads a member by its name.
    pub fn from_text(text: &str) -> Self {
        let known = E::from_name(text);
        let canonical = known.is_some_and(|member| member.name() == text);
        Self { known, spelling: (!canonical).then(|| text.into()) }
    }

    /// The member, if this version knows it.
    pub fn known(&self) -> Option<E> {
        self.known
    }

    /// The text on the wire.
    pub fn as_str(&self) -> &str {
        match (&self.spelling, self.known) {
            (Some(spelling), _) => spelling,
            (None, Some(member)) => member.name(),
            (None, None) => "",
        }
    }
}

impl<E: OpenEnum> From<E> for Open<E> {
    fn from(member: E) -> Self {
        Self { known: Some(member), spelling: None }
    }
}

/// Two are equal when they mean the same member; unknown ones when their texts are equal whatever the case.
impl<E: OpenEnum> PartialEq for Open<E> {
    fn eq(&self, other: &Self) -> bool {
        match (self.known, other.known) {
            (Some(a), Some(b)) => a == b,
            (None, None) => self.as_str().eq_ignore_ascii_case(other.as_str()),
            _ => false,
        }
    }
}

impl<E: OpenEnum> Eq for Open<E> {}

impl<E: OpenEnum> PartialEq<E> for Open<E> {
    fn eq(&self, other: &E) -> bool {
        self.known == Some(*other)
    }
}

impl<E: OpenEnum> fmt::Debug for Open<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<E: OpenEnum> Serialize for Open<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, E: OpenEnum> Deserialize<'de> for Open<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Member<E>(std::marker::PhantomData<E>);
        impl<E: OpenEnum> Visitor<'_> for Member<E> {
            type Value = Open<E>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a member of {}", E::GRAPH_NAME)
            }

            fn visit_str<X: de::Error>(self, text: &str) -> Result<Open<E>, X> {
                Ok(Open::from_text(text))
            }
        }
        deserializer.deserialize_str(Member(std::marker::PhantomData))
    }
}

/// A whole number that the service writes as a number or, in documented examples, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Integer {
    /// Written as a number.
    Number(i64),
    /// Written as text, which need not be a number.
    Text(String),
}

impl Integer {
    /// The number, unless it is text that is no number.
    pub fn get(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl From<i64> for Integer {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;
        impl Visitor<'_> for NumberOrText {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or one as text")
            }

            fn visit_i64<X: de::Error>(self, number: i64) -> Result<Integer, X> {
                Ok(Integer::Number(number))
            }

            fn visit_u64<X: de::Error>(self, number: u64) -> Result<Integer, X> {
                i64::try_from(number).map(Integer::Number).map_err(|_| X::custom("number beyond 64 bits"))
            }

            fn visit_str<X: de::Error>(self, text: &str) -> Result<Integer, X> {
                Ok(Integer::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(NumberOrText)
    }
}

/// Declares a Graph enumeration: `"wire name" Member`.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident: $graph:literal {
            $( $(#[$member_meta:meta])* $wire:literal $member:ident, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$member_meta])* $member, )+
        }

        impl $crate::model::OpenEnum for $name {
            const GRAPH_NAME: &'static str = $graph;
            const MEMBERS: &'static [(&'static str, Self)] = &[ $( ($wire, Self::$member), )+ ];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::model::OpenEnum::name(*self))
            }
        }
    };
}
pub(crate) use open_enum;

/// Declares a Graph object type: `"wire name" field: Type`, each a [`Field`](super::Field).
///
/// Adds `odata_type`, the catch-all `other`, `new()` (with the type's own `@odata.type`), `update_from` and the list of
/// property names that the conformance tests read.
macro_rules! graph_object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident: $odata_type:literal {
            $( $(#[$field_meta:meta])* $wire:literal $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        ///
        /// Build one with `..Self::new()`, so that `@odata.type` is written.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            /// `@odata.type` as it was read, or as [`Self::new`] sets it.
            #[serde(rename = "@odata.type", default, skip_serializing_if = "crate::model::Field::is_absent")]
            pub odata_type: $crate::model::Field<String>,
            $(
                $(#[$field_meta])*
                #[serde(rename = $wire, default, skip_serializing_if = "crate::model::Field::is_absent")]
                pub $field: $crate::model::Field<$type>,
            )*
            /// Properties that this version does not know.
            #[serde(flatten)]
            pub other: $crate::model::Other,
        }

        impl $name {
            /// `@odata.type` of this type.
            pub const ODATA_TYPE: &'static str = $odata_type;
            /// Names on the wire of the properties that are typed here.
            pub const PROPERTIES: &'static [&'static str] = &[ $( $wire, )* ];

            /// An object with its `@odata.type` and nothing else.
            pub fn new() -> Self {
                Self { odata_type: Self::ODATA_TYPE.to_owned().into(), ..Self::default() }
            }

            /// Takes over what `newer` says; what it leaves out or nulls stays as it was.
            pub fn update_from(&mut self, newer: &Self) {
                self.odata_type.update_from(&newer.odata_type);
                $( self.$field.update_from(&newer.$field); )*
                self.other.update_from(&newer.other);
            }
        }

        impl $crate::model::UnknownProperties for $name {
            fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
                found.extend(self.other.keys().map(|name| format!("{path}/{name}")));
                $( self.$field.collect_unknown(&format!("{path}/{}", $wire), found); )*
            }
        }
    };
}
pub(crate) use graph_object;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CallState, ChangeType};

    #[test]
    fn members_are_read_in_any_case_and_written_back_as_read() {
        for text in ["updated", "Updated", "UPDATED"] {
            let json = format!("\"{text}\"");
            let read: Open<ChangeType> = serde_json::from_str(&json).unwrap();
            assert_eq!(read, ChangeType::Updated);
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
    }

    #[test]
    fn an_unknown_member_survives() {
        let read: Open<CallState> = serde_json::from_str("\"levitating\"").unwrap();
        assert_eq!(read.known(), None);
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"levitating\"");
    }

    #[test]
    fn numbers_as_text_are_read_and_written_back_as_text() {
        for (json, number) in [("200", Some(200)), ("\"200\"", Some(200)), ("\"x\"", None)] {
            let read: Integer = serde_json::from_str(json).unwrap();
            assert_eq!(read.get(), number, "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        assert!(serde_json::from_str::<Integer>("18446744073709551615").is_err());
    }
}
