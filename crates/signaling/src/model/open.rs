//! Enumerations that the service may extend, and the macro that declares them.
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
}
