//! What the two ends of a session tell each other beside the media: who is to be seen where, who can be, and how much may be
//! sent. JSON texts on the data channel `offhook-control` (`docs/blob-profile.md`). Pure.

mod resolution;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::resolution::VideoResolution;
use crate::event::{SubscriptionRefusal, VideoSources};
use crate::units::MediaSourceId;

/// What the channel is called.
pub(crate) const LABEL: &str = "offhook-control";

/// The longest message that is taken, in bytes: as `a=max-message-size` says.
pub(crate) const MAX_MESSAGE_LEN: usize = 65_536;

/// What the end that offered the session, the bot, says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum BotMessage {
    /// The socket is to show that source, at most this large.
    Subscribe { socket: u32, source: u32, width: u16, height: u16 },
    /// It is to show nothing.
    Unsubscribe { socket: u32 },
    /// At most this much for all video together; zero: no limit.
    ReceiveBandwidth { bits_per_second: u64 },
    /// Something that a later version says.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// What the end that answered it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ServiceMessage {
    /// The socket shows that source from now on.
    Subscribed { socket: u32, source: u32 },
    /// It will not.
    Refused { socket: u32, source: u32, reason: Reason },
    /// Who can be seen now, all of them.
    Sources {
        #[serde(default)]
        video: Vec<Listed>,
        #[serde(default)]
        screen: Vec<Listed>,
    },
    /// Who has the floor; nobody without a source.
    DominantSpeaker { source: Option<u32> },
    /// Something that a later version says.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// Why a source is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reason {
    UnknownSource,
    NotSending,
    UnknownSocket,
    /// One that a later version gives.
    #[serde(untagged)]
    Other(String),
}

/// One that can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) source: u32,
}

/// The sources of a list.
pub(crate) fn sources(listed: &[Listed]) -> VideoSources {
    listed.iter().map(|listed| MediaSourceId(listed.source)).collect()
}

/// A message that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads a message of either end. Members that are not known are passed over. What is longer than [`MAX_MESSAGE_LEN`], or nested
/// deeper than the 128 levels of the JSON library, is refused.
pub(crate) fn read<M: DeserializeOwned>(text: &[u8]) -> Result<M, Malformed> {
    if text.len() > MAX_MESSAGE_LEN {
        return Err(Malformed);
    }
    serde_json::from_slice(text).map_err(|_| Malformed)
}

/// The text of a message.
pub(crate) fn write(message: &impl Serialize) -> Vec<u8> {
    // Numbers and names only: there is nothing that JSON could not say.
    serde_json::to_vec(message).unwrap_or_default()
}

impl From<Reason> for SubscriptionRefusal {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::UnknownSource => Self::UnknownSource,
            Reason::NotSending => Self::NotSending,
            Reason::UnknownSocket => Self::UnknownSocket,
            Reason::Other(_) => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests;
