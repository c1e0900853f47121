//! What a bot plays, records, sends and shows.

use crate::model::object::graph_object;
use crate::model::open::Open;
use crate::model::{Integer, Prompt, RecordingStatus, ScreenSharingRole, Tone};

graph_object! {
    /// Body of `playPrompt`. For media that the service hosts.
    pub struct PlayPromptRequest {
        /// What to play, at most 20. Required.
        "prompts" prompts: Vec<Prompt>,
        /// How often (beta pages, not in the metadata).
        "loop" loops: Integer,
        /// What the caller recognises the operation by, at most 256 characters.
        "clientContext" client_context: String,
    }
}

graph_object! {
    /// Body of `recordResponse`. For media that the service hosts.
    pub struct RecordResponseRequest {
        /// What to play first, at most one.
        "prompts" prompts: Vec<Prompt>,
        /// Whether the prompt stops when somebody speaks. Default no.
        "bargeInAllowed" barge_in_allowed: bool,
        /// How long to wait for the first word: 1 to 120 seconds, default 5.
        "initialSilenceTimeoutInSeconds" initial_silence_timeout_in_seconds: Integer,
        /// How long a silence ends the recording: 1 to 120 seconds, default 5.
        "maxSilenceTimeoutInSeconds" max_silence_timeout_in_seconds: Integer,
        /// How long the recording is at most: 1 to 120 seconds, default 5.
        "maxRecordDurationInSeconds" max_record_duration_in_seconds: Integer,
        /// Whether a beep comes before the recording. Default yes.
        "playBeep" play_beep: bool,
        /// Which pressed keys end it, as on a phone: `#`, `1`, `*`.
        "stopTones" stop_tones: Vec<String>,
        /// What the caller recognises the operation by, at most 256 characters.
        "clientContext" client_context: String,
    }
}

graph_object! {
    /// Body of `sendDtmfTones`. Not in US Government clouds.
    pub struct SendDtmfTonesRequest {
        /// The tones, in order. Required.
        "tones" tones: Vec<Open<Tone>>,
        /// The pause between two of them, in milliseconds.
        "delayBetweenTonesMs" delay_between_tones_ms: Integer,
        /// What the caller recognises the operation by, at most 256 characters.
        "clientContext" client_context: String,
    }
}

graph_object! {
    /// Body of `updateRecordingStatus`. Only for a call under a recording policy.
    pub struct UpdateRecordingStatusRequest {
        /// What everybody is told. Required.
        "status" status: Open<RecordingStatus>,
        /// What the caller recognises the operation by, at most 256 characters.
        "clientContext" client_context: String,
    }
}

graph_object! {
    /// Body of `changeScreenSharingRole`. For media that the application hosts, in a group call.
    pub struct ChangeScreenSharingRoleRequest {
        /// Which end of the shared screen the bot is from now on. Required.
        "role" role: Open<ScreenSharingRole>,
    }
}
