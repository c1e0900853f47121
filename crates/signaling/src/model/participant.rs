//! Who is in a call: the roster, and who is invited to it.

use super::number::Integer;
use super::object::graph_object;
use super::open::{Open, open_enum};
use super::{
    CallId, EndpointType, Flags, Identity, IdentitySet, MediaStream, Modality, ParticipantId, RecordingInfo,
};

graph_object! {
    /// Someone in a call or calling (Graph `participantInfo`).
    pub struct ParticipantInfo: "#microsoft.graph.participantInfo" {
        /// Roster id (wire, not in the metadata).
        "id" id: ParticipantId,
        /// Who it is.
        "identity" identity: IdentitySet,
        /// Country, ISO 3166 alpha-2, as best known at the start.
        "countryCode" country_code: String,
        /// What they call with.
        "endpointType" endpoint_type: Open<EndpointType>,
        /// Language, such as `en-US`.
        "languageId" language_id: String,
        /// Roster id.
        "participantId" participant_id: ParticipantId,
        /// Home region: amer, apac or emea.
        "region" region: String,
    }
}

graph_object! {
    /// Someone to call or invite (Graph `invitationParticipantInfo`, an open type).
    pub struct InvitationParticipantInfo: "#microsoft.graph.invitationParticipantInfo" {
        /// Roster id (wire, not in the metadata).
        "id" id: ParticipantId,
        /// Who it is.
        "identity" identity: IdentitySet,
        /// What they are called on (wire, not in the metadata).
        "endpointType" endpoint_type: Open<EndpointType>,
        /// Whether they stay out of sight.
        "hidden" hidden: bool,
        /// Language (wire, not in the metadata).
        "languageId" language_id: String,
        /// Roster id.
        "participantId" participant_id: ParticipantId,
        /// Home region (wire, not in the metadata).
        "region" region: String,
        /// Whether they stay out of the mixed room.
        "removeFromDefaultAudioRoutingGroup" remove_from_default_audio_routing_group: bool,
        /// The call that theirs replaces.
        "replacesCallId" replaces_call_id: CallId,
    }
}

impl InvitationParticipantInfo {
    /// An invitation for this identity.
    pub fn with_identity(identity: IdentitySet) -> Self {
        Self { identity: identity.into(), ..Self::new() }
    }
}

graph_object! {
    /// Why someone is no longer in the roster (Graph `removedState`).
    pub struct RemovedState: "#microsoft.graph.removedState" {
        /// The reason, in words.
        "reason" reason: String,
    }
}

open_enum! {
    /// Why a participant does not see shared content (Graph `onlineMeetingContentSharingDisabledReason`).
    pub enum OnlineMeetingContentSharingDisabledReason: "onlineMeetingContentSharingDisabledReason" {
        /// It has a watermark, and their client cannot show one.
        "watermarkProtection" WatermarkProtection,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

open_enum! {
    /// Why a participant does not see video (Graph `onlineMeetingVideoDisabledReason`).
    pub enum OnlineMeetingVideoDisabledReason: "onlineMeetingVideoDisabledReason" {
        /// It has a watermark, and their client cannot show one.
        "watermarkProtection" WatermarkProtection,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// What a participant may not see (Graph `onlineMeetingRestricted`).
    pub struct OnlineMeetingRestricted: "#microsoft.graph.onlineMeetingRestricted" {
        /// Why they do not see shared content.
        "contentSharingDisabled" content_sharing_disabled: Flags<OnlineMeetingContentSharingDisabledReason>,
        /// Why they do not see video.
        "videoDisabled" video_disabled: Flags<OnlineMeetingVideoDisabledReason>,
    }
}

graph_object! {
    /// Someone in the roster (Graph `participant`). The bot sees itself there too.
    pub struct Participant: "#microsoft.graph.participant" {
        /// `@odata.context` of an answer.
        "@odata.context" odata_context: String,
        /// The participant. Null in some notifications.
        "id" id: ParticipantId,
        /// Who it is.
        "info" info: ParticipantInfo,
        /// Whether they wait in the lobby.
        "isInLobby" is_in_lobby: bool,
        /// Whether they are muted.
        "isMuted" is_muted: bool,
        /// Their media, with the source ids that frames are tagged with.
        "mediaStreams" media_streams: Vec<MediaStream>,
        /// What an application said about them.
        "metadata" metadata: String,
        /// Whether they record.
        "recordingInfo" recording_info: RecordingInfo,
        /// Present when they are gone.
        "removedState" removed_state: RemovedState,
        /// What they may not see.
        "restrictedExperience" restricted_experience: OnlineMeetingRestricted,
        /// Position in the sequence of changes, with delta rosters.
        "rosterSequenceNumber" roster_sequence_number: Integer,
    }
}

impl Participant {
    /// Who it is: the first identity that is told.
    pub fn identity(&self) -> Option<&Identity> {
        self.info.value()?.identity.value()?.first()
    }

    /// The media source ids that its streams of `modality` are tagged with, as the roster writes them.
    pub fn source_ids(&self, modality: Modality) -> impl Iterator<Item = &str> {
        let streams = self.media_streams.items().iter();
        let of_modality = streams.filter(move |stream| stream.media_type.known() == Some(modality));
        of_modality.filter_map(|stream| stream.source_id.as_str())
    }
}

graph_object! {
    /// What changed of a roster (Graph `deltaParticipants`).
    pub struct DeltaParticipants: "#microsoft.graph.deltaParticipants" {
        /// Id of the batch, when there is one.
        "id" id: String,
        /// Who changed.
        "participants" participants: Vec<Participant>,
        /// Position of the batch.
        "sequenceNumber" sequence_number: Integer,
    }
}
