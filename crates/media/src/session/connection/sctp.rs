//! Drives `rtc-sctp`, the sans-IO SCTP endpoint: messages over the session's DTLS (RFC 8261, RFC 8831).
//!
//! The DTLS client begins the association, as `webrtc` and browsers have it. A peer that leaves that to the offerer is not waited
//! for: the DTLS server begins after a second without a word. Should both have begun then, the client's wins.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, EndpointEvent,
    Event, Payload, PayloadProtocolIdentifier, ServerConfig, StreamEvent, TimerConfig, TransportConfig,
};
use rtc_shared::TransportProtocol;

use crate::control::MAX_MESSAGE_LEN;

/// There is one peer, and DTLS says who it is.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// How long the DTLS server waits for the client to begin.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the peer may send before it is read: two messages.
const RECEIVE_BUFFER: u32 = 2 * MAX_MESSAGE_LEN as u32;

/// User data that may come without making a message whole. The library takes the next part of a message however long it becomes
/// (it would wait for ever otherwise), so there must be an end.
const MOST_UNREAD: usize = 8 * MAX_MESSAGE_LEN;

/// A stream of an association.
pub(super) type StreamId = u16;

/// What a message is, by its payload protocol identifier (RFC 8831 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageKind {
    /// Of the Data Channel Establishment Protocol.
    Establishment,
    Text,
    Other,
}

/// What has happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SctpEvent {
    /// Messages can be sent.
    Connected,
    /// There is a message to read.
    Readable(StreamId),
    /// The peer takes and sends nothing more on it.
    Closed(StreamId),
    /// Nor on any, or the association never came to be.
    Lost,
}

/// One association, over DTLS that is done.
pub(super) struct Sctp {
    endpoint: Endpoint,
    transport: TransportConfig,
    association: Option<(AssociationHandle, Association)>,
    /// When the DTLS server loses patience.
    begins: Option<Instant>,
    /// The answer to the peer's INIT. Where it gets lost the INIT comes again, in which the library would see another association.
    init_ack: Vec<Bytes>,
    unread: usize,
    is_lost: bool,
    events: VecDeque<SctpEvent>,
    transmits: VecDeque<Bytes>,
}

impl Sctp {
    /// Begins, or waits for the peer to do so.
    pub(super) fn new(now: Instant, is_dtls_client: bool) -> Self {
        let timers = TimerConfig {
            // ICE tells when the peer is gone.
            max_t3_rtx_retrans: usize::MAX,
            ..TimerConfig::default()
        };
        let transport = TransportConfig::default()
            .with_max_message_size(MAX_MESSAGE_LEN as u32)
            .with_max_receive_buffer_size(RECEIVE_BUFFER)
            .with_timer_config(timers);
        Self::with(now, is_dtls_client, transport)
    }

    fn with(now: Instant, is_dtls_client: bool, transport: TransportConfig) -> Self {
        let accepting = (!is_dtls_client).then(|| Arc::new(ServerConfig::new(transport.clone())));
        let config = Arc::new(EndpointConfig::new());
        let mut this = Self {
            endpoint: Endpoint::new(PEER, TransportProtocol::UDP, config, accepting),
            transport,
            association: None,
            begins: (!is_dtls_client).then(|| now + PATIENCE),
            init_ack: Vec::new(),
            unread: 0,
            is_lost: false,
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        };
        if is_dtls_client {
            this.begin(now);
        }
        this
    }

    fn begin(&mut self, now: Instant) {
        let config = ClientConfig::new(self.transport.clone());
        // One endpoint has room for one association.
        self.association = self.endpoint.connect(now, config, PEER).ok();
        self.after(now);
    }

