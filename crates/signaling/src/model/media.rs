//! Modalities, directions, and the media streams of a participant.

use super::object::graph_object;
use super::open::{Open, open_enum};

open_enum! {
    /// A kind of media (Graph `modality`).
    pub enum Modality: "modality" {
        /// Sound.
        "audio" Audio,
        /// A camera.
        "video" Video,
        /// A shared screen.
        "videoBasedScreenSharing" VideoBasedScreenSharing,
        /// Data.
        "data" Data,
        /// In prose on the pages.
        "unknown" Unknown,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

open_enum! {
    /// Which way media flows, as its owner sees it (Graph `mediaDirection`).
    pub enum MediaDirection: "mediaDirection" {
        /// Neither way.
        "inactive" Inactive,
        /// The owner sends.
        "sendOnly" SendOnly,
        /// The owner receives.
        "receiveOnly" ReceiveOnly,
        /// Both ways.
        "sendReceive" SendReceive,
    }
}

graph_object! {
    /// One stream of a participant (Graph `mediaStream`). The direction is the participant's, not the bot's.
    pub struct MediaStream: "#microsoft.graph.mediaStream" {
        /// The kind of media.
        "mediaType" media_type: Open<Modality>,
        /// Media source id, a decimal number as text: frames are tagged with it.
        "sourceId" source_id: String,
        /// Which way it flows, as the participant sees it.
        "direction" direction: Open<MediaDirection>,
        /// Whether the service mutes it.
        "serverMuted" server_muted: bool,
        /// A label, such as `main-audio`.
        "label" label: String,
    }
}
