//! Pictures to encoded frames and back.
//!
//! ```text
//! EncodedVideoFrame ─► VideoDecoder: h264 or vp8 ─► size asked for ─► VideoFrame
//! VideoFrame ─► VideoEncoder: size asked for ─► h264 or vp8 ─► EncodedVideoFrame
//! ```
//!
//! Each codec is a library in C, and a Cargo feature: `openh264` and `libvpx`. Without them everything here is there, and says
//! that the codec is not built in.

mod decoder;
mod encoder;
#[cfg(feature = "openh264")]
mod h264;
#[cfg(test)]
mod tests;
#[cfg(feature = "libvpx")]
mod vp8;

pub use decoder::VideoDecoder;
pub use encoder::{VideoEncoder, VideoEncoderSettings};

use super::bandwidth::BitRate;
use super::frame::EncodedVideoFrame;
use super::picture::{PictureSizeError, VideoFrame};
use super::{VideoCodec, VideoSize};

/// The most pixels of a picture that is decoded, as in 4096 by 4096: a made-up header would cost gigabytes of memory.
#[cfg(any(feature = "openh264", feature = "libvpx"))]
const MOST_PIXELS: usize = 4096 * 4096;

/// What a codec cannot do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Caller: the crate was built without the codec.
    #[error("{codec} is not built in: the crate's feature `{}` adds it", feature(*codec))]
    NotBuiltIn {
        /// The codec asked for.
        codec: VideoCodec,
    },
    /// Peer: the frame cannot be decoded. The next key frame can.
    #[error("a frame of {len} bytes is no {codec} that can be decoded: {reason}")]
    Damaged {
        /// What it should be.
        codec: VideoCodec,
        /// How long it is.
        len: usize,
        /// What the library says.
        reason: String,
    },
    /// Peer or caller: no such picture is decoded or encoded.
    #[error(transparent)]
    Size(#[from] PictureSizeError),
    /// Peer or caller: the picture has more pixels than the codec takes.
    #[error("{size} pixels are more than {codec} takes here")]
    TooLarge {
        /// The codec.
        codec: VideoCodec,
        /// The size of the picture.
        size: VideoSize,
    },
    /// Environment or caller: the library refused.
    #[error("{codec}: {task} failed: {reason}")]
    Refused {
        /// The codec.
        codec: VideoCodec,
        /// What was being done.
        task: &'static str,
        /// What the library says.
        reason: String,
    },
}

/// Turns the frames of one stream into pictures.
pub trait VideoDecode: Send {
    /// Decodes a frame. `picture` keeps its format and takes the stream's size, less an odd row or column; `false`: it is
    /// not changed, because the frame shows nothing.
    ///
    /// # Errors
    /// When the frame cannot be decoded. The ones that refer to it cannot be, either.
    fn decode(&mut self, frame: &EncodedVideoFrame, picture: &mut VideoFrame) -> Result<bool, CodecError>;
}

/// Turns pictures into the frames of one stream.
pub trait VideoEncode: Send {
    /// Encodes a picture, whatever its size: another one than before begins with a key frame. `false`: the encoder left the
    /// picture out, to keep to its bit rate, and `frame` is empty.
    ///
    /// # Errors
    /// When the library takes no such picture.
    fn encode(&mut self, picture: &VideoFrame, frame: &mut EncodedVideoFrame) -> Result<bool, CodecError>;

    /// Makes the next frame a key frame.
    fn request_key_frame(&mut self);

    /// How many bits a second the frames may take from now on.
    ///
    /// # Errors
    /// When the library takes no such rate.
    fn set_bit_rate(&mut self, rate: BitRate) -> Result<(), CodecError>;
}

/// A decoder of `codec`.
///
/// # Errors
/// When the codec is not built in, or its library refuses.
pub fn decoder(codec: VideoCodec) -> Result<Box<dyn VideoDecode>, CodecError> {
    match codec {
        #[cfg(feature = "openh264")]
        VideoCodec::H264 => Ok(Box::new(h264::Decoder::new()?)),
        #[cfg(feature = "libvpx")]
        VideoCodec::Vp8 => Ok(Box::new(vp8::Decoder::new()?)),
        #[cfg(not(all(feature = "openh264", feature = "libvpx")))]
        codec => Err(CodecError::NotBuiltIn { codec }),
    }
}

/// An encoder for real time: no picture waits for a later one.
///
/// # Errors
/// When the codec is not built in, or its library refuses.
pub fn encoder(settings: &VideoEncoderSettings) -> Result<Box<dyn VideoEncode>, CodecError> {
    match settings.codec {
        #[cfg(feature = "openh264")]
        VideoCodec::H264 => Ok(Box::new(h264::Encoder::new(settings)?)),
        #[cfg(feature = "libvpx")]
        VideoCodec::Vp8 => Ok(Box::new(vp8::Encoder::new(settings))),
        #[cfg(not(all(feature = "openh264", feature = "libvpx")))]
        codec => Err(CodecError::NotBuiltIn { codec }),
    }
}

impl std::fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::H264 => "H.264",
            Self::Vp8 => "VP8",
        })
    }
}

/// The Cargo feature that brings the codec along.
const fn feature(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "openh264",
        VideoCodec::Vp8 => "libvpx",
    }
}
