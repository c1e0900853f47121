//! Who hosts a call's media: the application, with a blob, or the service.

use super::object::{graph_object, subtypes};
use crate::redacted::Redacted;

graph_object! {
    /// The application hosts the media (Graph `appHostedMediaConfig`).
    pub struct AppHostedMediaConfig: "#microsoft.graph.appHostedMediaConfig" {
        /// The media session's description, opaque to signaling. It holds keys and addresses, so it stays out of logs.
        "blob" blob: Redacted<String>,
        /// Whether the bot leaves the mixed room, to speak only through audio routing groups (pages, not in the metadata).
        "removeFromDefaultAudioGroup" remove_from_default_audio_group: bool,
    }
}

impl AppHostedMediaConfig {
    /// Media hosted by the application that made this blob.
    pub fn with_blob(blob: impl Into<Redacted<String>>) -> Self {
        Self { blob: blob.into().into(), ..Self::new() }
    }
}

graph_object! {
    /// The service hosts the media; the bot plays prompts and records (Graph `serviceHostedMediaConfig`).
    pub struct ServiceHostedMediaConfig: "#microsoft.graph.serviceHostedMediaConfig" {
        /// Prompts to fetch ahead.
        "preFetchMedia" pre_fetch_media: Vec<MediaInfo>,
        /// Whether the bot leaves the mixed room (pages, not in the metadata).
        "removeFromDefaultAudioGroup" remove_from_default_audio_group: bool,
    }
}

graph_object! {
    /// A prompt: a WAV of one channel, 16 bits, 16 kHz (Graph `mediaInfo`).
    pub struct MediaInfo: "#microsoft.graph.mediaInfo" {
        /// Where it is.
        "uri" uri: String,
        /// The key under which the service caches it.
        "resourceId" resource_id: String,
    }
}

impl MediaInfo {
    /// What is at this address.
    pub fn with_uri(uri: impl Into<String>) -> Self {
        Self { uri: uri.into().into(), ..Self::new() }
    }
}

subtypes! {
    /// Who hosts the media (Graph's abstract `mediaConfig`), by `@odata.type`.
    pub enum MediaConfig {
        /// The application.
        AppHosted(AppHostedMediaConfig): AppHostedMediaConfig,
        /// The service.
        ServiceHosted(ServiceHostedMediaConfig): ServiceHostedMediaConfig,
    }
}
