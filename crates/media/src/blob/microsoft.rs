//! The documented shape of Microsoft's media platform. Read only: what its fields mean on the wire is not public.
//!
//! Source: the beta page of Graph's `create call` (2018-2021) and samples. Recognised by its keys, not by the scheme of
//! its URI: later versions of that platform may write another.

use std::fmt;

use serde_json::Value;

use super::profile::Modality;

/// Characters of the version that `Debug` shows. Those that are known have eleven.
const MAX_SHOWN_VERSION: usize = 16;

/// A blob that Microsoft's media platform has written. The fields are what public examples show; any may be missing.
#[derive(Clone, PartialEq, Eq)]
pub struct MicrosoftBlob {
    text: String,
    json: Value,
}

impl MicrosoftBlob {
    /// The blob in `json`, if it has the documented shape.
    pub(super) fn recognise(json: Value, text: &str) -> Option<Self> {
        let is_text = |key: &str| json.get(key).is_some_and(Value::is_string);
        let is_theirs = is_text("mpUri")
            && is_text("mpMediaSessionId")
            && json.get("audioRenderContexts").is_some_and(Value::is_array);
        is_theirs.then(|| Self { text: text.to_owned(), json })
    }

    fn text_of(&self, key: &str) -> Option<&str> {
        self.json.get(key)?.as_str()
    }

    fn array_of(&self, key: &str) -> &[Value] {
        self.json.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
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

    /// `videoSinkEncodingFormats`, as in `Yuv`.
    pub fn video_sink_encoding_formats(&self) -> impl Iterator<Item = &str> {
        self.array_of("videoSinkEncodingFormats").iter().filter_map(Value::as_str)
    }

    /// `callId`, which the oldest shape lacks.
    pub fn call_id(&self) -> Option<&str> {
        self.text_of("callId")
    }

    /// `regionAffinity`: null in every public example.
    pub fn region_affinity(&self) -> Option<&str> {
        self.text_of("regionAffinity")
    }

    /// `skypeMediaBotsVersion`: which version of that platform wrote it.
    pub fn media_library_version(&self) -> Option<&str> {
        self.text_of("skypeMediaBotsVersion")
    }

    /// `mediaStackVersion`.
    pub fn media_stack_version(&self) -> Option<&str> {
        self.text_of("mediaStackVersion")
    }

    /// `mpVersion`.
    pub fn media_processor_version(&self) -> Option<&str> {
        self.text_of("mpVersion")
    }

    /// What the bot receives, one id for each socket: `audioRenderContexts`, `videoRenderContexts` or
    /// `dataRenderContexts`. That shape has no other.
    pub fn render_contexts(&self, modality: Modality) -> impl Iterator<Item = Option<&str>> {
        self.contexts(modality, ["audioRenderContexts", "videoRenderContexts", "dataRenderContexts"])
    }

    /// What the bot sends: `audioSourceContexts`, `videoSourceContexts` or `dataSourceContexts`. `None` stands for a
    /// socket that does not send.
    pub fn source_contexts(&self, modality: Modality) -> impl Iterator<Item = Option<&str>> {
        self.contexts(modality, ["audioSourceContexts", "videoSourceContexts", "dataSourceContexts"])
    }

    fn contexts(&self, modality: Modality, keys: [&str; 3]) -> impl Iterator<Item = Option<&str>> {
        let [audio, video, data] = keys;
        let values = match modality {
            Modality::Audio => self.array_of(audio),
            Modality::Video => self.array_of(video),
            Modality::Data => self.array_of(data),
            Modality::VideoBasedScreenSharing => &[],
        };
        values.iter().map(Value::as_str)
    }
}

impl fmt::Debug for MicrosoftBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever wrote the blob chose the length of its version, too.
        let version: Option<String> =
            self.media_library_version().map(|version| version.chars().take(MAX_SHOWN_VERSION).collect());
        write!(f, "MicrosoftBlob({version:?}, {} bytes)", self.text.len())
    }
}
