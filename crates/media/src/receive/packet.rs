//! What the receive path takes in.

use crate::rtp::{ActiveSpeakers, AudioLevel, Encoding};
use crate::time::{MediaInstant, RtpTime};
use crate::units::Ssrc;

/// One RTP packet as the receive path sees it (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct AudioPacket<'a> {
    /// The stream.
    pub ssrc: Ssrc,
    /// Its place in the stream; wraps.
    pub sequence_number: u16,
    /// The sender's clock at its first sample, 48 kHz.
    pub sender_time: RtpTime,
    /// What the payload is.
    pub encoding: Encoding,
    /// The first packet after a pause, or of an event.
    pub marker: bool,
    /// Who is heard in it: the contributing sources.
    pub speakers: ActiveSpeakers,
    /// How loud it is as a whole, when the sender says so.
    pub level: Option<AudioLevel>,
    /// When it was read from the socket.
    pub arrival_time: MediaInstant,
    /// What `encoding` says.
    pub payload: &'a [u8],
}
