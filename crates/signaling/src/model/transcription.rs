//! Transcription of a call.

use super::object::graph_object;
use super::open::{Open, open_enum};

open_enum! {
    /// Whether a call is transcribed (Graph `callTranscriptionState`).
    pub enum CallTranscriptionState: "callTranscriptionState" {
        /// Not begun.
        "notStarted" NotStarted,
        /// Under way.
        "active" Active,
        /// Stopped.
        "inactive" Inactive,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// Transcription of a call (Graph `callTranscriptionInfo`).
    pub struct CallTranscriptionInfo: "#microsoft.graph.callTranscriptionInfo" {
        /// When it last changed, ISO 8601.
        "lastModifiedDateTime" last_modified_date_time: String,
        /// Whether it runs.
        "state" state: Open<CallTranscriptionState>,
    }
}
