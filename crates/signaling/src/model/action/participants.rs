//! What a bot does with the people in a call.

use crate::model::object::graph_object;
use crate::model::{InvitationParticipantInfo, Prompt};

graph_object! {
    /// Body of `invite`, on the participants of a group call.
    pub struct InviteRequest {
        /// Whom, up to five. With `replacesCallId` only the first one counts. Required.
        "participants" participants: Vec<InvitationParticipantInfo>,
        /// What the caller recognises the operation by, at most 256 characters.
        "clientContext" client_context: String,
    }
}

graph_object! {
    /// Body of `startHoldMusic`, on a participant.
    pub struct StartHoldMusicRequest {
        /// What they hear instead of the service's own music.
        "customPrompt" custom_prompt: Prompt,
        /// What the caller recognises the operation by, at most 256 characters.
        "clientContext" client_context: String,
    }
}

graph_object! {
    /// Body of the actions that take nothing else: `mute` and `unmute` of the bot, `mute` of a participant, `stopHoldMusic`,
    /// `cancelMediaProcessing`, `subscribeToTone`, `addLargeGalleryView`.
    pub struct ClientContextRequest {
        /// What the caller recognises the operation by, at most 256 characters.
        "clientContext" client_context: String,
    }
}
