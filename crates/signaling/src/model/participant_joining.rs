//! People under a recording policy who join or leave a call that the bot is in already, and what the bot answers. On the pages, not
//! in the metadata.

use super::object::{graph_object, subtypes};
use super::open::{Open, open_enum};
use super::{Call, ParticipantId};

open_enum! {
    /// Why a call or a participant is turned away (Graph `rejectReason`).
    pub enum RejectReason: "rejectReason" {
        /// No reason is told.
        "none" None,
        /// The bot is busy.
        "busy" Busy,
        /// It is not allowed.
        "forbidden" Forbidden,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// Someone under the policy is about to join (Graph `participantJoiningNotification`). The bot's HTTP answer says whether
    /// they may: a [`ParticipantJoiningResponse`].
    pub struct ParticipantJoiningNotification: "#microsoft.graph.participantJoiningNotification" {
        /// Id of the notification, when there is one.
        "id" id: String,
        /// The call, with the details of who joins.
        "call" call: Box<Call>,
    }
}

graph_object! {
    /// Someone under the policy has left (Graph `participantLeftNotification`).
    pub struct ParticipantLeftNotification: "#microsoft.graph.participantLeftNotification" {
        /// Id of the notification, when there is one.
        "id" id: String,
        /// The call.
        "call" call: Box<Call>,
        /// Roster id of who has left.
        "participantId" participant_id: ParticipantId,
    }
}

graph_object! {
    /// The participant may join (Graph `acceptJoinResponse`).
    pub struct AcceptJoinResponse: "#microsoft.graph.acceptJoinResponse" {}
}

graph_object! {
    /// The participant may not join (Graph `rejectJoinResponse`).
    pub struct RejectJoinResponse: "#microsoft.graph.rejectJoinResponse" {
        /// Why.
        "reason" reason: Open<RejectReason>,
    }
}

graph_object! {
    /// Another instance of the bot shall take the participant: it gets an incoming call (Graph `inviteNewBotResponse`).
    pub struct InviteNewBotResponse: "#microsoft.graph.inviteNewBotResponse" {
        /// Where that instance is called.
        "inviteUri" invite_uri: String,
    }
}

subtypes! {
    /// What the bot answers when someone under the policy is about to join (Graph's abstract `participantJoiningResponse`).
    pub enum ParticipantJoiningResponse {
        /// They may.
        AcceptJoin(AcceptJoinResponse): AcceptJoinResponse,
        /// They may not.
        RejectJoin(RejectJoinResponse): RejectJoinResponse,
        /// Another instance takes them.
        InviteNewBot(InviteNewBotResponse): InviteNewBotResponse,
    }
}

impl ParticipantJoiningResponse {
    /// They may join.
    pub fn accept() -> Self {
        AcceptJoinResponse::new().into()
    }

    /// They may not join.
    pub fn reject(reason: RejectReason) -> Self {
        RejectJoinResponse { reason: reason.into(), ..RejectJoinResponse::new() }.into()
    }

    /// The instance at this address takes them.
    pub fn invite_new_bot(invite_uri: impl Into<String>) -> Self {
        InviteNewBotResponse { invite_uri: invite_uri.into().into(), ..InviteNewBotResponse::new() }.into()
    }
}
