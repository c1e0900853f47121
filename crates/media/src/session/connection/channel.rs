//! The one data channel of a session: reliable, in order, and opened by the offerer (RFC 8832). Known by its label; every other
//! channel is refused.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc_datachannel::message::Message;
use rtc_datachannel::message::message_channel_ack::DataChannelAck;
use rtc_datachannel::message::message_channel_open::{CHANNEL_PRIORITY_NORMAL, ChannelType, DataChannelOpen};
use rtc_shared::marshal::{Marshal, Unmarshal};

use super::sctp::{MessageKind, Sctp, SctpEvent, StreamId};
use crate::control::{LABEL, MAX_MESSAGE_LEN};

/// Messages that are read before the media has its turn again. What is left over is next; the peer is held back meanwhile.
const MESSAGES_PER_WAKE: usize = 16;

/// Messages that wait for the channel to open, or for the peer to catch up.
const MOST_WAITING: usize = 64;

/// Where more than this is under way, the rest waits here.
const MOST_UNACKNOWLEDGED: usize = MAX_MESSAGE_LEN;

/// Channels that are refused before the peer counts as mad: each costs memory.
const MOST_REFUSED: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    /// It will not open (again).
    Lost,
}

/// The channel, over DTLS that is done.
pub(super) struct Channel {
    sctp: Sctp,
    /// Ours to open, on that stream.
    opens: Option<StreamId>,
    /// The longest message that the peer takes.
    longest: usize,
    stream: Option<StreamId>,
    state: State,
    outgoing: VecDeque<Bytes>,
    incoming: VecDeque<BytesMut>,
    /// Streams with messages to read.
    readable: VecDeque<StreamId>,
    refused: usize,
    /// The last instant that was told.
    now: Instant,
}

impl Channel {
    pub(super) fn new(now: Instant, is_dtls_client: bool, is_offerer: bool, longest: usize) -> Self {
        // RFC 8832 section 6.
        let opens = is_offerer.then_some(if is_dtls_client { 0 } else { 1 });
        Self {
            sctp: Sctp::new(now, is_dtls_client),
            opens,
            longest,
            stream: opens,
            state: State::Opening,
            outgoing: VecDeque::new(),
            incoming: VecDeque::new(),
            readable: VecDeque::new(),
            refused: 0,
            now,
        }
    }

    /// Takes in a packet of SCTP.
    pub(super) fn read(&mut self, now: Instant, packet: BytesMut) {
        self.now = now;
        self.sctp.read(now, packet);
        self.advance();
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.sctp.handle_timeout(now);
        self.advance();
    }

    pub(super) fn poll_deadline(&self) -> Option<Instant> {
        let leftover = (!self.readable.is_empty()).then_some(self.now);
        leftover.or_else(|| self.sctp.poll_deadline())
    }

    /// The next packet of SCTP to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.sctp.poll_transmit()
    }

    /// The next message. One that is no text, or too long, has no bytes.
    pub(super) fn poll_message(&mut self) -> Option<BytesMut> {
        self.incoming.pop_front()
    }

    /// Sends a text, or keeps it until it can be sent; `false` when that never will be, it is too long, or too many wait already.
    pub(super) fn send(&mut self, now: Instant, text: Vec<u8>) -> bool {
        self.now = now;
        if self.is_lost() || self.outgoing.len() >= MOST_WAITING || text.len() > self.longest {
            return false;
        }
        self.outgoing.push_back(text.into());
        self.flush();
        true
    }

    /// Nothing more will come or go.
    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    fn advance(&mut self) {
        while let Some(event) = self.sctp.poll_event() {
            match event {
                SctpEvent::Connected => self.open(),
                SctpEvent::Readable(stream) if !self.readable.contains(&stream) => {
                    self.readable.push_back(stream);
                }
                SctpEvent::Readable(_) => {}
                SctpEvent::Closed(stream) if self.stream != Some(stream) => {}
                SctpEvent::Closed(_) | SctpEvent::Lost => self.lose(),
            }
        }
        for _ in self.incoming.len()..MESSAGES_PER_WAKE {
            let Some(&stream) = self.readable.front() else { break };
            match self.sctp.read_message(self.now, stream) {
                Some((kind, bytes)) => self.take(stream, kind, bytes),
                None => drop(self.readable.pop_front()),
            }
        }
        self.flush();
    }

    /// Asks for the channel, if that is ours to do.
    fn open(&mut self) {
        let Some(stream) = self.opens else { return };
        self.sctp.open(stream);
        self.establish(
            stream,
            &Message::DataChannelOpen(DataChannelOpen {
                channel_type: ChannelType::Reliable,
                priority: CHANNEL_PRIORITY_NORMAL,
                reliability_parameter: 0,
                label: LABEL.into(),
                protocol: Vec::new(),
            }),
        );
    }

    fn establish(&mut self, stream: StreamId, message: &Message) {
        let sent = message.marshal().map(BytesMut::freeze);
        let sent =
            sent.is_ok_and(|bytes| self.sctp.send(self.now, stream, MessageKind::Establishment, &bytes));
        if !sent {
            self.lose();
        }
    }

    fn take(&mut self, stream: StreamId, kind: MessageKind, bytes: BytesMut) {
        let is_ours = self.stream == Some(stream);
        match kind {
            MessageKind::Establishment => match Message::unmarshal(&mut &bytes[..]) {
                Ok(Message::DataChannelOpen(open)) if !is_ours && self.is_wanted(&open) => {
                    self.stream = Some(stream);
                    self.state = State::Open;
                    self.establish(stream, &Message::DataChannelAck(DataChannelAck {}));
                }
                Ok(Message::DataChannelAck(_)) if is_ours && self.state == State::Opening => {
                    self.state = State::Open;
                }
                _ if is_ours => {}
                _ => self.refuse(stream),
            },
            _ if !is_ours => self.refuse(stream),
            MessageKind::Text => self.incoming.push_back(bytes),
            MessageKind::Other => self.incoming.push_back(BytesMut::new()),
        }
    }

    fn is_wanted(&self, open: &DataChannelOpen) -> bool {
        let is_first = self.stream.is_none() && self.state == State::Opening;
        is_first && open.label == LABEL.as_bytes() && open.channel_type == ChannelType::Reliable
    }

    fn refuse(&mut self, stream: StreamId) {
        self.refused += 1;
        if self.refused > MOST_REFUSED {
            self.sctp.abort(self.now);
            self.lose();
        } else {
            self.sctp.reset(self.now, stream);
        }
    }

    fn flush(&mut self) {
        let Some(stream) = self.stream.filter(|_| self.state == State::Open) else { return };
        while let Some(text) = self.outgoing.front()
            && self.sctp.unacknowledged(stream) < MOST_UNACKNOWLEDGED
        {
            if !self.sctp.send(self.now, stream, MessageKind::Text, text) {
                self.lose();
                return;
            }
            self.outgoing.pop_front();
        }
    }

    fn lose(&mut self) {
        self.state = State::Lost;
        self.outgoing.clear();
        self.readable.clear();
    }
}

#[cfg(test)]
mod tests;
