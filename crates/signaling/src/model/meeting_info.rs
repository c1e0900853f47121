//! Which meeting: by its organizer, by a token, or by the id that people type.

use super::object::{graph_object, subtypes};
use super::{Field, IdentitySet};
use crate::redacted::Redacted;

graph_object! {
    /// A scheduled meeting by who organises it (Graph `organizerMeetingInfo`). Goes with `chatInfo`.
    pub struct OrganizerMeetingInfo: "#microsoft.graph.organizerMeetingInfo" {
        /// The organizer; `user.id`, and `user.tenantId` when asked for.
        "organizer" organizer: IdentitySet,
        /// Whether people may talk before the host is there (wire and pages, not in the metadata).
        "allowConversationWithoutHost" allow_conversation_without_host: bool,
        /// Whether guests come in past the lobby (wire, not in the metadata).
        "allowGuestToBypassLobby" allow_guest_to_bypass_lobby: bool,
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

impl TokenMeetingInfo {
    /// The meeting that this token is for.
    pub fn with_token(token: impl Into<Redacted<String>>) -> Self {
        Self { token: token.into().into(), ..Self::new() }
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

subtypes! {
    /// Which meeting (Graph's abstract `meetingInfo`), by `@odata.type`.
    pub enum MeetingInfo {
        /// By its organizer.
        Organizer(Box<OrganizerMeetingInfo>): OrganizerMeetingInfo,
        /// By a token.
        Token(TokenMeetingInfo): TokenMeetingInfo,
        /// By the id in its invitation.
        JoinMeetingId(JoinMeetingIdMeetingInfo): JoinMeetingIdMeetingInfo,
    }
}
