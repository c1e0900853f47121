//! The media blob: the string in Microsoft Graph's `appHostedMediaConfig.blob`.
//!
//! It is one of three things. Our own open profile [`offhook/1`](OffhookBlob), which this engine negotiates and
//! `docs/blob-profile.md` describes; the [shape](MicrosoftBlob) that Microsoft's documentation shows, which is read
//! and never spoken; or something else, which is passed on as it is.

mod description;
mod microsoft;
pub(crate) mod peer;
mod profile;
mod sdp;
pub(crate) mod simulcast;
pub(crate) mod video;

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

/// The deepest nesting of arrays and objects that is read. Ours has three levels, Microsoft's two.
pub const MAX_BLOB_DEPTH: usize = 32;

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
    /// Nested more deeply than [`MAX_BLOB_DEPTH`].
    #[error("the media blob is nested more than {MAX_BLOB_DEPTH} deep, from byte {offset} on")]
    TooDeep {
        /// Where the bracket stands that is one too many, from 0.
        offset: usize,
    },
    /// It is meant to be a JSON object and is none: it ends too early, or says that it is ours.
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
    #[error("the media blob has profile {profile:?}; this version knows offhook/1")]
    UnknownProfile {
        /// Its name, cut after 32 characters.
        profile: String,
    },
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
    /// An offer stands where an answer should, or the other way round.
    #[error("an answer was to be made or checked, and the two media blobs are not an offer and an answer")]
    NotAnAnswer,
    /// The answer is to another session's offer.
    #[error("the answer is to session {answer}, the offer is of {offer}")]
    OtherSession {
        /// What the answer says.
        answer: MediaSessionId,
        /// What the offer says.
        offer: MediaSessionId,
    },
    /// A socket of the answer does not fit the offer's (RFC 3264).
    #[error("the answer's socket {socket} {problem}")]
    Mismatch {
        /// The socket.
        socket: u32,
        /// What does not fit.
        problem: &'static str,
    },
    /// The answer's SDP has other media sections than the offer's, or another order (RFC 3264 section 6).
    #[error("the answer's description.sdp does not have the media sections of the offer, in their order")]
    OtherSections,
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
        let offer = OffhookBlob { media_session_id, sockets, description }.checked()?;
        Self::Offhook(offer).within_limit()
    }

    /// Answers `offer`.
    ///
    /// # Errors
    /// As [`offer`](Self::offer); and when `sockets` and `sdp` do not answer the offer's
    /// ([`OffhookBlob::check_answers`]).
    pub fn answer(
        offer: &OffhookBlob,
        sockets: Vec<SocketDescription>,
        sdp: &str,
    ) -> Result<Self, BlobError> {
        let description = SessionDescription { kind: SdpType::Answer, sdp: sdp.to_owned() };
        let answer =
            OffhookBlob { media_session_id: offer.media_session_id, sockets, description }.checked()?;
        answer.check_answers(offer)?;
        Self::Offhook(answer).within_limit()
    }

    /// Reads a blob.
    ///
    /// Text that is no JSON, and JSON that is neither our profile nor the documented shape of Microsoft's, is
    /// [`MediaBlob::Opaque`]. Two kinds of broken JSON are not: an object that ends too early, and text with
    /// `"profile":"offhook/..` in it. Somebody meant those for us, and passing them on would hide what went wrong.
    ///
    /// # Errors
    /// When the text is too long or nested too deeply, is broken JSON as above, or is ours and not what the profile
    /// asks for.
    pub fn parse(text: &str) -> Result<Self, BlobError> {
        if text.len() > MAX_BLOB_LEN {
            return Err(BlobError::TooLong { len: text.len() });
        }
        check_depth(text)?;
        let json: Value = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) if is_cut_object(text, &error) || claims_our_profile(text) => {
                return Err(not_json(&error));
            }
            Err(_) => return Ok(Self::Opaque(OpaqueBlob(text.to_owned()))),
        };
        if let Some(blob) = OffhookBlob::recognise(&json, text)? {
            return Ok(Self::Offhook(blob));
        }
        Ok(match MicrosoftBlob::recognise(json, text) {
            Some(blob) => Self::Microsoft(blob),
            None => Self::Opaque(OpaqueBlob(text.to_owned())),
        })
    }

    /// A blob of our own making may be as long as one that is read.
    fn within_limit(self) -> Result<Self, BlobError> {
        let len = self.to_string().len();
        if len > MAX_BLOB_LEN { Err(BlobError::TooLong { len }) } else { Ok(self) }
    }
}

/// Counts brackets before anything recurses over them. Text that does not begin as an object or array has none.
fn check_depth(text: &str) -> Result<(), BlobError> {
    if !text.trim_start().starts_with(['{', '[']) {
        return Ok(());
    }
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string && depth == MAX_BLOB_DEPTH => {
                return Err(BlobError::TooDeep { offset });
            }
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn is_cut_object(text: &str, error: &serde_json::Error) -> bool {
    error.is_eof() && text.trim_start().starts_with('{')
}

/// Whether `"profile":"offhook/` stands anywhere in text that is no JSON.
fn claims_our_profile(text: &str) -> bool {
    text.split("\"profile\"").skip(1).any(|rest| {
        let value = rest.trim_start().strip_prefix(':');
        value.is_some_and(|value| value.trim_start().starts_with("\"offhook/"))
    })
}

fn not_json(error: &serde_json::Error) -> BlobError {
    let problem = if error.is_eof() { "it ends too early" } else { "a syntax error" };
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
