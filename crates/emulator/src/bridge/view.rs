//! What is shown of rooms, and what can be asked for in them.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// A room: those who hear each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RoomView {
    /// The meeting's join id; of a call that is no meeting's, the call's id.
    pub id: String,
    /// In the order in which they came.
    pub members: Vec<MemberView>,
    /// Who speaks most, by member id; whoever last did, while nobody speaks.
    pub dominant: Option<String>,
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MemberView {
    /// Of a bot its call's id, of all others the id of the user in rosters.
    pub id: String,
    /// The display name.
    pub name: String,
    /// What they are.
    pub kind: MemberKind,
    /// Their media sources, as bots' rosters have them.
    pub source_ids: SourceIds,
    /// Whether they are muted; then nobody hears them.
    pub muted: bool,
    /// How loud they are, in -dBov: 0 is the loudest, 127 is silence (RFC 6465 section 3).
    pub level_dbov: u8,
    /// Whether they speak.
    pub speaking: bool,
    /// Whether pictures of their camera come.
    pub video: bool,
    /// Whether pictures of their screen come.
    pub sharing: bool,
    /// The tones that they have pressed, the latest last, at most 32: as on a telephone.
    pub tones: String,
    /// Whom each of their slots for video shows, in the order of the sections. A slot that shows nobody is not there.
    pub slots: Vec<SlotView>,
    /// What is done to their packets.
    pub link: Option<LinkSettings>,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum MemberKind {
    /// A bot, at the end of its call.
    Bot,
    /// Somebody who has joined by WHIP.
    Person,
    /// A scripted far end.
    Script,
}

/// The media sources of a member, by the numbers that `sourceId` in rosters has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SourceIds {
    /// The microphone.
    pub audio: u32,
    /// The camera, where there is one.
    pub video: Option<u32>,
    /// The screen, while it is shared.
    pub sharing: Option<u32>,
}

/// A section of a member's connection in which the video of somebody else is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SlotView {
    /// The `a=mid` of the section.
    pub mid: String,
    /// Whom it shows, by member id.
    pub member: String,
    /// Whether it is their screen, and not their camera.
    pub sharing: bool,
}

/// What a scripted member does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub enum ScriptKind {
    /// Says what is in a WAV file, over and over; without one the speech that comes with the emulator.
    Speech(Option<PathBuf>),
    /// Hums at so many hertz, from 20 to 20,000.
    Tone(f64),
    /// Is silent, and shows a moving pattern.
    Pattern,
}

/// What is done to a member's packets of RTP, each way by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LinkSettings {
    /// The share that gets lost, from 0 to 1. Default 0.
    #[serde(deserialize_with = "share")]
    pub loss: f64,
    /// What each packet takes, in milliseconds. Default 0.
    pub delay_ms: u32,
    /// What packets take on top of that on average, in milliseconds. Default 0.
    pub jitter_ms: u32,
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match f64::deserialize(deserializer)? {
        share if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(Error::custom("it is a share from 0 to 1")),
    }
}

impl LinkSettings {
    pub(super) fn delay(self) -> Duration {
        Duration::from_millis(self.delay_ms.into())
    }

    pub(super) fn jitter(self) -> Duration {
        Duration::from_millis(self.jitter_ms.into())
    }
}

/// Why something cannot be done in a room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// No room has this id.
    #[error("there is no room {0}")]
    RoomNotFound(String),
    /// Nobody in the room has this id.
    #[error("nobody in the room has the id {0}")]
    MemberNotFound(String),
    /// What a scripted member would say cannot be said.
    #[error(transparent)]
    Clip(#[from] crate::far_end::ClipError),
    /// A tone that cannot be heard.
    #[error("a tone has 20 to 20,000 Hz")]
    Tone,
    /// It cannot be done to a member like this one.
    #[error("{0}")]
    NotPossible(&'static str),
}
