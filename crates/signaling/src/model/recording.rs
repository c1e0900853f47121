//! Whether someone records.

use super::IdentitySet;
use super::object::graph_object;
use super::open::{Open, open_enum};

open_enum! {
    /// Whether a call is recorded (Graph `recordingStatus`).
    pub enum RecordingStatus: "recordingStatus" {
        /// Not known.
        "unknown" Unknown,
        /// Nobody records.
        "notRecording" NotRecording,
        /// Someone records.
        "recording" Recording,
        /// Recording failed.
        "failed" Failed,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// Who records (Graph `recordingInfo`).
    pub struct RecordingInfo: "#microsoft.graph.recordingInfo" {
        /// Who began it.
        "initiator" initiator: IdentitySet,
        /// Whether it runs.
        "recordingStatus" recording_status: Open<RecordingStatus>,
    }
}
