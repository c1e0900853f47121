//! Which meeting: by its organizer, by a token, or by the id that people type.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::open::graph_object;
use super::{Field, IdentitySet, Other, UnknownProperties};
use crate::redacted::Redacted;

graph_object! {
    /// A scheduled meeting by who organises it (Graph `organizerMeetingInfo`). Goes with `chatInfo`.
    pub struct OrganizerMeetingInfo: "#microsoft.graph.organizerMeetingInfo" {
        /// The organizer; `user.id`, and `user.tenantId` when asked for.
        "organizer" organizer: IdentitySet,
        /// Whether people may talk before the host is there (wire and pages, not in the metadata).
        "allowConversationWithoutHost" allow_conversation_without_host: bool,
    }
}

graph_object! {
    /// A meeting by a token from an earlier notification (Graph `tokenMeetingInfo`). How a restarted bot rejoins.
    pub struct TokenMeetingInfo: "#microsoft.graph.tokenMeetingInfo" {
        /// The token, a JWT.
        "token" token: Redacted<String>,
    }
}

graph_object! {
    /// A meeting by the id in its invitation (Graph `joinMeetingIdMeetingInfo`). Goes without `chatInfo`.
    pub struct JoinMeetingIdMeetingInfo: "#microsoft.graph.joinMeetingIdMeetingInfo" {
        /// The id, digits.
        "joinMeetingId" join_meeting_id: String,
        /// The passcode; null for a meeting without one.
        "passcode" passcode: Redacted<String>,
    }
}

impl JoinMeetingIdMeetingInfo {
    /// A meeting with a passcode.
    pub fn with_passcode(join_meeting_id: impl Into<String>, passcode: impl Into<Redacted<String>>) -> Self {
        Self { passcode: passcode.into().into(), ..Self::without_passcode(join_meeting_id) }
    }

    /// A meeting without one, which is said as null.
    pub fn without_passcode(join_meeting_id: impl Into<String>) -> Self {
        Self { join_meeting_id: join_meeting_id.into().into(), passcode: Field::Null, ..Self::new() }
    }
}

/// Which meeting (Graph's abstract `meetingInfo`), by `@odata.type`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MeetingInfo {
    /// By its organizer.
    Organizer(Box<OrganizerMeetingInfo>),
    /// By a token.
    Token(TokenMeetingInfo),
    /// By the id in its invitation.
    JoinMeetingId(JoinMeetingIdMeetingInfo),
    /// A type that this version does not know, kept as it came.
    Unknown(Other),
}

impl From<OrganizerMeetingInfo> for MeetingInfo {
    fn from(info: OrganizerMeetingInfo) -> Self {
        Self::Organizer(Box::new(info))
    }
}

impl From<TokenMeetingInfo> for MeetingInfo {
    fn from(info: TokenMeetingInfo) -> Self {
        Self::Token(info)
    }
}

impl From<JoinMeetingIdMeetingInfo> for MeetingInfo {
    fn from(info: JoinMeetingIdMeetingInfo) -> Self {
        Self::JoinMeetingId(info)
    }
}

impl Serialize for MeetingInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Organizer(info) => info.serialize(serializer),
            Self::Token(info) => info.serialize(serializer),
            Self::JoinMeetingId(info) => info.serialize(serializer),
            Self::Unknown(object) => object.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for MeetingInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Other::deserialize(deserializer)?;
        match object.type_name() {
            Some("organizerMeetingInfo") => {
                serde_json::from_value(Value::Object(object.0)).map(Self::Organizer).map_err(D::Error::custom)
            }
            Some("tokenMeetingInfo") => {
                serde_json::from_value(Value::Object(object.0)).map(Self::Token).map_err(D::Error::custom)
            }
            Some("joinMeetingIdMeetingInfo") => serde_json::from_value(Value::Object(object.0))
                .map(Self::JoinMeetingId)
                .map_err(D::Error::custom),
            _ => Ok(Self::Unknown(object)),
        }
    }
}

impl UnknownProperties for MeetingInfo {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        match self {
            Self::Organizer(info) => info.collect_unknown(path, found),
            Self::Token(info) => info.collect_unknown(path, found),
            Self::JoinMeetingId(info) => info.collect_unknown(path, found),
            Self::Unknown(object) => object.collect_unknown(path, found),
        }
    }
}
