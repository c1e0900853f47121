//! The documented shape of Microsoft's media platform. Read only: what its fields mean on the wire is not public.
//!
//! Source: the beta page of Graph's `create call` (2018-2021) and samples. Recognised by its keys, not by the scheme of
//! its URI: later versions of that platform may write another.

use std::fmt;

use serde_json::Value;

/// A blob that Microsoft's media platform has written.
#[derive(Clone, PartialEq, Eq)]
pub struct MicrosoftBlob {
    text: String,
    json: Value,
}

impl MicrosoftBlob {
    /// The blob in `json`, if it has the documented shape.
    pub(super) fn recognise(json: &Value, text: &str) -> Option<Self> {
        let shaped =
            ["mpUri", "mpMediaSessionId"].iter().all(|key| json.get(key).is_some_and(Value::is_string))
                && json.get("audioRenderContexts").is_some_and(Value::is_array);
        shaped.then(|| Self { text: text.to_owned(), json: json.clone() })
    }

    fn text_of(&self, key: &str) -> Option<&str> {
        self.json.get(key)?.as_str()
    }

    /// The text, byte for byte.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `mpUri`: where that platform is reached.
    pub fn media_processor_uri(&self) -> Option<&str> {
        self.text_of("mpUri")
    }

    /// `mpMediaSessionId`.
    pub fn media_session_id(&self) -> Option<&str> {
        self.text_of("mpMediaSessionId")
    }

    /// `supportedAudioFormat`, as in `Pcm16K`.
    pub fn supported_audio_format(&self) -> Option<&str> {
        self.text_of("supportedAudioFormat")
    }

    /// `callId`, which the oldest shape lacks.
    pub fn call_id(&self) -> Option<&str> {
        self.text_of("callId")
    }

    /// `skypeMediaBotsVersion`: which version of that platform wrote it.
    pub fn media_library_version(&self) -> Option<&str> {
        self.text_of("skypeMediaBotsVersion")
    }

    /// How many audio sockets receive.
    pub fn audio_sockets(&self) -> usize {
        self.json.get("audioRenderContexts").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// How many video sockets receive.
    pub fn video_sockets(&self) -> usize {
        self.json.get("videoRenderContexts").and_then(Value::as_array).map_or(0, Vec::len)
    }
}

impl fmt::Debug for MicrosoftBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MicrosoftBlob({:?}, {} bytes)", self.media_library_version(), self.text.len())
    }
}
