//! Identifiers. Graph's are text, not GUIDs: with and without hyphens, in either case, some too short, some with letters
//! that no GUID has. They compare without case and hyphens and are echoed as they were received.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// The characters of an id that count.
fn significant(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().filter(|byte| *byte != b'-').map(|byte| byte.to_ascii_lowercase())
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        ///
        /// Compares without regard to case and hyphens; keeps its own spelling.
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as received.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                significant(&self.0).eq(significant(&other.0))
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                for byte in significant(&self.0) {
                    state.write_u8(byte);
                }
                state.write_u8(0xff);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }

        impl From<&str> for $crate::model::Field<$name> {
            fn from(id: &str) -> Self {
                Self::Value(id.into())
            }
        }

        $crate::model::json::by_serde!($name);

        impl $crate::model::UnknownProperties for $name {
            fn collect_unknown(&self, _: &str, _: &mut Vec<String>) {}
        }
    };
}

id! {
    /// A call.
    CallId
}
id! {
    /// A participant in the roster of a call.
    ParticipantId
}
id! {
    /// A long-running operation on a call.
    OperationId
}
id! {
    /// A content sharing session of a call.
    ContentSharingSessionId
}
id! {
    /// An audio routing group of a call. Not a GUID in documented examples: `oneToOne`.
    AudioRoutingGroupId
}
id! {
    /// What correlates all legs of one conversation.
    CallChainId
}
id! {
    /// A Microsoft Entra tenant.
    TenantId
}

/// The id of an identity: a user, an application, or a phone number (E.164).
///
/// `Debug` hides phone numbers and addresses, and shows object ids, which a person cannot be called by.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentityId(Box<str>);

impl IdentityId {
    /// The id as received.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_personal(&self) -> bool {
        let digits_only = !self.0.is_empty() && self.0.bytes().all(|b| b.is_ascii_digit());
        digits_only || self.0.contains(['+', '@', ':'])
    }
}

impl fmt::Debug for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_personal() { f.write_str("<redacted>") } else { write!(f, "{:?}", &self.0) }
    }
}

impl AsRef<str> for IdentityId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for IdentityId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for IdentityId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<&str> for super::Field<IdentityId> {
    fn from(id: &str) -> Self {
        Self::Value(id.into())
    }
}

impl super::UnknownProperties for IdentityId {
    fn collect_unknown(&self, _: &str, _: &mut Vec<String>) {}
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_compare_without_case_and_hyphens_and_keep_their_spelling() {
        let plain = CallId::from("57DAB8B1894C409AB240BD8BEAE78896");
        let hyphenated = CallId::from("57dab8b1-894c-409a-b240-bd8beae78896");
        assert_eq!(plain, hyphenated);
        assert!(HashSet::from([plain.clone()]).contains(&hyphenated));
        assert_eq!(plain.to_string(), "57DAB8B1894C409AB240BD8BEAE78896");
        assert_ne!(plain, CallId::from("57DAB8B1894C409AB240BD8BEAE7889"));
    }

    #[test]
    fn a_phone_number_is_not_shown() {
        for personal in ["+12345678901", "12345678901", "4:+12345678901", "a@contoso.com"] {
            assert_eq!(format!("{:?}", IdentityId::from(personal)), "<redacted>");
        }
        assert!(format!("{:?}", IdentityId::from("112f7296-5fa4")).contains("112f7296"));
    }
}
