//! What a session needs of a WebRTC core, so that another core could take the place of the one it has.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use crate::send::OutgoingAudio;
use crate::time::{MediaInstant, RtpTime};
use crate::units::{MediaSourceId, Ssrc};

/// ICE, DTLS-SRTP and RTP of one session. Told the time and the bytes.
pub(crate) trait Transport {
    /// Takes in a datagram that came from `from` at `now`.
    fn handle_datagram(
        &mut self,
        now: MediaInstant,
        from: SocketAddr,
        datagram: BytesMut,
    ) -> Result<(), TransportError>;
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
    fn send_audio(&mut self, now: MediaInstant, packet: OutgoingAudio<'_>) -> Result<(), TransportError>;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransportEvent {
    /// ICE and DTLS are done: media flows.
    Connected,
    /// The path is silent. It may come back.
    Disconnected,
    /// It will not come back.
    Failed,
    /// The peer ended the session.
    Closed,
}

/// An RTP packet, decrypted.
#[derive(Debug)]
pub(crate) struct ReceivedAudio {
    pub(crate) arrival_time: MediaInstant,
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence_number: u16,
    pub(crate) sender_time: RtpTime,
    pub(crate) source: Option<MediaSourceId>,
    pub(crate) payload: Bytes,
}

/// What the WebRTC core refused to do.
#[derive(Debug, thiserror::Error)]
#[error("{task}: {source}")]
pub struct TransportError {
    /// What was being done.
    pub task: &'static str,
    /// What the core says.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
