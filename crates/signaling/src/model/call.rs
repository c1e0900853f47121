//! The call: Graph's `call` resource and the enumerations that only it uses.

use serde_json::Value;

use super::object::graph_object;
use super::open::{Open, open_enum};
use super::{
    ApplicationMetadata, AudioRoutingGroup, CallChainId, CallId, CallOptions, CallTranscriptionInfo,
    ChatInfo, CommsOperation, ContentSharingSession, IdentitySet, Integer, InvitationParticipantInfo,
    MediaConfig, MeetingInfo, Modality, Participant, ParticipantId, ParticipantInfo, ResultInfo, TenantId,
    ToneInfo,
};
use crate::redacted::Redacted;

open_enum! {
    /// Where a call is in its life (Graph `callState`).
    pub enum CallState: "callState" {
        /// A call to the bot that it has not answered yet.
        "incoming" Incoming,
        /// The call is being set up.
        "establishing" Establishing,
        /// The other side rings. Gone from the metadata, still on the pages.
        "ringing" Ringing,
        /// Media may flow.
        "established" Established,
        /// The call is on hold.
        "hold" Hold,
        /// A transfer is under way.
        "transferring" Transferring,
        /// The transfer's target has accepted.
        "transferAccepted" TransferAccepted,
        /// An incoming call is being sent elsewhere.
        "redirecting" Redirecting,
        /// The call is being ended.
        "terminating" Terminating,
        /// The call is over. Nothing follows.
        "terminated" Terminated,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

open_enum! {
    /// Who called whom (Graph `callDirection`).
    pub enum CallDirection: "callDirection" {
        /// Someone called the bot.
        "incoming" Incoming,
        /// The bot called or joined.
        "outgoing" Outgoing,
    }
}

open_enum! {
    /// Whether media of a modality flows (Graph `mediaState`).
    pub enum MediaState: "mediaState" {
        /// It flows.
        "active" Active,
        /// It does not.
        "inactive" Inactive,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

open_enum! {
    /// Why a call took a detour (Graph `routingType`).
    pub enum RoutingType: "routingType" {
        /// Forwarded by the callee.
        "forwarded" Forwarded,
        /// Looked up.
        "lookup" Lookup,
        /// Forked to further endpoints of the callee.
        "selfFork" SelfFork,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

open_enum! {
    /// How the callee's forwarding is treated (Graph `routingPolicy`, on pages and wire, not in the metadata).
    pub enum RoutingPolicy: "routingPolicy" {
        /// No policy.
        "none" None,
        /// Leaves no missed call.
        "noMissedCall" NoMissedCall,
        /// No forwarding but to phones.
        "disableForwardingExceptPhone" DisableForwardingExceptPhone,
        /// No forwarding.
        "disableForwarding" DisableForwarding,
        /// Prefers Skype for Business endpoints.
        "preferSkypeForBusiness" PreferSkypeForBusiness,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// Media state by modality (Graph `callMediaState`).
    pub struct CallMediaState: "#microsoft.graph.callMediaState" {
        /// Audio.
        "audio" audio: Open<MediaState>,
    }
}

graph_object! {
    /// One detour of a call (Graph `callRoute`).
    pub struct CallRoute: "#microsoft.graph.callRoute" {
        /// Who it ended at.
        "final" final_identity: IdentitySet,
        /// Who it was for.
        "original" original: IdentitySet,
        /// Why it was routed.
        "routingType" routing_type: Open<RoutingType>,
    }
}

graph_object! {
    /// How an incoming call came about (Graph `incomingContext`).
    pub struct IncomingContext: "#microsoft.graph.incomingContext" {
        /// Roster id of the participant that a recorder is there for.
        "observedParticipantId" observed_participant_id: ParticipantId,
        /// Whom the caller calls for.
        "onBehalfOf" on_behalf_of: IdentitySet,
        /// Roster id of the caller.
        "sourceParticipantId" source_participant_id: ParticipantId,
        /// Who transferred the call here.
        "transferor" transferor: IdentitySet,
    }
}

graph_object! {
    /// A call (Graph `call`, an open type).
    ///
    /// The same type is the body of a create request, its answer, and what notifications say has changed.
    pub struct Call: "#microsoft.graph.call" {
        /// `@odata.context` of an answer.
        "@odata.context" odata_context: String,
        /// `@odata.id`, in some notifications.
        "@odata.id" odata_id: String,
        /// `@odata.etag`, in some notifications.
        "@odata.etag" odata_etag: String,
        /// The call.
        "id" id: CallId,
        /// Where it is in its life.
        "state" state: Open<CallState>,
        /// Who called whom.
        "direction" direction: Open<CallDirection>,
        /// What the call is about; shown to people.
        "subject" subject: Redacted<String>,
        /// Where notifications of this call go: an https address.
        "callbackUri" callback_uri: String,
        /// What correlates all legs of the conversation.
        "callChainId" call_chain_id: CallChainId,
        /// Which notifications the call sends, and how it treats the bot.
        "callOptions" call_options: CallOptions,
        /// Detours on the way here.
        "callRoutes" call_routes: Vec<CallRoute>,
        /// How an incoming call came about.
        "incomingContext" incoming_context: IncomingContext,
        /// The caller.
        "source" source: Box<ParticipantInfo>,
        /// Who is called.
        "targets" targets: Vec<InvitationParticipantInfo>,
        /// Who picked up (wire and pages, not in the metadata).
        "answeredBy" answered_by: Box<ParticipantInfo>,
        /// Modalities asked for.
        "requestedModalities" requested_modalities: Vec<Open<Modality>>,
        /// Modalities in use (wire and pages, not in the metadata).
        "activeModalities" active_modalities: Vec<Open<Modality>>,
        /// Who hosts the media, and its blob.
        "mediaConfig" media_config: MediaConfig,
        /// Whether media flows.
        "mediaState" media_state: CallMediaState,
        /// The chat of the meeting.
        "chatInfo" chat_info: ChatInfo,
        /// The meeting.
        "meetingInfo" meeting_info: MeetingInfo,
        /// What the meeting allows (wire, seen only as null, not in the metadata).
        "meetingCapability" meeting_capability: Redacted<Value>,
        /// The bot's own roster id.
        "myParticipantId" my_participant_id: ParticipantId,
        /// Context of the call that this one replaces (wire, not in the metadata).
        "replacesContext" replaces_context: Redacted<String>,
        /// Why the call ended or an action on it failed.
        "resultInfo" result_info: ResultInfo,
        /// How long a peer-to-peer call rings, in seconds, at most 115 (pages, not in the metadata).
        "ringingTimeoutInSeconds" ringing_timeout_in_seconds: Integer,
        /// How the callee's forwarding is treated (wire and pages, not in the metadata).
        "routingPolicies" routing_policies: Vec<Open<RoutingPolicy>>,
        /// The tenant. Required at the top level of a join, else Graph answers 7505.
        "tenantId" tenant_id: TenantId,
        /// Why the call ended, in a word such as `AppTransferred` (wire, not in the metadata).
        "terminationReason" termination_reason: String,
        /// The tone that was pressed.
        "toneInfo" tone_info: ToneInfo,
        /// Transcription of the call.
        "transcription" transcription: CallTranscriptionInfo,
        /// Why a recorder was called (wire and pages, not in the metadata).
        "applicationMetadata" application_metadata: Box<ApplicationMetadata>,
        /// Who is in the call. Only when asked for with `$expand`.
        "participants" participants: Vec<Participant>,
        /// What is being done. Only when asked for with `$expand`.
        "operations" operations: Vec<CommsOperation>,
        /// Its private rooms for sound. Only when asked for with `$expand`.
        "audioRoutingGroups" audio_routing_groups: Vec<AudioRoutingGroup>,
        /// What is shown in it. Only when asked for with `$expand`.
        "contentSharingSessions" content_sharing_sessions: Vec<ContentSharingSession>,
    }
}

impl Call {
    /// The media blob: the bot's offer in a request, the service's answer in a response. Only application-hosted media
    /// has one.
    pub fn media_blob(&self) -> Option<&Redacted<String>> {
        match self.media_config.value()? {
            MediaConfig::AppHosted(config) => config.blob.value(),
            MediaConfig::ServiceHosted(_) | MediaConfig::Unknown(_) => None,
        }
    }
}
