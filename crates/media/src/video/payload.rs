//! What one packet says of the frame that it is part of, whichever the codec.

use super::{VideoCodec, VideoSize, h264, vp8};

/// Why a payload is none of its codec's format. Such a packet is as good as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Something ends before it is complete.
    #[error("the payload is cut off")]
    CutOff,
    /// A kind of packet that was not agreed on, such as an interleaved one of H.264.
    #[error("payload structure {0} was not agreed on")]
    Structure(u8),
    /// A fragment without the one before it.
    #[error("a fragment does not follow on the one before it")]
    Fragment,
}

/// What a packet says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// A frame certainly begins with it. H.264 does not say so of every frame.
    pub(super) begins: bool,
    /// Part of a picture that needs no other.
    pub(super) is_key: bool,
    /// The size of the pictures from here on, where the packet names one.
    pub(super) size: Option<VideoSize>,
    /// Which layers it belongs to, where the sender says so.
    pub(super) layer: Option<Layer>,
    /// Nothing: a packet that only fills the pipe.
    pub(super) is_filler: bool,
}

/// Temporal scalability, as VP8 describes it (RFC 7741 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// 0 is the base.
    pub(super) temporal: u8,
    /// Counts the pictures of the base layer; those above name the one that they are built on.
    pub(super) base: u8,
    /// It refers to the base layer alone.
    pub(super) is_sync: bool,
}

/// Reads what `payload` says. An empty one is a sender's padding (RFC 3550 section 5.1), which has its number in the stream.
pub(super) fn read(codec: VideoCodec, payload: &[u8]) -> Result<Piece, PayloadError> {
    if payload.is_empty() {
        return Ok(Piece { is_filler: true, ..Piece::default() });
    }
    match codec {
        VideoCodec::H264 => h264::read(payload),
        VideoCodec::Vp8 => vp8::read(payload),
    }
}

/// Appends what `payload` carries of its frame.
pub(super) fn append(codec: VideoCodec, payload: &[u8], frame: &mut Vec<u8>) -> Result<(), PayloadError> {
    match codec {
        VideoCodec::H264 => h264::append(payload, frame),
        VideoCodec::Vp8 => vp8::append(payload, frame),
    }
}
