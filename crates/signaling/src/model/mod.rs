//! The resources of Graph's calls API, named as in its v1.0 metadata, one file per concern.
//!
//! Every property is a [`Field`] (absent, null or a value), every enumeration is [`Open`], and properties that this
//! version does not know sit in `other`: what is read is written back equal. Properties that the documented examples carry
//! but the metadata does not (`activeModalities`, `answeredBy` and so on) are typed too and say so.
//!
//! ```
//! use offhook_signaling::model::{Call, CallState};
//!
//! let call: Call = serde_json::from_str(r#"{"state":"Established","novelty":1}"#)?;
//! assert_eq!(call.state.known(), Some(CallState::Established));
//! assert_eq!(serde_json::to_string(&call)?, r#"{"state":"Established","novelty":1}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod call;
mod call_options;
mod chat;
mod content_sharing;
mod error;
mod field;
mod identity;
mod ids;
mod media;
mod media_config;
mod meeting_info;
mod notification;
mod open;
mod operation;
mod participant;
mod recording;
mod resource_data;
mod resource_path;
mod result_info;
mod tone;
mod transcription;
mod unknown;

pub use call::{Call, CallDirection, CallMediaState, CallRoute, CallState, IncomingContext, MediaState};
pub use call::{RoutingPolicy, RoutingType};
pub use call_options::CallOptions;
pub use chat::ChatInfo;
pub use content_sharing::ContentSharingSession;
pub use error::{ErrorDetail, ErrorResponse};
pub use field::{Field, Other};
pub use identity::{EndpointType, Identity, IdentitySet};
pub use ids::{
    CallChainId, CallId, ContentSharingSessionId, IdentityId, OperationId, ParticipantId, TenantId,
};
pub use media::{MediaDirection, MediaStream, Modality};
pub use media_config::{AppHostedMediaConfig, MediaConfig, MediaInfo, ServiceHostedMediaConfig};
pub use meeting_info::{JoinMeetingIdMeetingInfo, MeetingInfo, OrganizerMeetingInfo, TokenMeetingInfo};
pub use notification::{ChangeType, CommsNotification, CommsNotifications};
pub use open::{Integer, Open, OpenEnum};
pub use operation::{CommsOperation, CompletionReason, OperationStatus};
pub use participant::{
    DeltaParticipants, InvitationParticipantInfo, OnlineMeetingRestricted, Participant, ParticipantInfo,
    RemovedState,
};
pub use recording::{RecordingInfo, RecordingStatus};
pub use resource_data::ResourceData;
pub use resource_path::{CallPart, ResourcePath};
pub use result_info::ResultInfo;
pub use tone::{Tone, ToneInfo};
pub use transcription::{CallTranscriptionInfo, CallTranscriptionState};
pub use unknown::UnknownProperties;
