//! What a session needs of its connection, so that another could take the place of the one it has.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::receive::AudioPacket;
use crate::rtp::{ActiveSpeakers, AudioLevel, Encoding};
use crate::send::OutgoingAudio;
use crate::tap::ClockReport;
use crate::time::{MediaInstant, RtpTime};
use crate::units::{MediaSourceId, Ssrc};
use crate::video::sender::OutgoingVideo;
use crate::video::simulcast::LayerSet;
use crate::video::{VideoCodec, VideoPacket};
use crate::wire::rtcp::feedback::Missing;

/// ICE, DTLS-SRTP and RTP of one session. Told the time and the bytes.
pub(crate) trait Transport {
    /// Takes in a datagram that came from `from` at `now`.
    fn handle_datagram(
        &mut self,
        now: MediaInstant,
        from: SocketAddr,
        datagram: BytesMut,
    ) -> Result<(), Dropped>;
    /// Does what is due at `now`.
    fn handle_timeout(&mut self, now: MediaInstant) -> Result<(), TransportError>;
    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` when nothing is.
    fn poll_deadline(&mut self) -> Option<MediaInstant>;
    /// The next datagram to send.
    fn poll_transmit(&mut self) -> Option<Transmit>;
    /// What has changed.
    fn poll_event(&mut self) -> Option<TransportEvent>;
    /// The next RTP packet of the audio socket.
    fn poll_audio(&mut self) -> Option<ReceivedAudio>;
    /// Sends an RTP packet of the audio socket.
    fn send_audio(&mut self, now: MediaInstant, packet: OutgoingAudio<'_>) -> Result<(), Dropped>;
    /// Sends a text to the far end beside the media, or keeps it until that can be done.
    fn send_control(&mut self, now: MediaInstant, text: Vec<u8>) -> Result<(), Dropped>;
    /// The next text from there; empty where it was none, or too long.
    fn poll_control(&mut self) -> Option<BytesMut>;
    /// What was agreed on; nothing until the descriptions are exchanged.
    fn negotiated(&self) -> Negotiated;
    /// The next RTP packet of a video section.
    fn poll_video(&mut self) -> Option<ReceivedVideo> {
        None
    }
    /// Sends an RTP packet of a video section: of the layer that stands there among those that were agreed on.
    fn send_video(
        &mut self,
        _now: MediaInstant,
        _section: VideoIndex,
        _packet: OutgoingVideo<'_>,
    ) -> Result<(), Dropped> {
        Err(Dropped::NotAgreed)
    }
    /// Tells what the peer has fed back of our video since this was last called.
    fn take_feedback(&mut self, _tell: impl FnMut(PeerFeedback<'_>)) {}
    /// Feeds back to the peer.
    fn send_feedback(&mut self, _feedback: OurFeedback<'_>) -> Result<(), Dropped> {
        Err(Dropped::NotAgreed)
    }
    /// What was agreed on for a video section; nothing until the descriptions are exchanged.
    fn negotiated_video(&self, _section: VideoIndex) -> NegotiatedVideo {
        NegotiatedVideo::default()
    }
    /// Tells the peer that the session ends.
    fn close(&mut self) -> Result<(), TransportError>;
}

/// A datagram to send.
#[derive(Debug)]
pub(crate) struct Transmit {
    pub(crate) to: SocketAddr,
    pub(crate) datagram: BytesMut,
}

/// What has changed on the way to the peer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TransportEvent {
    /// ICE and DTLS are done: media flows.
    Connected,
    /// The path is silent. It may come back.
    Disconnected,
    /// It will not come back.
    Failed,
    /// The peer ended the session.
    Closed,
    /// Nothing more can be said beside the media.
    ControlLost,
    /// The peer says how our stream reaches it.
    Report(PeerReport),
    /// It says how the clock of one of its streams stands.
    ClockReport(ClockReport),
    /// How long the path there and back is: what it says of our video tells, or its answer to a check.
    RoundTrip(Duration),
}

/// What the peer's RTCP reports say of the stream that it hears from us (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PeerReport {
    /// Share of packets lost since its report before, 0 to 1.
    pub(crate) fraction_lost: f32,
    /// Lost since the stream began.
    pub(crate) packets_lost: i64,
    /// How unevenly packets arrive there.
    pub(crate) jitter: Duration,
    /// There and back; `None` until it is known.
    pub(crate) round_trip_time: Option<Duration>,
}

/// What both ends agreed to send and to hear, beyond Opus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Negotiated {
    /// Copies of packets before (RFC 2198).
    pub(crate) red: bool,
    /// DTMF (RFC 4733).
    pub(crate) telephone_event: bool,
    /// The payload type of Opus, which packets with copies name for each of their parts.
    pub(crate) opus_payload_type: u8,
}

/// Which media section of the audio socket: 0 carries the mix, and our own speech; the others carry one speaker each.
pub(crate) type AudioSection = usize;

/// An RTP packet, decrypted.
#[derive(Debug)]
pub(crate) struct ReceivedAudio {
    pub(crate) arrival_time: MediaInstant,
    pub(crate) section: AudioSection,
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence_number: u16,
    pub(crate) sender_time: RtpTime,
    pub(crate) encoding: Encoding,
    /// The first packet after a pause, or of an event.
    pub(crate) marker: bool,
    pub(crate) speakers: ActiveSpeakers,
    /// How loud the packet is as a whole (RFC 6464).
    pub(crate) level: Option<AudioLevel>,
    pub(crate) payload: Bytes,
}

impl ReceivedAudio {
    /// The packet as the receive path sees it.
    pub(crate) fn audio(&self) -> AudioPacket<'_> {
        AudioPacket {
            ssrc: self.ssrc,
            sequence_number: self.sequence_number,
            sender_time: self.sender_time,
            encoding: self.encoding,
            marker: self.marker,
            speakers: self.speakers,
            level: self.level,
            arrival_time: self.arrival_time,
            payload: &self.payload,
        }
    }
}

/// Which video section of a session, from 0.
pub(crate) type VideoIndex = usize;

/// A stream that we send: a section, and the place of its layer among those that were agreed on, small ones first.
pub(crate) type SentStream = (VideoIndex, usize);

/// What was agreed on for a video section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NegotiatedVideo {
    /// What the peer would see, if it sees anything of us.
    pub(crate) sends: Option<VideoCodec>,
    /// What the peer would show, if it shows us anything.
    pub(crate) receives: Option<VideoCodec>,
    /// Retransmissions to the peer have a stream of their own.
    pub(crate) has_repair: bool,
    /// Which of our layers the peer takes; the largest alone where it knows nothing of layers.
    pub(crate) layers: LayerSet,
    /// What the clock of 90 kHz of our streams showed when the platform began; all layers have one, so that a receiver can change
    /// between them.
    pub(crate) clock: RtpTime,
}

/// An RTP packet of a video section, decrypted. One that was sent again is as it was the first time.
#[derive(Debug)]
pub(crate) struct ReceivedVideo {
    pub(crate) section: VideoIndex,
    pub(crate) codec: VideoCodec,
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence_number: u16,
    pub(crate) sender_time: RtpTime,
    pub(crate) marker: bool,
    /// Whose picture it is.
    pub(crate) source: Option<MediaSourceId>,
    /// Its number among all packets of video.
    pub(crate) transport_number: Option<u16>,
    /// It came on the stream of retransmissions.
    pub(crate) is_repair: bool,
    pub(crate) arrival_time: MediaInstant,
    /// Nothing in a packet that only fills the pipe.
    pub(crate) payload: Bytes,
}

impl ReceivedVideo {
    /// The packet as the receive path sees it.
    pub(crate) fn packet(&self) -> VideoPacket<'_> {
        VideoPacket {
            ssrc: self.ssrc,
            sequence_number: self.sequence_number,
            sender_time: self.sender_time,
            marker: self.marker,
            arrival_time: self.arrival_time,
            payload: &self.payload,
        }
    }
}

/// What the peer feeds back of our video.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerFeedback<'a> {
    /// These packets of a stream have not come.
    Missing(SentStream, Missing<'a>),
    /// A stream needs a key frame: a PLI.
    PictureLoss(SentStream),
    /// A stream needs a key frame: a FIR, and its number.
    FullIntra(SentStream, u8),
    /// When packets came.
    Arrivals(&'a [u8]),
}

/// What we feed back of the peer's video.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OurFeedback<'a> {
    /// These packets of a section have not come; in their order.
    Missing(VideoIndex, &'a [u16]),
    /// A section needs a key frame.
    KeyFrame(VideoIndex),
    /// When packets came.
    Arrivals(&'a [u8]),
}

/// Why a packet was dropped. Whoever can reach a port can make most of these happen, so none of them allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Dropped {
    #[error("the peer is not known to be there")]
    Stranger,
    #[error("the session has no keys yet")]
    NoKeys,
    #[error("the packet is malformed")]
    Malformed,
    #[error("ICE or DTLS refuses it")]
    Control,
    #[error("the packet was seen before, or is too old")]
    Replayed,
    #[error("the packet is not genuine")]
    NotGenuine,
    #[error("the peer has too many sources")]
    TooManySources,
    #[error("the payload type was not agreed on")]
    UnknownPayloadType,
    #[error("the encoding was not agreed on")]
    NotAgreed,
    #[error("the packet is too large")]
    TooLarge,
    #[error("the far end has no control channel, or does not keep up with it")]
    NoChannel,
}

/// What the connection could not do.
#[derive(Debug, thiserror::Error)]
#[error("{task}: {source}")]
pub struct TransportError {
    /// What was being done.
    pub task: &'static str,
    /// What the core says.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl TransportError {
    pub(crate) fn new(task: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { task, source: Box::new(source) }
    }
}
