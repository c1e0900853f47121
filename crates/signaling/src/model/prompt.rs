//! Prompts: what the service plays into a call.

use super::MediaInfo;
use super::object::{graph_object, subtypes};

graph_object! {
    /// A sound file to play (Graph `mediaPrompt`).
    pub struct MediaPrompt: "#microsoft.graph.mediaPrompt" {
        /// The file.
        "mediaInfo" media_info: MediaInfo,
    }
}

impl MediaPrompt {
    /// The sound file at this address.
    pub fn with_uri(uri: impl Into<String>) -> Self {
        Self { media_info: MediaInfo::with_uri(uri).into(), ..Self::new() }
    }
}

subtypes! {
    /// What the service plays (Graph's abstract `prompt`), by `@odata.type`.
    pub enum Prompt {
        /// A sound file.
        Media(MediaPrompt): MediaPrompt,
    }
}
