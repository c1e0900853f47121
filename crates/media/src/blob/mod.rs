//! The media blob: the string in Microsoft Graph's `appHostedMediaConfig.blob`.
//!
//! It is one of three things. Our own open profile [`offhook/1`](OffhookBlob), which this engine negotiates and
//! `docs/blob-profile.md` describes; the [shape](MicrosoftBlob) that Microsoft's documentation shows, which is read
//! and never spoken; or something else, which is passed on as it is.

mod description;
mod microsoft;
mod profile;

use std::fmt;

pub use description::DescriptionError;
pub use microsoft::MicrosoftBlob;
pub use profile::{
    MediaDirection, MediaSessionId, Modality, OffhookBlob, SdpType, SessionDescription, SocketDescription,
    SocketId,
};
use serde_json::Value;

/// The longest blob that is read or made: 64 KiB.
pub const MAX_BLOB_LEN: usize = 64 * 1024;

/// What an application-hosted call says about its media.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaBlob {
    /// Profile offhook/1: what this engine speaks.
    Offhook(OffhookBlob),
    /// The documented shape of Microsoft's media platform: read only.
    Microsoft(MicrosoftBlob),
    /// Anything else, byte for byte.
    Opaque(OpaqueBlob),
}

/// A blob of an unknown kind, kept byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueBlob(String);

impl OpaqueBlob {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OpaqueBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueBlob({} bytes)", self.0.len())
    }
}

/// What is wrong with a blob. Says where, and never quotes it: a blob holds keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// Longer than [`MAX_BLOB_LEN`].
    #[error("the media blob has {len} bytes; the most is {MAX_BLOB_LEN}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It begins like JSON and is not.
    #[error("the media blob is no JSON: line {line}, column {column}: {problem}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A later profile of ours, or none that exists.
    #[error("the media blob has a profile that this version does not know; it knows offhook/1")]
    UnknownProfile,
    /// A member is missing or of the wrong type.
    #[error("the media blob's {path}: {problem}")]
    Member {
        /// Where, as in `sockets[0].direction`.
        path: String,
        /// What was expected.
        problem: String,
    },
    /// The session description does not do what the profile asks for.
    #[error("the media blob's description.sdp: {0}")]
    Description(#[from] DescriptionError),
    /// An answer that does not fit its offer (RFC 3264).
    #[error("the answer's socket {socket} {problem}")]
    Mismatch {
        /// The socket.
        socket: u32,
        /// What does not fit.
        problem: &'static str,
    },
}

impl MediaBlob {
    /// Describes `sockets` in an offer that carries the SDP `sdp`.
    ///
    /// # Errors
    /// When the SDP does not hold a section for each socket, or lacks what the profile asks for.
    pub fn offer(
        media_session_id: MediaSessionId,
        sockets: Vec<SocketDescription>,
        sdp: &str,
    ) -> Result<Self, BlobError> {
        let description = SessionDescription { kind: SdpType::Offer, sdp: sdp.to_owned() };
        OffhookBlob { media_session_id, sockets, description }.checked().map(Self::Offhook)
    }

    /// Answers `offer`.
    ///
    /// # Errors
    /// As [`offer`](Self::offer); and when `sockets` are not those of the offer, in directions that fit.
    pub fn answer(
        offer: &OffhookBlob,
        sockets: Vec<SocketDescription>,
        sdp: &str,
    ) -> Result<Self, BlobError> {
        let description = SessionDescription { kind: SdpType::Answer, sdp: sdp.to_owned() };
        let answer =
            OffhookBlob { media_session_id: offer.media_session_id, sockets, description }.checked()?;
        answer.check_against(offer)?;
        Ok(Self::Offhook(answer))
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// When it is too long; when it begins as a JSON object and is none, or is nested too deeply; when it says that
    /// it is ours and is not what the profile asks for. Text that is no JSON object is [`MediaBlob::Opaque`].
    pub fn parse(text: &str) -> Result<Self, BlobError> {
        if text.len() > MAX_BLOB_LEN {
            return Err(BlobError::TooLong { len: text.len() });
        }
        if !text.trim_start().starts_with('{') {
            return Ok(Self::Opaque(OpaqueBlob(text.to_owned())));
        }
        // The reader stops at 128 levels, so that no nesting exhausts the stack.
        let json: Value = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if let Some(blob) = OffhookBlob::recognise(&json)? {
            return Ok(Self::Offhook(blob));
        }
        if let Some(blob) = MicrosoftBlob::recognise(&json, text) {
            return Ok(Self::Microsoft(blob));
        }
        Ok(Self::Opaque(OpaqueBlob(text.to_owned())))
    }
}

fn not_json(error: &serde_json::Error) -> BlobError {
    let problem = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ if error.to_string().starts_with("recursion limit") => "it is nested too deeply",
        _ => "a syntax error",
    };
    BlobError::NotJson { line: error.line(), column: error.column(), problem }
}

impl fmt::Display for MediaBlob {
    /// The text that goes into `appHostedMediaConfig.blob`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offhook(blob) => blob.fmt(f),
            Self::Microsoft(blob) => f.write_str(blob.as_str()),
            Self::Opaque(blob) => f.write_str(&blob.0),
        }
    }
}

#[cfg(test)]
mod tests;
