//! Profile offhook/1: the JSON that two ends of an application-hosted call exchange.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use uuid::Uuid;

use super::BlobError;
use super::description;
use crate::frame::AudioFormat;
use crate::video::VideoCodec;

/// The profile's name in the JSON.
const PROFILE: &str = "offhook/1";

/// What every profile of ours begins with.
const PROFILE_FAMILY: &str = "offhook/";

/// Sockets of one session: audio, ten videos, screen sharing and data, and some room.
pub(super) const MAX_SOCKETS: usize = 16;

/// Characters of an unknown profile's name that an error repeats.
const MAX_QUOTED_PROFILE: usize = 32;

/// What is wrong with a session's id.
const NO_UUID: &str = "is no UUID";

/// A blob of profile offhook/1. Members that this version does not know are ignored: a later version may add some.
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
    /// Audio: whether the mix of all speakers is wanted. Left out, it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed: Option<bool>,
    /// Audio: how many speakers are wanted on streams of their own. Left out, none.
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
    /// Whether media goes out.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendOnly | Self::SendReceive)
    }

    /// Whether media comes in.
    pub const fn receives(self) -> bool {
        matches!(self, Self::ReceiveOnly | Self::SendReceive)
    }

    /// The answer to `offered` of one who would like this direction: as much of it as the offer allows (RFC 3264
    /// section 6.1).
    #[must_use]
    pub const fn answer_to(self, offered: Self) -> Self {
        match (self.sends() && offered.receives(), self.receives() && offered.sends()) {
            (true, true) => Self::SendReceive,
            (true, false) => Self::SendOnly,
            (false, true) => Self::ReceiveOnly,
            (false, false) => Self::Inactive,
        }
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

    /// A data socket.
    pub fn data(id: SocketId) -> Self {
        Self {
            id,
            modality: Modality::Data,
            direction: None,
            format: None,
            mixed: None,
            unmixed: None,
            codecs: Vec::new(),
        }
    }

    /// A video socket, or that of a shared screen, with its codecs, the preferred one first.
    pub fn video(id: SocketId, modality: Modality, direction: MediaDirection, codecs: &[VideoCodec]) -> Self {
        Self {
            id,
            modality,
            direction: Some(direction),
            format: None,
            mixed: None,
            unmixed: None,
            codecs: codecs.iter().map(|codec| codec_name(*codec).to_owned()).collect(),
        }
    }
}

/// How the JSON names a codec.
fn codec_name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "H264",
        VideoCodec::Vp8 => "VP8",
    }
}

impl OffhookBlob {
    /// The blob in `text`, if `json`, which is the same, says that it is ours.
    pub(super) fn recognise(json: &Value, text: &str) -> Result<Option<Self>, BlobError> {
        match json.get("profile").and_then(Value::as_str) {
            Some(PROFILE) => {}
            Some(profile) if profile.starts_with(PROFILE_FAMILY) => {
                let profile = profile.chars().take(MAX_QUOTED_PROFILE).collect();
                return Err(BlobError::UnknownProfile { profile });
            }
            _ => return Ok(None),
        }
        // From the text once more: in `json` the last of two members with one name has won.
        let Profiled { .. } = read(text)?;
        let blob: Self = read(text)?;
        blob.checked().map(Some)
    }

    /// This blob, if its parts fit together.
    pub(super) fn checked(self) -> Result<Self, BlobError> {
        if self.sockets.is_empty() || self.sockets.len() > MAX_SOCKETS {
            return Err(wrong("sockets".to_owned(), "between 1 and 16 are allowed"));
        }
        for (index, socket) in self.sockets.iter().enumerate() {
            if self.sockets[..index].iter().any(|other| other.id == socket.id) {
                return Err(wrong(format!("sockets[{index}].id"), "is another socket's id too"));
            }
            if socket.direction.is_none() && socket.modality != Modality::Data {
                return Err(wrong(format!("sockets[{index}].direction"), "is missing"));
            }
        }
        description::check(self.description.kind, &self.description.sdp, &self.sockets)?;
        Ok(self)
    }

