//! The bodies of the actions on calls and participants, named after the actions of Graph's v1.0 metadata, one file per concern.
//!
//! They are no typed objects on the wire, so they have no `@odata.type` and are built with `..Default::default()`. `keepAlive` has
//! no body.

mod device_quality;
mod incoming;
mod media;
mod participants;

pub use device_quality::LogTeleconferenceDeviceQualityRequest;
pub use incoming::{AnswerRequest, RedirectRequest, RejectRequest, TransferRequest};
pub use media::{
    ChangeScreenSharingRoleRequest, PlayPromptRequest, RecordResponseRequest, SendDtmfTonesRequest,
    UpdateRecordingStatusRequest,
};
pub use participants::{ClientContextRequest, InviteRequest, StartHoldMusicRequest};