    /// Takes in a packet.
    pub(super) fn read(&mut self, now: Instant, packet: BytesMut) {
        if self.is_lost {
            return;
        }
        self.unread += data_len(&packet);
        if self.unread > MOST_UNREAD {
            self.abort(now);
            return;
        }
        match self.endpoint.handle(now, PEER, None, packet.freeze()) {
            Some((handle, DatagramEvent::NewAssociation(new))) => self.meet(handle, new),
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((own, association)) = &mut self.association
                    && *own == handle
                {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.after(now);
    }

    /// The peer begins.
    fn meet(&mut self, handle: AssociationHandle, new: Association) {
        let is_ours = |association: &Association| association.side().is_client();
        match &self.association {
            Some((_, known)) if !(is_ours(known) && known.is_handshaking()) => {
                self.endpoint.handle_event(handle, EndpointEvent::drained());
                if known.is_handshaking() {
                    self.transmits.extend(self.init_ack.iter().cloned());
                }
            }
            _ => {
                if let Some((own, _)) = self.association.replace((handle, new)) {
                    self.endpoint.handle_event(own, EndpointEvent::drained());
                }
                self.begins = None;
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.begins.is_some_and(|due| due <= now) {
            self.begins = None;
            self.begin(now);
        }
        if let Some((_, association)) = &mut self.association
            && association.poll_timeout().is_some_and(|due| due <= now)
        {
            association.handle_timeout(now);
            self.after(now);
        }
    }

    pub(super) fn poll_deadline(&self) -> Option<Instant> {
        let association = self.association.as_ref().filter(|_| !self.is_lost);
        let due = association.and_then(|(_, association)| association.poll_timeout());
        due.into_iter().chain(self.begins).min()
    }

    /// The next packet to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<SctpEvent> {
        self.events.pop_front()
    }

    /// Opens a stream of ours. It is reliable and in order, as all that the peer opens.
    pub(super) fn open(&mut self, stream: StreamId) {
        if let Some((_, association)) = &mut self.association {
            // One that the peer has opened by then serves as well.
            let _ = association.open_stream(stream, PayloadProtocolIdentifier::String);
        }
    }

    /// The next whole message of a stream; `None` when there is none. One that is too long has no bytes.
    pub(super) fn read_message(&mut self, now: Instant, stream: StreamId) -> Option<(MessageKind, BytesMut)> {
        let (_, association) = self.association.as_mut()?;
        let message = association.stream(stream).ok()?.read_sctp().ok()??;
        self.unread = 0;
        let kind = match message.ppi {
            PayloadProtocolIdentifier::Dcep => MessageKind::Establishment,
            PayloadProtocolIdentifier::String => MessageKind::Text,
            _ => MessageKind::Other,
        };
        let bytes = message.to_payload(MAX_MESSAGE_LEN).unwrap_or_default();
        // The peer may have been told to wait.
        self.after(now);
        Some((kind, bytes))
    }

    /// How much of what was sent on a stream has not arrived yet, in bytes.
    pub(super) fn unacknowledged(&mut self, stream: StreamId) -> usize {
        let association = self.association.as_mut();
        let stream = association.and_then(|(_, association)| association.stream(stream).ok());
        stream.and_then(|stream| stream.buffered_amount().ok()).unwrap_or(0)
    }

    /// Sends a message; `false` when the stream is no longer there.
    pub(super) fn send(&mut self, now: Instant, stream: StreamId, kind: MessageKind, bytes: &Bytes) -> bool {
        let kind = match kind {
            MessageKind::Establishment => PayloadProtocolIdentifier::Dcep,
            MessageKind::Text => PayloadProtocolIdentifier::String,
            MessageKind::Other => PayloadProtocolIdentifier::Binary,
        };
        let Some((_, association)) = &mut self.association else { return false };
        let sent = association.stream(stream).and_then(|mut stream| stream.write_sctp(now, bytes, kind));
        self.after(now);
        sent.is_ok()
    }

    /// Ends a stream (RFC 8831 section 6.7).
    pub(super) fn reset(&mut self, now: Instant, stream: StreamId) {
        if let Some((_, association)) = &mut self.association
            && let Ok(mut stream) = association.stream(stream)
        {
            // It is over anyway.
            let _ = stream.close(now);
            self.after(now);
        }
    }

    /// Ends all of it.
    pub(super) fn abort(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.association {
            // It is lost whether or not the peer learns of it.
            let _ = association.abort();
        }
        self.after(now);
        self.lose();
    }

    fn lose(&mut self) {
        if !std::mem::replace(&mut self.is_lost, true) {
            self.begins = None;
            self.events.push_back(SctpEvent::Lost);
        }
    }

    /// Takes what the association wants to tell and to send.
    fn after(&mut self, now: Instant) {
        let Some((_, association)) = &mut self.association else { return };
        // One that was begun by the peer is closed until its cookie has come back.
        let is_young = association.is_handshaking() && association.side().is_server();
        let mut is_lost = association.is_closed() && !is_young;
        while let Some(event) = association.poll() {
            match event {
                Event::Connected => {
                    self.events.push_back(SctpEvent::Connected);
                    // What has overtaken the end of the handshake could not be answered before.
                    self.events.extend(association.stream_ids().into_iter().map(SctpEvent::Readable));
                }
                Event::Stream(StreamEvent::Readable { id }) if !association.is_handshaking() => {
                    self.events.push_back(SctpEvent::Readable(id));
                }
                Event::AssociationLost { id, .. } => self.events.push_back(SctpEvent::Closed(id)),
                Event::HandshakeFailed { .. } => is_lost = true,
                _ => {}
            }
        }
        let is_answering = association.is_handshaking() && association.side().is_server();
        while let Some(transmit) = association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.message {
                if is_answering {
                    self.init_ack.clone_from(&packets);
                }
                self.transmits.extend(packets);
            }
        }
        if is_lost {
            self.lose();
        }
    }
}

/// The bytes of user data in a packet, with their headers (RFC 9260 sections 3.1 and 3.2).
fn data_len(packet: &[u8]) -> usize {
    const COMMON_HEADER_LEN: usize = 12;
    const DATA: u8 = 0;
    let mut chunks = packet.get(COMMON_HEADER_LEN..).unwrap_or_default();
    let mut sum = 0;
    while let Some((&[kind, _, l0, l1], rest)) = chunks.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        sum += if kind == DATA { len } else { 0 };
        chunks = rest.get(len.max(4).next_multiple_of(4) - 4..).unwrap_or_default();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "SCTP counts from some instant, and there is no other way to make one"
    )]
    fn some_instant() -> Instant {
        Instant::now()
    }

