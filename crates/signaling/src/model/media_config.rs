//! Who hosts a call's media: the application, with a blob, or the service.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::open::graph_object;
use super::{Other, UnknownProperties};
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

/// Who hosts the media (Graph's abstract `mediaConfig`), by `@odata.type`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MediaConfig {
    /// The application.
    AppHosted(AppHostedMediaConfig),
    /// The service.
    ServiceHosted(ServiceHostedMediaConfig),
    /// A type that this version does not know, kept as it came.
    Unknown(Other),
}

impl From<AppHostedMediaConfig> for MediaConfig {
    fn from(config: AppHostedMediaConfig) -> Self {
        Self::AppHosted(config)
    }
}

impl From<ServiceHostedMediaConfig> for MediaConfig {
    fn from(config: ServiceHostedMediaConfig) -> Self {
        Self::ServiceHosted(config)
    }
}

impl Serialize for MediaConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AppHosted(config) => config.serialize(serializer),
            Self::ServiceHosted(config) => config.serialize(serializer),
            Self::Unknown(object) => object.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for MediaConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Other::deserialize(deserializer)?;
        match object.type_name() {
            Some("appHostedMediaConfig") => {
                serde_json::from_value(Value::Object(object.0)).map(Self::AppHosted).map_err(D::Error::custom)
            }
            Some("serviceHostedMediaConfig") => serde_json::from_value(Value::Object(object.0))
                .map(Self::ServiceHosted)
                .map_err(D::Error::custom),
            _ => Ok(Self::Unknown(object)),
        }
    }
}

impl UnknownProperties for MediaConfig {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        match self {
            Self::AppHosted(config) => config.collect_unknown(path, found),
            Self::ServiceHosted(config) => config.collect_unknown(path, found),
            Self::Unknown(object) => object.collect_unknown(path, found),
        }
    }
}
