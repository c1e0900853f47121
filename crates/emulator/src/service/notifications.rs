//! What the service owes: posts to bots, and the beginning and the end of a call's media.

use offhook_signaling::model::{
    CallChainId, CallId, CallState, ChangeType, CommsNotification, CommsNotifications, Open, ParticipantId,
    ResourceData,
};

/// Something that has to be done about a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Owed {
    /// Something to tell its bot.
    Post(Box<Post>),
    /// The bot and whoever is at the far end are in the call together: the far end begins what it does.
    MediaBegins(CallId),
    /// Somebody has come to its call who was not there from the beginning, and is heard from now on, if they do anything.
    Comes(CallId, ParticipantId),
    /// Whoever was called so has left its call, or was removed: they are heard no longer.
    Goes(CallId, String),
    /// Whoever is called so in the room of its call is muted there, or heard again.
    Mutes(CallId, String, bool),
    /// Its media ends: whoever is at the far end leaves. Nothing more is owed for this call.
    MediaEnds(CallId),
}

/// A post to a bot.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Post {
    /// The call that it is about.
    pub call: CallId,
    /// What correlates all legs of its conversation.
    pub call_chain: CallChainId,
    /// Where it goes.
    pub callback_uri: String,
    /// What it says.
    pub body: CommsNotifications,
    /// Set when the bot's answer matters: hand its body to [`CallService::joining_answered`](super::CallService::joining_answered).
    pub asks: Option<Question>,
}

/// What a bot is asked by a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Question(pub(super) u64);

/// The states that bots are told of; a call can be in others, of which no notification tells.
pub(crate) const TOLD_STATES: [CallState; 8] = [
    CallState::Incoming,
    CallState::Establishing,
    CallState::Established,
    CallState::Hold,
    CallState::Transferring,
    CallState::TransferAccepted,
    CallState::Terminating,
    CallState::Terminated,
];

/// One notification. Both forms of its address stand in it, as in captures from the cloud.
pub(super) fn notification(
    change: ChangeType,
    path: &str,
    callback_uri: &str,
    data: Option<ResourceData>,
) -> CommsNotifications {
    let notification = CommsNotification {
        change_type: Open::from(change).into(),
        resource: format!("/app/{path}").into(),
        resource_url: format!("/communications/{path}").into(),
        callback_uri: callback_uri.into(),
        resource_data: data.into(),
        ..CommsNotification::new()
    };
    CommsNotifications { value: vec![notification].into(), ..CommsNotifications::new() }
}
