//! Profile offhook/1: the JSON that two ends of an application-hosted call exchange.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use uuid::Uuid;

use super::BlobError;
use super::description;
use crate::frame::AudioFormat;

/// The profile's name in the JSON.
const PROFILE: &str = "offhook/1";

/// What every profile of ours begins with.
const PROFILE_FAMILY: &str = "offhook/";

/// Sockets of one session: audio, ten videos, screen sharing and data, and some room.
const MAX_SOCKETS: usize = 16;

/// A blob of profile offhook/1. Members that this version does not know are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OffhookBlob {
    /// Names the session at both ends.
    pub media_session_id: MediaSessionId,
    /// What can be heard, seen, said and shown.
    pub sockets: Vec<SocketDescription>,
    /// How the two ends reach each other and with which codecs.
    pub description: SessionDescription,
}

/// Names a media session at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MediaSessionId(Uuid);

/// A socket's number in its session, and the `mid` of its media section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SocketId(pub u32);

/// One socket of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SocketDescription {
    /// Its number.
    pub id: SocketId,
    /// What flows through it.
    pub modality: Modality,
    /// Which way, as its sender sees it. A data socket has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<MediaDirection>,
    /// Audio: the PCM at the sender's application. What is on the wire does not depend on it.
    #[serde(default, with = "audio_format", skip_serializing_if = "Option::is_none")]
    pub format: Option<AudioFormat>,
    /// Audio: whether the mix of all speakers is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed: Option<bool>,
    /// Audio: how many speakers are wanted on streams of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmixed: Option<u8>,
    /// Video: codecs, the preferred one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codecs: Vec<String>,
}

/// What flows through a socket. Graph's `modality`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Modality {
    /// Sound.
    Audio,
    /// A camera's picture.
    Video,
    /// A shared screen.
    VideoBasedScreenSharing,
    /// Messages.
    Data,
}

/// Which way media flows, as the one who says it sees it. Graph's `mediaDirection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MediaDirection {
    /// Neither way.
    Inactive,
    /// From here.
    SendOnly,
    /// To here.
    ReceiveOnly,
    /// Both ways.
    SendReceive,
}

impl MediaDirection {
    fn sends(self) -> bool {
        matches!(self, Self::SendOnly | Self::SendReceive)
    }

    fn receives(self) -> bool {
        matches!(self, Self::ReceiveOnly | Self::SendReceive)
    }
}

/// Offer or answer (RFC 3264).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SdpType {
    /// What the one end proposes.
    Offer,
    /// What the other agrees to.
    Answer,
}

/// An SDP (RFC 8866) with its place in the exchange. `Debug` hides the SDP: it holds keys and addresses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDescription {
    /// Offer or answer.
    #[serde(rename = "type")]
    pub kind: SdpType,
    /// The SDP.
    pub sdp: String,
}

impl fmt::Debug for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} bytes)", self.kind, self.sdp.len())
    }
}

impl SocketDescription {
    /// An audio socket that hears the mix.
    pub fn audio(id: SocketId, direction: MediaDirection, format: AudioFormat) -> Self {
        Self {
            id,
            modality: Modality::Audio,
            direction: Some(direction),
            format: Some(format),
            mixed: Some(true),
            unmixed: None,
            codecs: Vec::new(),
        }
    }
}

impl OffhookBlob {
    /// The blob in `json`, if it says that it is ours.
    pub(super) fn recognise(json: &Value) -> Result<Option<Self>, BlobError> {
        match json.get("profile").and_then(Value::as_str) {
            Some(PROFILE) => {}
            Some(profile) if profile.starts_with(PROFILE_FAMILY) => return Err(BlobError::UnknownProfile),
            _ => return Ok(None),
        }
        let blob: Self = serde_path_to_error::deserialize(json).map_err(|error| BlobError::Member {
            path: error.path().to_string(),
            problem: error.inner().to_string(),
        })?;
        blob.checked().map(Some)
    }

    /// This blob, if its parts fit together.
    pub(super) fn checked(self) -> Result<Self, BlobError> {
        let wrong =
            |path: String, problem: &str| Err(BlobError::Member { path, problem: problem.to_owned() });
        if self.sockets.is_empty() || self.sockets.len() > MAX_SOCKETS {
            return wrong("sockets".to_owned(), "between 1 and 16 are allowed");
        }
        for (index, socket) in self.sockets.iter().enumerate() {
            if self.sockets[..index].iter().any(|other| other.id == socket.id) {
                return wrong(format!("sockets[{index}].id"), "is another socket's id too");
            }
            if socket.direction.is_none() && socket.modality != Modality::Data {
                return wrong(format!("sockets[{index}].direction"), "is missing");
            }
        }
        description::check(&self)?;
        Ok(self)
    }

    /// Whether this answers `offer` (RFC 3264 section 6).
    pub(super) fn check_against(&self, offer: &Self) -> Result<(), BlobError> {
        let mismatch = |socket: SocketId, problem| Err(BlobError::Mismatch { socket: socket.0, problem });
        for offered in &offer.sockets {
            let Some(answered) = self.sockets.iter().find(|socket| socket.id == offered.id) else {
                return mismatch(offered.id, "is missing");
            };
            if answered.modality != offered.modality {
                return mismatch(offered.id, "has another modality than the offer's");
            }
            if let (Some(offered), Some(direction)) = (offered.direction, answered.direction)
                && (direction.sends() && !offered.receives() || direction.receives() && !offered.sends())
            {
                return mismatch(answered.id, "has a direction that the offer does not allow");
            }
        }
        let invented =
            self.sockets.iter().find(|socket| !offer.sockets.iter().any(|offered| offered.id == socket.id));
        invented.map_or(Ok(()), |socket| mismatch(socket.id, "was not offered"))
    }
}

impl fmt::Display for OffhookBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[derive(Serialize)]
        struct Profiled<'a> {
            profile: &'a str,
            #[serde(flatten)]
            blob: &'a OffhookBlob,
        }
        let text =
            serde_json::to_string(&Profiled { profile: PROFILE, blob: self }).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl MediaSessionId {
    /// The session named `id`.
    pub fn new(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for MediaSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for MediaSessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaSessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::try_parse(&text).map(Self).map_err(|_| de::Error::custom("is no UUID"))
    }
}

/// `Pcm16K` and so on, as Microsoft's media platform writes them.
mod audio_format {
    use super::{AudioFormat, Deserialize, Deserializer, Serialize, Serializer, de};

    fn name(format: AudioFormat) -> &'static str {
        match format {
            AudioFormat::Pcm16K => "Pcm16K",
            AudioFormat::Pcm24K => "Pcm24K",
            AudioFormat::Pcm48K => "Pcm48K",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
    #[expect(clippy::ref_option, reason = "serde asks for this signature")]
    pub(super) fn serialize<S: Serializer>(
        format: &Option<AudioFormat>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        format.map(name).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<AudioFormat>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let known = AudioFormat::ALL.into_iter().find(|format| name(*format) == text);
        known.map(Some).ok_or_else(|| de::Error::custom("is none of Pcm16K, Pcm24K, Pcm48K"))
    }
}
