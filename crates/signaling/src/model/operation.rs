//! Long-running operations on a call: play a prompt, invite, record.

use super::open::{Open, graph_object, open_enum};
use super::{InvitationParticipantInfo, OperationId, ResultInfo};
use crate::redacted::Redacted;

open_enum! {
    /// Where an operation is (Graph `operationStatus`). `Completed` says that it is over, not that it succeeded.
    pub enum OperationStatus: "operationStatus" {
        /// Not begun.
        "notStarted" NotStarted,
        /// Under way.
        "running" Running,
        /// Over.
        "completed" Completed,
        /// Over, and failed.
        "failed" Failed,
    }
}

open_enum! {
    /// Why an operation ended (Graph `sendDtmfCompletionReason` and its siblings on the beta pages).
    pub enum CompletionReason: "completionReason" {
        /// Not known.
        "unknown" Unknown,
        /// It did all it should.
        "completedSuccessfully" CompletedSuccessfully,
        /// Cancelled by another media operation.
        "mediaOperationCanceled" MediaOperationCanceled,
        /// Cancelled.
        "operationCanceled" OperationCanceled,
        /// A stop tone was pressed.
        "stopToneDetected" StopToneDetected,
        /// The recording reached its maximum.
        "maxRecordDurationReached" MaxRecordDurationReached,
        /// Nobody began to speak.
        "initialSilenceTimeout" InitialSilenceTimeout,
        /// Nobody spoke on.
        "maxSilenceTimeout" MaxSilenceTimeout,
        /// The prompt could not be played.
        "playPromptFailed" PlayPromptFailed,
        /// The beep could not be played.
        "playBeepFailed" PlayBeepFailed,
        /// No media came.
        "mediaReceiveTimeout" MediaReceiveTimeout,
        /// It failed without a reason.
        "unspecifiedError" UnspecifiedError,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// An operation (Graph `commsOperation` and its subtypes, an open type).
    ///
    /// The subtype is in `odata_type`, such as `#microsoft.graph.playPromptOperation`; what subtypes add is here too.
    pub struct CommsOperation: "#microsoft.graph.commsOperation" {
        /// `@odata.context` of an answer.
        "@odata.context" odata_context: String,
        /// `@odata.id`, in notifications.
        "@odata.id" odata_id: String,
        /// `@odata.etag`, in notifications.
        "@odata.etag" odata_etag: String,
        /// The operation. A notification may leave it out; the address has it.
        "id" id: OperationId,
        /// What the caller gave to recognise it by, at most 256 characters.
        "clientContext" client_context: String,
        /// Where it is.
        "status" status: Open<OperationStatus>,
        /// How it went.
        "resultInfo" result_info: ResultInfo,
        /// Why it ended (`sendDtmfTonesOperation`, `playPromptOperation`, `recordOperation`).
        "completionReason" completion_reason: Open<CompletionReason>,
        /// Who was invited (`inviteParticipantsOperation`).
        "participants" participants: Vec<InvitationParticipantInfo>,
        /// Where the recording is (`recordOperation`).
        "recordingLocation" recording_location: String,
        /// The token that fetches the recording (`recordOperation`).
        "recordingAccessToken" recording_access_token: Redacted<String>,
    }
}
