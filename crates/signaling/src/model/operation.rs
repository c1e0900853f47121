//! Long-running operations on a call: play a prompt, invite, record. One type for each of Graph's subtypes of `commsOperation`.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::object::{graph_object, read_object};
use super::open::{Open, open_enum};
use super::{Field, InvitationParticipantInfo, OperationId, Other, ResultInfo, UnknownProperties};
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
    /// Why sending tones ended (Graph `sendDtmfCompletionReason`).
    pub enum SendDtmfCompletionReason: "sendDtmfCompletionReason" {
        /// Not known.
        "unknown" Unknown,
        /// All were sent.
        "completedSuccessfully" CompletedSuccessfully,
        /// Cancelled by another media operation.
        "mediaOperationCanceled" MediaOperationCanceled,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

open_enum! {
    /// Why playing ended (Graph `playPromptCompletionReason`, on the beta pages, not in the metadata).
    pub enum PlayPromptCompletionReason: "playPromptCompletionReason" {
        /// Not known.
        "unknown" Unknown,
        /// All was played.
        "completedSuccessfully" CompletedSuccessfully,
        /// Cancelled by another media operation.
        "mediaOperationCanceled" MediaOperationCanceled,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

open_enum! {
    /// Why recording ended (Graph `recordCompletionReason`, on the beta pages, not in the metadata).
    pub enum RecordCompletionReason: "recordCompletionReason" {
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

/// What every operation has, whatever it does: the properties of Graph's `commsOperation`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CommonProperties<'a> {
    /// The operation. A notification may leave it out; its address has it.
    pub id: Option<&'a OperationId>,
    /// Where it is. `None` when the service does not say, or uses a word that this version does not know.
    pub status: Option<OperationStatus>,
    /// How it went, as far as the service says.
    pub result_info: Option<&'a ResultInfo>,
    /// What the caller gave to recognise it by.
    pub client_context: Option<&'a str>,
}

/// An operation of one of Graph's types, or of any ([`CommsOperation`]).
pub trait Operation: Clone + Into<CommsOperation> + Send + Sync + 'static {
    /// What every operation has.
    fn common(&self) -> CommonProperties<'_>;

    /// The operation as this type, if it is of this type.
    fn from_operation(operation: CommsOperation) -> Option<Self>;

    /// Whether its reason says that it was cancelled. Tones and prompts that were cancelled are `completed` all the same.
    fn was_cancelled(&self) -> bool;

    /// Whether nothing follows: it is completed or failed.
    fn is_over(&self) -> bool {
        matches!(self.common().status, Some(OperationStatus::Completed | OperationStatus::Failed))
    }

    /// Whether it went wrong: by its status, its result or its reason.
    fn is_failure(&self) -> bool {
        let CommonProperties { status, result_info, .. } = self.common();
        status == Some(OperationStatus::Failed)
            || result_info.is_some_and(ResultInfo::is_failure)
            || self.was_cancelled()
    }
}

/// Declares the operations: `Variant Type: "@odata.type" { what it adds }`, and which reason says that it was cancelled.
macro_rules! operations {
    ($(
        $(#[$meta:meta])*
        $variant:ident $name:ident: $odata_type:literal $( cancelled by $reason:path )? {
            $( $(#[$field_meta:meta])* $wire:literal $field:ident: $type:ty, )*
        }
    )+) => {
        $(
            graph_object! {
                $(#[$meta])*
                pub struct $name: $odata_type {
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
                    $( $(#[$field_meta])* $wire $field: $type, )*
                }
            }

            impl Operation for $name {
                fn common(&self) -> CommonProperties<'_> {
                    CommonProperties {
                        id: self.id.value(),
                        status: self.status.known(),
                        result_info: self.result_info.value(),
                        client_context: self.client_context.as_str(),
                    }
                }

                fn was_cancelled(&self) -> bool {
                    false $( || self.completion_reason.known() == Some($reason) )?
                }

                fn from_operation(operation: CommsOperation) -> Option<Self> {
                    match operation {
                        CommsOperation::$variant(operation) => Some(operation),
                        _ => None,
                    }
                }
            }

            impl From<$name> for CommsOperation {
                fn from(operation: $name) -> Self {
                    Self::$variant(operation)
                }
            }
        )+

        /// An operation, by its `@odata.type` (Graph `commsOperation` and its subtypes, open types).
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum CommsOperation {
            $( $(#[$meta])* $variant($name), )+
        }

        impl CommsOperation {
            /// Takes over what `newer` says; what it leaves out or nulls stays as it was. One that does not say its type is of
            /// this one's; one of another type replaces this one: it knows better what it is.
            pub fn update_from(&mut self, newer: &Self) {
                match (self, newer) {
                    $( (Self::$variant(held), Self::$variant(newer)) => held.update_from(newer), )+
                    (held, Self::Other(newer)) => held.take_properties(newer),
                    (held, newer) => *held = newer.clone(),
                }
            }

            /// Gives an operation its id, which the service left out of the body.
            pub(crate) fn set_id(&mut self, id: OperationId) {
                match self {
                    $( Self::$variant(operation) => operation.id = Field::Value(id), )+
                }
            }

            fn from_object(object: Other) -> Self {
                $(
                    if object.type_name().is_some() && object.type_name() == $odata_type.rsplit('.').next() {
                        return $name::from_object(object).into();
                    }
                )+
                OtherOperation::from_object(object).into()
            }
        }

        impl Operation for CommsOperation {
            fn common(&self) -> CommonProperties<'_> {
                match self {
                    $( Self::$variant(operation) => operation.common(), )+
                }
            }

            fn was_cancelled(&self) -> bool {
                match self {
                    $( Self::$variant(operation) => operation.was_cancelled(), )+
                }
            }

            fn from_operation(operation: CommsOperation) -> Option<Self> {
                Some(operation)
            }
        }

        impl Serialize for CommsOperation {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $( Self::$variant(operation) => operation.serialize(serializer), )+
                }
            }
        }

        impl UnknownProperties for CommsOperation {
            fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
                match self {
                    $( Self::$variant(operation) => operation.collect_unknown(path, found), )+
                }
            }
        }
    };
}

operations! {
    /// A gallery of many participants is added to the call (Graph `addLargeGalleryViewOperation`).
    AddLargeGalleryView AddLargeGalleryViewOperation: "#microsoft.graph.addLargeGalleryViewOperation" {}

    /// Prompts and recordings under way are cancelled (Graph `cancelMediaProcessingOperation`).
    CancelMediaProcessing CancelMediaProcessingOperation: "#microsoft.graph.cancelMediaProcessingOperation" {}

    /// People are invited (Graph `inviteParticipantsOperation`).
    InviteParticipants InviteParticipantsOperation: "#microsoft.graph.inviteParticipantsOperation" {
        /// Who was invited.
        "participants" participants: Vec<InvitationParticipantInfo>,
    }

    /// A participant, or the bot itself, is muted (Graph `muteParticipantOperation`).
    MuteParticipant MuteParticipantOperation: "#microsoft.graph.muteParticipantOperation" {}

    /// Prompts are played (Graph `playPromptOperation`).
    PlayPrompt PlayPromptOperation: "#microsoft.graph.playPromptOperation" cancelled by PlayPromptCompletionReason::MediaOperationCanceled {
        /// Why it ended (beta pages, not in the metadata).
        "completionReason" completion_reason: Open<PlayPromptCompletionReason>,
    }

    /// What is said is recorded (Graph `recordOperation`).
    Record RecordOperation: "#microsoft.graph.recordOperation" cancelled by RecordCompletionReason::OperationCanceled {
        /// Where the recording is.
        "recordingLocation" recording_location: String,
        /// The token that fetches the recording.
        "recordingAccessToken" recording_access_token: Redacted<String>,
        /// Why it ended (beta pages, not in the metadata).
        "completionReason" completion_reason: Open<RecordCompletionReason>,
    }

    /// Tones are sent (Graph `sendDtmfTonesOperation`).
    SendDtmfTones SendDtmfTonesOperation: "#microsoft.graph.sendDtmfTonesOperation" cancelled by SendDtmfCompletionReason::MediaOperationCanceled {
        /// Why it ended: the status is `completed` even when it was cancelled.
        "completionReason" completion_reason: Open<SendDtmfCompletionReason>,
    }

    /// A participant begins to hear music (Graph `startHoldMusicOperation`).
    StartHoldMusic StartHoldMusicOperation: "#microsoft.graph.startHoldMusicOperation" {}

    /// A participant stops hearing music (Graph `stopHoldMusicOperation`).
    StopHoldMusic StopHoldMusicOperation: "#microsoft.graph.stopHoldMusicOperation" {}

    /// Pressed tones will be told (Graph `subscribeToToneOperation`).
    SubscribeToTone SubscribeToToneOperation: "#microsoft.graph.subscribeToToneOperation" {}

    /// The bot is no longer muted (Graph `unmuteParticipantOperation`).
    UnmuteParticipant UnmuteParticipantOperation: "#microsoft.graph.unmuteParticipantOperation" {}

    /// Everybody is told whether the call is recorded (Graph `updateRecordingStatusOperation`).
    UpdateRecordingStatus UpdateRecordingStatusOperation: "#microsoft.graph.updateRecordingStatusOperation" {}

    /// An operation that says no more of itself, or is of a type that this version does not know; typed as far as every
    /// operation is.
    Other OtherOperation: "#microsoft.graph.commsOperation" {}
}

read_object!(CommsOperation);

impl CommsOperation {
    /// Takes over the properties of an operation that does not say its type, as properties of this one.
    fn take_properties(&mut self, untyped: &OtherOperation) {
        let (Ok(Value::Object(mut held)), Ok(Value::Object(newer))) =
            (serde_json::to_value(&*self), serde_json::to_value(untyped))
        else {
            return;
        };
        held.extend(newer.into_iter().filter(|(name, value)| name != "@odata.type" && !value.is_null()));
        *self = Self::from_object(Other(held));
    }
}