    /// Checks that this blob answers `offer`: the same session, sockets and media sections, in directions that the
    /// offer allows (RFC 3264 section 6).
    ///
    /// # Errors
    /// What does not fit. Each blob has been checked on its own where it was parsed or made.
    pub fn check_answers(&self, offer: &Self) -> Result<(), BlobError> {
        if (offer.description.kind, self.description.kind) != (SdpType::Offer, SdpType::Answer) {
            return Err(BlobError::NotAnAnswer);
        }
        if self.media_session_id != offer.media_session_id {
            return Err(BlobError::OtherSession {
                answer: self.media_session_id,
                offer: offer.media_session_id,
            });
        }
        self.check_sockets(offer)?;
        if description::has_sections_of(&self.description.sdp, &offer.description.sdp)? {
            Ok(())
        } else {
            Err(BlobError::OtherSections)
        }
    }

    fn check_sockets(&self, offer: &Self) -> Result<(), BlobError> {
        let mismatch = |socket: SocketId, problem| Err(BlobError::Mismatch { socket: socket.0, problem });
        for offered in &offer.sockets {
            let Some(answered) = self.sockets.iter().find(|socket| socket.id == offered.id) else {
                return mismatch(offered.id, "is missing");
            };
            if answered.modality != offered.modality {
                return mismatch(offered.id, "has another modality than the offer's");
            }
            if let (Some(offered), Some(direction)) = (offered.direction, answered.direction)
                && direction.answer_to(offered) != direction
            {
                return mismatch(answered.id, "has a direction that the offer does not allow");
            }
        }
        let invented =
            self.sockets.iter().find(|socket| !offer.sockets.iter().any(|offered| offered.id == socket.id));
        invented.map_or(Ok(()), |socket| mismatch(socket.id, "was not offered"))
    }
}

fn wrong(path: String, problem: &str) -> BlobError {
    BlobError::Member { path, problem: problem.to_owned() }
}

/// The blob's name for what it is, and nothing else of it.
#[derive(Deserialize)]
struct Profiled {
    #[serde(rename = "profile")]
    _profile: de::IgnoredAny,
}

fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, BlobError> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text))
        .map_err(|error| member_error(error.path().to_string(), error.inner()))
}

/// What serde says, without the value that it found: that may be a key in the wrong place.
fn member_error(path: String, error: &serde_json::Error) -> BlobError {
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let said = said.strip_suffix(&place).unwrap_or(&said);
    for (kind, problem) in [("missing", "is missing"), ("duplicate", "stands there a second time")] {
        let field = said.strip_prefix(kind).and_then(|rest| rest.strip_prefix(" field `")?.strip_suffix('`'));
        if let Some(field) = field {
            let path = if path == "." { field.to_owned() } else { format!("{path}.{field}") };
            return wrong(path, problem);
        }
    }
    match said.rsplit_once(", expected ") {
        Some((_, expected)) => wrong(path, &format!("expected {expected}")),
        None if said == NO_UUID => wrong(path, NO_UUID),
        None => wrong(path, "cannot be read"),
    }
}

impl fmt::Display for OffhookBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[derive(Serialize)]
        struct Whole<'a> {
            profile: &'a str,
            #[serde(flatten)]
            blob: &'a OffhookBlob,
        }
        let text = serde_json::to_string(&Whole { profile: PROFILE, blob: self }).map_err(|_| fmt::Error)?;
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
        Uuid::try_parse(&text).map(Self).map_err(|_| de::Error::custom(NO_UUID))
    }
}

/// `Pcm16K` and so on, as Microsoft's media platform writes them.
mod audio_format {
    use super::{AudioFormat, Deserialize, Deserializer, Serialize, Serializer, de};

    const NAMES: [&str; 6] = ["Pcm8K", "Pcm12K", "Pcm16K", "Pcm24K", "Pcm44K", "Pcm48K"];

    fn name(format: AudioFormat) -> &'static str {
        match format {
            AudioFormat::Pcm8K => "Pcm8K",
            AudioFormat::Pcm12K => "Pcm12K",
            AudioFormat::Pcm16K => "Pcm16K",
            AudioFormat::Pcm24K => "Pcm24K",
            AudioFormat::Pcm44K => "Pcm44K",
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
        known.map(Some).ok_or_else(|| de::Error::unknown_variant(&text, &NAMES))
    }
}
