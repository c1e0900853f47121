//! What a bot does with a call that comes in, or passes on.

use crate::model::object::graph_object;
use crate::model::open::Open;
use crate::model::{
    CallOptions, Integer, InvitationParticipantInfo, MediaConfig, Modality, ParticipantInfo, RejectReason,
    RoutingPolicy,
};

graph_object! {
    /// Body of `answer`.
    pub struct AnswerRequest {
        /// Where notifications of this call go from now on. Required.
        "callbackUri" callback_uri: String,
        /// Who hosts the media, and its blob. Required.
        "mediaConfig" media_config: MediaConfig,
        /// Modalities that the bot takes. Required.
        "acceptedModalities" accepted_modalities: Vec<Open<Modality>>,
        /// How many people under a recording policy the bot takes in this call.
        "participantCapacity" participant_capacity: Integer,
        /// Which notifications the call sends: [`CallOptions::incoming`]. Not in US Government clouds.
        "callOptions" call_options: CallOptions,
    }
}

graph_object! {
    /// Body of `reject`.
    pub struct RejectRequest {
        /// Why.
        "reason" reason: Open<RejectReason>,
        /// Where the call's last notifications go.
        "callbackUri" callback_uri: String,
    }
}

graph_object! {
    /// Body of `redirect`.
    pub struct RedirectRequest {
        /// Who rings instead: up to 25, all at once. Required.
        "targets" targets: Vec<InvitationParticipantInfo>,
        /// How long they ring: 15 to 90 seconds. Default 55 for one target, 60 for several.
        "timeout" timeout: Integer,
        /// Where the call's last notifications go.
        "callbackUri" callback_uri: String,
        /// How the targets' forwarding is treated (page, not in the metadata).
        "routingPolicies" routing_policies: Vec<Open<RoutingPolicy>>,
    }
}

graph_object! {
    /// Body of `transfer`.
    pub struct TransferRequest {
        /// To whom. With `replacesCallId` the transfer is a consultative one. Required.
        "transferTarget" transfer_target: InvitationParticipantInfo,
        /// Who is transferred, in a group call. Not in US Government clouds.
        "transferee" transferee: ParticipantInfo,
        /// What the caller recognises it by, at most 256 characters (page, not in the metadata).
        "clientContext" client_context: String,
    }
}
