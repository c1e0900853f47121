//! What goes into a sender of video, and what comes out.

use crate::time::RtpTime;
use crate::video::simulcast::LayerRates;
use crate::video::{BitRate, PacketiseError, VideoCodec};

/// One RTP stream that carries video: a section, or one layer of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VideoStreamId {
    /// The section, in the order in which they were added.
    pub section: usize,
    /// 0 is the smallest, and the only one without simulcast.
    pub layer: usize,
}

/// How a stream is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoStreamSettings {
    /// As it was agreed on.
    pub codec: VideoCodec,
    /// Retransmissions have a stream of their own (RFC 4588). Without it a packet is sent again as it was.
    pub has_repair_stream: bool,
    /// Where the stream and that of its retransmissions begin: drawn at random (RFC 3550 section 5.1).
    pub first_sequence_numbers: (u16, u16),
    /// Between which rates it is worth sending.
    pub rates: LayerRates,
}

/// Why a frame is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// No such section or layer was agreed on.
    #[error("there is no such stream")]
    NoStream,
    /// The path does not carry this layer now. [`VideoSendEvent::TargetRate`] says when it does.
    #[error("the layer is off: the path does not carry it")]
    LayerIsOff,
    /// The far end could not decode it: frames before it were given up, or there were none. A key frame is asked for.
    #[error("nothing can be sent before a key frame")]
    AwaitsKeyFrame,
    /// It is larger than all that may wait. A key frame is asked for.
    #[error("the frame is larger than what may wait")]
    QueueIsFull,
    /// It holds no picture.
    #[error(transparent)]
    Packetise(#[from] PacketiseError),
}

/// How a packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentAs {
    /// For the first time, on its stream.
    New,
    /// Once more on its stream, because there is none for retransmissions. It has to be the very packet that was sent before, each
    /// bit of its header included: the same place in a stream must not encrypt two packets (RFC 3711 section 9.1).
    Again,
    /// On the stream of retransmissions; the payload begins with the number that the packet had (RFC 4588 section 4).
    Repair,
    /// There too, and nobody lacks it: it fills the path, to learn what that carries.
    Filling,
}

/// A packet to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingVideo<'a> {
    /// What it is of.
    pub stream: VideoStreamId,
    /// On which of its streams it goes.
    pub sent_as: SentAs,
    /// Its place in that one; wraps.
    pub sequence_number: u16,
    /// When its picture was taken, 90 kHz.
    pub sender_time: RtpTime,
    /// The last of its frame.
    pub marker: bool,
    /// The number that all packets of video of the session count together; wraps.
    pub transport_number: u16,
    /// At most 1122 bytes.
    pub payload: &'a [u8],
}

/// What the encoder has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VideoSendEvent {
    /// The next frame of this stream should be a key frame.
    KeyFrameNeeded {
        /// Which.
        stream: VideoStreamId,
    },
    /// What frames of this stream may have from here on; zero while its layer is off.
    TargetRate {
        /// Which.
        stream: VideoStreamId,
        /// Without the headers of packets.
        rate: BitRate,
    },
}

/// What was sent of a stream, in W3C's terms where it has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Whole frames that have left.
    pub frames_sent: u64,
    /// Those of them that were key frames.
    pub key_frames_sent: u64,
    /// Frames that were given up, or refused for want of a key frame.
    pub frames_dropped: u64,
    /// Packets, without those that were sent again.
    pub packets_sent: u64,
    /// Bytes of their payloads.
    pub bytes_sent: u64,
    /// Packets that were sent again.
    pub packets_sent_again: u64,
    /// Bytes of their payloads.
    pub bytes_sent_again: u64,
    /// Packets that filled the path.
    pub packets_filled: u64,
    /// Bytes of their payloads.
    pub bytes_filled: u64,
    /// Packets that the far end asked for.
    pub packets_asked_for: u64,
    /// PLI and FIR that came.
    pub key_frame_requests: u64,
}
