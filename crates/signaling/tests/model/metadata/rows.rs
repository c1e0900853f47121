//! Which Rust type stands for which type, enumeration and action of Graph's metadata.

use std::fmt::Debug;

use offhook_signaling::model::action::*;
use offhook_signaling::model::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads an object as a Rust type, writes it back, and says what is wrong with that.
pub(super) type Check = fn(&Value) -> Result<(), String>;

fn holds<T: DeserializeOwned + Serialize + UnknownProperties + Debug>(sample: &Value) -> Result<(), String> {
    let read = T::deserialize(sample).map_err(|error| format!("does not read: {error}"))?;
    let unknown = read.unknown_properties();
    if !unknown.is_empty() {
        // Not there, or of another type: either way the value lands in the catch-all.
        return Err(format!("has no {}", unknown.join(", ")));
    }
    let written = serde_json::to_value(&read).map_err(|error| error.to_string())?;
    if written == *sample { Ok(()) } else { Err(format!("changes it to {written}")) }
}

/// Complex and entity types. A subtype that adds nothing, or whose type the wire leaves out, shares the type of its base.
pub(super) const STRUCTURES: &[(&str, Check)] = &[
    ("addLargeGalleryViewOperation", holds::<AddLargeGalleryViewOperation>),
    ("appHostedMediaConfig", holds::<AppHostedMediaConfig>),
    ("audioRoutingGroup", holds::<AudioRoutingGroup>),
    ("azureCommunicationServicesUserIdentity", holds::<Identity>),
    ("call", holds::<Call>),
    ("callMediaState", holds::<CallMediaState>),
    ("callOptions", holds::<CallOptions>),
    ("callRoute", holds::<CallRoute>),
    ("callTranscriptionInfo", holds::<CallTranscriptionInfo>),
    ("cancelMediaProcessingOperation", holds::<CancelMediaProcessingOperation>),
    ("chatInfo", holds::<ChatInfo>),
    ("commsNotification", holds::<CommsNotification>),
    ("commsNotifications", holds::<CommsNotifications>),
    ("commsOperation", holds::<CommsOperation>),
    ("communicationsApplicationIdentity", holds::<Identity>),
    ("communicationsApplicationInstanceIdentity", holds::<Identity>),
    ("communicationsEncryptedIdentity", holds::<Identity>),
    ("communicationsGuestIdentity", holds::<Identity>),
    ("communicationsIdentitySet", holds::<IdentitySet>),
    ("communicationsPhoneIdentity", holds::<Identity>),
    ("communicationsUserIdentity", holds::<Identity>),
    ("contentSharingSession", holds::<ContentSharingSession>),
    ("deltaParticipants", holds::<DeltaParticipants>),
    ("identity", holds::<Identity>),
    ("identitySet", holds::<IdentitySet>),
    ("incomingCallOptions", holds::<CallOptions>),
    ("incomingContext", holds::<IncomingContext>),
    ("initiator", holds::<Identity>),
    ("invitationParticipantInfo", holds::<InvitationParticipantInfo>),
    ("inviteParticipantsOperation", holds::<InviteParticipantsOperation>),
    ("joinMeetingIdMeetingInfo", holds::<JoinMeetingIdMeetingInfo>),
    ("mediaConfig", holds::<MediaConfig>),
    ("mediaInfo", holds::<MediaInfo>),
    ("mediaPrompt", holds::<MediaPrompt>),
    ("mediaStream", holds::<MediaStream>),
    ("meetingInfo", holds::<MeetingInfo>),
    ("muteParticipantOperation", holds::<MuteParticipantOperation>),
    ("onlineMeetingRestricted", holds::<OnlineMeetingRestricted>),
    ("organizerMeetingInfo", holds::<OrganizerMeetingInfo>),
    ("outgoingCallOptions", holds::<CallOptions>),
    ("participant", holds::<Participant>),
    ("participantInfo", holds::<ParticipantInfo>),
    ("playPromptOperation", holds::<PlayPromptOperation>),
    ("prompt", holds::<Prompt>),
    ("recordOperation", holds::<RecordOperation>),
    ("recordingInfo", holds::<RecordingInfo>),
    ("removedState", holds::<RemovedState>),
    ("resultInfo", holds::<ResultInfo>),
    ("sendDtmfTonesOperation", holds::<SendDtmfTonesOperation>),
    ("serviceHostedMediaConfig", holds::<ServiceHostedMediaConfig>),
    ("startHoldMusicOperation", holds::<StartHoldMusicOperation>),
    ("stopHoldMusicOperation", holds::<StopHoldMusicOperation>),
    ("subscribeToToneOperation", holds::<SubscribeToToneOperation>),
    ("teleconferenceDeviceMediaQuality", holds::<TeleconferenceDeviceMediaQuality>),
    ("teleconferenceDeviceQuality", holds::<TeleconferenceDeviceQuality>),
    ("tokenMeetingInfo", holds::<TokenMeetingInfo>),
    ("toneInfo", holds::<ToneInfo>),
    ("unmuteParticipantOperation", holds::<UnmuteParticipantOperation>),
    ("updateRecordingStatusOperation", holds::<UpdateRecordingStatusOperation>),
];

