//! The resources of Graph's calls API, named as in its v1.0 metadata, one file per concern.
//!
//! Every property is a [`Field`] (absent, null or a value), every enumeration is [`Open`], and properties that this
//! version does not know sit in `other`, like those whose value is not of their type: what is read is written back equal. Properties that the documented examples carry
//! but the metadata does not (`activeModalities`, `answeredBy` and so on) are typed too and say so. The bodies of actions are in
//! [`action`].
//!
//! ```
//! use offhook_signaling::model::{Call, CallState};
//!
//! let call: Call = serde_json::from_str(r#"{"state":"Established","novelty":1}"#)?;
//! assert_eq!(call.state.known(), Some(CallState::Established));
//! assert_eq!(serde_json::to_string(&call)?, r#"{"state":"Established","novelty":1}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```

pub mod action;

mod application_metadata;
mod audio_routing;
mod call;
mod call_options;
mod chat;
mod collection;
mod content_sharing;
mod duration;
mod error;
mod field;
mod flags;
mod identity;
mod ids;
mod json;
mod media;
mod media_config;
mod meeting_info;
mod notification;
mod number;
mod object;
mod open;
mod operation;
mod participant;
mod participant_joining;
mod prompt;
mod recording;
mod resource_data;
mod resource_path;
mod result_info;
mod screen_sharing;
mod teleconference_device;
mod tone;
mod transcription;
mod unknown;

pub use application_metadata::{ApplicationMetadata, BotData, BotDataUser, ParticipationMethod, Recorder};
pub use audio_routing::{AudioRoutingGroup, RoutingMode};
pub use call::{Call, CallDirection, CallMediaState, CallRoute, CallState, IncomingContext, MediaState};
pub use call::{RoutingPolicy, RoutingType};
pub use call_options::CallOptions;
pub use chat::ChatInfo;
pub use collection::Collection;
pub use content_sharing::ContentSharingSession;
pub use duration::IsoDuration;
pub use error::{ErrorDetail, ErrorResponse};
pub use field::{Field, Other};
pub use flags::Flags;
pub use identity::{EndpointType, Identity, IdentitySet, InitiatorType};
pub use ids::{
    AudioRoutingGroupId, CallChainId, CallId, ContentSharingSessionId, IdentityId, OperationId,
    ParticipantId, TenantId,
};
pub use media::{MediaDirection, MediaStream, Modality};
pub use media_config::{AppHostedMediaConfig, MediaConfig, MediaInfo, ServiceHostedMediaConfig};
pub use meeting_info::{JoinMeetingIdMeetingInfo, MeetingInfo, OrganizerMeetingInfo, TokenMeetingInfo};
pub use notification::{ChangeType, CommsNotification, CommsNotifications, PolicyNotification};
pub use number::{Decimal, Integer};
pub use open::{Open, OpenEnum};
pub use operation::{
    AddLargeGalleryViewOperation, CancelMediaProcessingOperation, CommonProperties, CommsOperation,
    InviteParticipantsOperation, MuteParticipantOperation, Operation, OperationStatus, OtherOperation,
    PlayPromptCompletionReason, PlayPromptOperation, RecordCompletionReason, RecordOperation,
    SendDtmfCompletionReason, SendDtmfTonesOperation, StartHoldMusicOperation, StopHoldMusicOperation,
    SubscribeToToneOperation, UnmuteParticipantOperation, UpdateRecordingStatusOperation,
};
pub use participant::{
    DeltaParticipants, InvitationParticipantInfo, OnlineMeetingContentSharingDisabledReason,
    OnlineMeetingRestricted, OnlineMeetingVideoDisabledReason, Participant, ParticipantInfo, RemovedState,
};
pub use participant_joining::{
    AcceptJoinResponse, InviteNewBotResponse, ParticipantJoiningNotification, ParticipantJoiningResponse,
    ParticipantLeftNotification, RejectJoinResponse, RejectReason,
};
pub use prompt::{MediaPrompt, Prompt};
pub use recording::{RecordingInfo, RecordingStatus};
pub use resource_data::ResourceData;
pub use resource_path::{CallPart, ResourcePath};
pub use result_info::ResultInfo;
pub use screen_sharing::ScreenSharingRole;
pub use teleconference_device::{TeleconferenceDeviceMediaQuality, TeleconferenceDeviceQuality};
pub use tone::{Tone, ToneInfo};
pub use transcription::{CallTranscriptionInfo, CallTranscriptionState};
pub use unknown::UnknownProperties;
