//! Video as it stands in RTP: frames to packets, and packets to whole frames that can be decoded. Bytes and times in and out.
//!
//! ```text
//! VideoPacket ─► payload (h264, vp8) ─► FrameAssembler ─► AssembledFrame      packets that lack ─► MissingPackets ─► NACK
//!                what a packet says      order, repair,      whole, decodable  a reference lacks ─► needs_key_frame ─► PLI
//!                of its frame            references
//! the first three, for one section of a session: VideoReceiver
//! frame ─► Packetiser ─► payloads, the last of a frame marked    arrivals ─► twcc ─► BandwidthEstimator ─► how fast to send
//! frame ─► VideoSender ─► packets when the path has room, and again when they are asked for
//! ```
//!
//! H.264 is in Annex B form on both ends (ITU-T H.264 annex B), VP8 as its frames are (RFC 6386).

pub mod assemble;
mod bandwidth;
mod bits;
pub mod codec;
mod frame;
mod freeze;
mod h264;
mod history;
mod missing;
mod pacer;
pub mod packetise;
pub mod pattern;
mod payload;
mod picture;
pub mod receiver;
pub mod rtx;
mod scale;
pub mod sender;
pub mod simulcast;
mod store;
pub mod twcc;
mod vp8;

pub use assemble::{AssembledFrame, FrameAssembler, Inserted};
pub use bandwidth::{BandwidthEstimator, BandwidthLimits, BitRate};
pub use codec::{CodecError, VideoDecoder, VideoEncoder, VideoEncoderSettings};
pub use frame::EncodedVideoFrame;
pub(crate) use frame::{fill_with, room_for};
pub use missing::MissingPackets;
pub use packetise::{PacketiseError, Packetiser};
pub use payload::PayloadError;
pub use picture::{PictureError, PictureSizeError, PixelFormat, Plane, VideoFrame, psnr};
pub use receiver::VideoReceiver;
pub use sender::VideoSender;

use crate::time::{MediaInstant, RtpTime};
use crate::units::Ssrc;

/// How video is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VideoCodec {
    /// H.264 (RTP: RFC 6184, single NAL units, STAP-A and FU-A: packetization modes 0 and 1).
    H264,
    /// VP8 (RTP: RFC 7741).
    Vp8,
}

/// Width and height of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VideoSize {
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
}

/// One RTP packet of a video stream (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug)]
pub struct VideoPacket<'a> {
    /// The stream.
    pub ssrc: Ssrc,
    /// Its place in the stream; wraps.
    pub sequence_number: u16,
    /// The sender's clock when the picture was taken, 90 kHz. All packets of a frame have the same.
    pub sender_time: RtpTime,
    /// The last packet of its frame.
    pub marker: bool,
    /// When it was read from the socket.
    pub arrival_time: MediaInstant,
    /// What the codec's payload format says.
    pub payload: &'a [u8],
}