/// Whether an enumeration has a member of this name, in any case: the metadata itself writes `NotStarted`, its pages `notStarted`.
pub(super) type HasMember = fn(&str) -> bool;

fn has<E: OpenEnum>() -> (&'static str, HasMember) {
    (E::GRAPH_NAME, |name| E::from_name(name).is_some())
}

pub(super) fn enumerations() -> Vec<(&'static str, HasMember)> {
    vec![
        has::<CallDirection>(),
        has::<CallState>(),
        has::<CallTranscriptionState>(),
        has::<ChangeType>(),
        has::<EndpointType>(),
        has::<InitiatorType>(),
        has::<MediaDirection>(),
        has::<MediaState>(),
        has::<Modality>(),
        has::<OnlineMeetingContentSharingDisabledReason>(),
        has::<OnlineMeetingVideoDisabledReason>(),
        has::<OperationStatus>(),
        has::<RecordingStatus>(),
        has::<RejectReason>(),
        has::<RoutingMode>(),
        has::<RoutingType>(),
        has::<ScreenSharingRole>(),
        has::<SendDtmfCompletionReason>(),
        has::<Tone>(),
    ]
}

/// The actions with their bodies. `mute` is two actions: the bot's own, and a participant's.
pub(super) const ACTIONS: &[(&str, Check)] = &[
    ("addLargeGalleryView", holds::<ClientContextRequest>),
    ("answer", holds::<AnswerRequest>),
    ("cancelMediaProcessing", holds::<ClientContextRequest>),
    ("changeScreenSharingRole", holds::<ChangeScreenSharingRoleRequest>),
    ("invite", holds::<InviteRequest>),
    ("keepAlive", has_no_body),
    ("logTeleconferenceDeviceQuality", holds::<LogTeleconferenceDeviceQualityRequest>),
    ("mute", holds::<ClientContextRequest>),
    ("playPrompt", holds::<PlayPromptRequest>),
    ("recordResponse", holds::<RecordResponseRequest>),
    ("redirect", holds::<RedirectRequest>),
    ("reject", holds::<RejectRequest>),
    ("sendDtmfTones", holds::<SendDtmfTonesRequest>),
    ("startHoldMusic", holds::<StartHoldMusicRequest>),
    ("stopHoldMusic", holds::<ClientContextRequest>),
    ("subscribeToTone", holds::<ClientContextRequest>),
    ("transfer", holds::<TransferRequest>),
    ("unmute", holds::<ClientContextRequest>),
    ("updateRecordingStatus", holds::<UpdateRecordingStatusRequest>),
];

fn has_no_body(sample: &Value) -> Result<(), String> {
    if *sample == serde_json::json!({}) { Ok(()) } else { Err(format!("has no body for {sample}")) }
}

const NOT_OF_CALLS: &str = "derives from an identity, but nothing of calls has one";

/// Types that need no model, with the reason.
pub(super) const NOT_MODELLED: &[(&str, &str)] = &[
    ("entity", "abstract: only an id, which each of its subtypes has"),
    ("aiInteractionMentionedIdentitySet", NOT_OF_CALLS),
    ("chatMessageFromIdentitySet", NOT_OF_CALLS),
    ("chatMessageMentionedIdentitySet", NOT_OF_CALLS),
    ("chatMessageReactionIdentitySet", NOT_OF_CALLS),
    ("detailsInfo", "only provisioning identities have one"),
    ("emailIdentity", NOT_OF_CALLS),
    ("engagementIdentitySet", NOT_OF_CALLS),
    ("provisionedIdentity", NOT_OF_CALLS),
    ("provisioningServicePrincipal", NOT_OF_CALLS),
    ("provisioningSystem", NOT_OF_CALLS),
    ("servicePrincipalIdentity", NOT_OF_CALLS),
    ("sharePointGroupIdentity", NOT_OF_CALLS),
    ("sharePointIdentity", NOT_OF_CALLS),
    ("sharePointIdentitySet", NOT_OF_CALLS),
    ("teamworkApplicationIdentity", NOT_OF_CALLS),
    ("teamworkApplicationIdentityType", NOT_OF_CALLS),
    ("teamworkConversationIdentity", NOT_OF_CALLS),
    ("teamworkConversationIdentityType", NOT_OF_CALLS),
    ("teamworkTagIdentity", NOT_OF_CALLS),
    ("teamworkUserIdentity", NOT_OF_CALLS),
    ("teamworkUserIdentityType", NOT_OF_CALLS),
    ("userIdentity", NOT_OF_CALLS),
];