    /// Carries what either end has to send until both are silent.
    fn carry(now: Instant, ends: [&mut Sctp; 2]) {
        let [one, other] = ends;
        loop {
            let packets = [one.poll_transmit(), other.poll_transmit()];
            match packets {
                [None, None] => return,
                [to_other, to_one] => {
                    to_other.into_iter().for_each(|packet| other.read(now, BytesMut::from(&packet[..])));
                    to_one.into_iter().for_each(|packet| one.read(now, BytesMut::from(&packet[..])));
                }
            }
        }
    }

    /// Two ends that are connected. The client takes and sends messages of a megabyte.
    fn connected() -> (Instant, Sctp, Sctp) {
        let now = some_instant();
        let large = TransportConfig::default().with_max_message_size(1 << 20);
        let (mut client, mut server) = (Sctp::with(now, true, large), Sctp::new(now, false));
        carry(now, [&mut client, &mut server]);
        for end in [&mut client, &mut server] {
            assert_eq!(end.poll_event(), Some(SctpEvent::Connected));
        }
        (now, client, server)
    }

    #[test]
    fn a_message_that_is_too_long_has_no_bytes_and_the_next_is_read() {
        let (now, mut client, mut server) = connected();
        client.open(1);
        for len in [MAX_MESSAGE_LEN, MAX_MESSAGE_LEN + 1, 3] {
            assert!(client.send(now, 1, MessageKind::Text, &vec![7; len].into()));
            carry(now, [&mut client, &mut server]);
            let (kind, bytes) = server.read_message(now, 1).unwrap();
            let kept = if len > MAX_MESSAGE_LEN { 0 } else { len };
            assert_eq!((kind, bytes.len()), (MessageKind::Text, kept));
            carry(now, [&mut client, &mut server]);
        }
        assert!(!server.is_lost);
    }

    #[test]
    fn a_message_without_an_end_ends_the_association() {
        let (mut now, mut client, mut server) = connected();
        client.open(1);
        assert!(client.send(now, 1, MessageKind::Text, &vec![7; 1 << 20].into()));
        for _ in 0..1000 {
            now += Duration::from_millis(100);
            client.handle_timeout(now);
            server.handle_timeout(now);
            carry(now, [&mut client, &mut server]);
        }
        assert!(server.is_lost, "{} bytes are held", server.unread);
        assert!(client.is_lost, "and the peer has been told");
        assert_eq!((client.poll_deadline(), server.poll_deadline()), (None, None));
    }

    #[test]
    fn user_data_is_told_from_the_rest_of_a_packet() {
        let chunk = |kind: u8, len: u8, bytes: usize| [vec![kind, 3, 0, len], vec![7; bytes]].concat();
        let header = vec![1; 12];
        let packet = [header.clone(), chunk(3, 16, 12), chunk(0, 21, 20), chunk(0, 20, 16)].concat();
        assert_eq!(data_len(&packet), 41);
        for broken in [&packet[..5], &header, &[header.clone(), chunk(0, 0, 0)].concat()] {
            assert_eq!(data_len(broken), 0);
        }
        let endless = [header, chunk(0, 255, 0)].concat();
        assert_eq!(data_len(&endless), 255, "what it claims");
    }
}
