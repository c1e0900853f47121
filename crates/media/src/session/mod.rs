//! One call's media: routes datagrams, ticks and frames to their stages. Pure: told the time and the bytes.

pub(crate) mod audio_socket;
pub(crate) mod doorbell;
pub(crate) mod rtc;
pub(crate) mod state;
pub(crate) mod transport;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use doorbell::Doorbell;
use state::{MediaState, SharedState};
use transport::{ReceivedAudio, Transmit, Transport, TransportEvent};

use crate::frame::{AudioFormat, AudioFrame};
use crate::ledger::Stage;
use crate::receive::{AudioPacket, AudioReceiver};
use crate::ring::{RingReader, RingWriter};
use crate::send::AudioSender;
use crate::stats::SharedStats;
use crate::time::{MediaClock, MediaInstant};

/// Longest time between two looks at a session, when nothing is due.
const IDLE: std::time::Duration = std::time::Duration::from_secs(1);

/// Datagrams that an outbox has room for from the start: the ticks of more than a second, should a worker be that late.
const TRANSMITS: usize = 64;

/// What a session wants done after it was called: the caller's buffer, used again for every call.
pub(crate) struct Outbox {
    /// Datagrams to send, in order.
    pub(crate) transmits: Vec<Transmit>,
    /// Doorbells to queue.
    pub(crate) doorbells: Vec<Arc<Doorbell>>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { transmits: Vec::with_capacity(TRANSMITS), doorbells: Vec::new() }
    }

    fn press(&mut self, doorbell: &Arc<Doorbell>) {
        if doorbell.press() {
            self.doorbells.push(Arc::clone(doorbell));
        }
    }
}

/// What the worker's half of a session and the application's handles share.
pub(crate) struct Shared {
    pub(crate) state: SharedState,
    pub(crate) stats: Arc<SharedStats>,
    /// Frames to hear, or the end of the session.
    pub(crate) heard: Arc<Doorbell>,
    /// Room for frames to say, or the end of the session.
    pub(crate) room: Arc<Doorbell>,
    /// The state has changed.
    pub(crate) changed: Arc<Doorbell>,
}

impl Shared {
    pub(crate) fn new(stats: Arc<SharedStats>) -> Self {
        let doorbell = Arc::<Doorbell>::default;
        Self { state: SharedState::new(), stats, heard: doorbell(), room: doorbell(), changed: doorbell() }
    }

    /// Ends the session from the application's side: whoever waits learns of it, whether or not a worker has it.
    pub(crate) fn end(&self) {
        if self.state.set(MediaState::Closed) {
            [&self.heard, &self.room, &self.changed].into_iter().for_each(|doorbell| doorbell.answer());
        }
    }
}

/// The worker's half of a session.
pub(crate) struct Session<T> {
    transport: T,
    receiver: AudioReceiver,
    sender: AudioSender,
    to_app: RingWriter<AudioFrame>,
    from_app: RingReader<AudioFrame>,
    shared: Arc<Shared>,
    /// When the next tick is due; `None` until media flows.
    next_tick: Option<MediaInstant>,
    /// When the packet that is on its way to the wire left the encoder.
    encode_out: Option<MediaInstant>,
}

impl<T: Transport> Session<T> {
    pub(crate) fn new(
        transport: T,
        (receiver, sender): (AudioReceiver, AudioSender),
        (to_app, from_app): (RingWriter<AudioFrame>, RingReader<AudioFrame>),
        shared: Arc<Shared>,
    ) -> Self {
        Self { transport, receiver, sender, to_app, from_app, shared, next_tick: None, encode_out: None }
    }

    pub(crate) fn transport(&self) -> &T {
        &self.transport
    }

    pub(crate) fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Takes in a datagram. What is broken or foreign is counted and dropped: anybody can send to a port.
    pub(crate) fn handle_datagram(
        &mut self,
        now: MediaInstant,
        from: SocketAddr,
        datagram: BytesMut,
        out: &mut Outbox,
    ) {
        let protocol = Protocol::of(&datagram);
        let taken = self.transport.handle_datagram(now, from, datagram).is_ok();
        let packets = self.drain(now, out);
        // The core drops what fails its checks without a word; media that gave no packet has failed them.
        if !taken || protocol == Protocol::None || protocol == Protocol::Rtp && packets == 0 {
            self.shared.stats.counters.datagrams_rejected.add(1);
        }
    }

    /// Does what is due at `now`: time-outs of the transport, and ticks. A late caller gets every tick it missed, so
    /// that time is never lost.
    pub(crate) fn handle_timeout(&mut self, now: MediaInstant, clock: &impl MediaClock, out: &mut Outbox) {
        if self.transport.poll_deadline().is_some_and(|deadline| deadline <= now)
            && self.transport.handle_timeout(now).is_err()
        {
            self.enter(MediaState::Failed, out);
        }
        while let Some(due) = self.next_tick.filter(|&due| due <= now) {
            self.next_tick = Some(due + AudioFormat::FRAME_DURATION);
            self.shared.stats.ledger.record(Stage::TickLateness, now.since(due));
            self.hear(due, clock, out);
            self.speak(clock, out);
            if self.next_tick.is_some_and(|next| next <= now) {
                // The core holds each payload until its datagram is taken: the ticks of a late caller would pile them up.
                self.drain(now, out);
            }
        }
        self.drain(now, out);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub(crate) fn deadline(&mut self, now: MediaInstant) -> MediaInstant {
        let ticks = self.next_tick.into_iter();
        ticks.chain(self.transport.poll_deadline()).min().unwrap_or(now + IDLE)
    }

    /// Moves the ticks by `phase`, so that the sessions of a worker do not all tick at once.
    pub(crate) fn shift_ticks(&mut self, phase: std::time::Duration) {
        self.next_tick = self.next_tick.map(|due| due + phase);
    }

    /// Whether media has begun to flow.
    pub(crate) fn is_ticking(&self) -> bool {
        self.next_tick.is_some()
    }

    /// Takes note that all transmits are with the kernel.
    pub(crate) fn sent(&mut self, now: MediaInstant) {
        if let Some(encode_out) = self.encode_out.take() {
            self.shared.stats.ledger.record(Stage::WireOut, now.since(encode_out));
        }
    }

    /// Ends the session, and says so to the peer and to the application.
    pub(crate) fn close(&mut self, out: &mut Outbox) {
        // A connection that cannot say goodbye is closed all the same.
        let _ = self.transport.close();
        out.transmits.extend(std::iter::from_fn(|| self.transport.poll_transmit()));
        self.enter(MediaState::Closed, out);
    }

    /// Passes on what the transport has; returns how many packets of audio it had.
    fn drain(&mut self, now: MediaInstant, out: &mut Outbox) -> usize {
        while let Some(event) = self.transport.poll_event() {
            match event {
                TransportEvent::Connected => {
                    self.next_tick.get_or_insert(now);
                    self.enter(MediaState::Connected, out);
                }
                TransportEvent::Disconnected => self.enter(MediaState::Disconnected, out),
                TransportEvent::Failed => self.enter(MediaState::Failed, out),
                TransportEvent::Closed => self.enter(MediaState::Closed, out),
            }
        }
        let mut packets = 0;
        while let Some(packet) = self.transport.poll_audio() {
            self.receiver.receive(&audio_packet(&packet));
            packets += 1;
        }
        out.transmits.extend(std::iter::from_fn(|| self.transport.poll_transmit()));
        packets
    }

    fn enter(&mut self, state: MediaState, out: &mut Outbox) {
        if !self.shared.state.set(state) {
            return;
        }
        out.press(&self.shared.changed);
        if state.is_over() {
            self.next_tick = None;
            out.press(&self.shared.heard);
            out.press(&self.shared.room);
        }
    }

    /// Gives the application the frame that is due.
    fn hear(&mut self, due: MediaInstant, clock: &impl MediaClock, out: &mut Outbox) {
        let Some(frame) = self.receiver.tick(due, clock) else { return };
        let ring_in = clock.now();
        let written = self.to_app.write(|slot| {
            slot.copy_from(frame);
            slot.stages.ring_in = ring_in;
        });
        let SharedStats { counters, ledger } = &*self.shared.stats;
        ledger.record(Stage::RingIn, ring_in.since(frame.stages().decode_out));
        if written {
            counters.frames_delivered.add(1);
        } else {
            counters.frames_dropped.add(1);
        }
        out.press(&self.shared.heard);
    }

    /// Sends what the application has to say.
    fn speak(&mut self, clock: &impl MediaClock, out: &mut Outbox) {
        let waiting = self.from_app.queued();
        let packet = self.sender.tick(clock, &mut self.from_app);
        if self.from_app.queued() < waiting {
            out.press(&self.shared.room);
        }
        let Some(packet) = packet else { return };
        let encode_out = clock.now();
        let counters = &self.shared.stats.counters;
        if self.transport.send_audio(encode_out, packet).is_ok() {
            counters.packets_sent.add(1);
            counters.bytes_sent.add(packet.payload.len() as u64);
            self.encode_out = Some(encode_out);
        } else {
            counters.send_errors.add(1);
        }
    }
}

/// What a datagram on a media port claims to be (RFC 7983 section 7, RFC 5761 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Rtp,
    /// STUN, DTLS or RTCP, which the core answers for.
    Control,
    None,
}

impl Protocol {
    fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=3 | 20..=63, ..] | [128..=191, 192..=223, ..] => Self::Control,
            [128..=191, ..] => Self::Rtp,
            _ => Self::None,
        }
    }
}

fn audio_packet(packet: &ReceivedAudio) -> AudioPacket<'_> {
    AudioPacket {
        ssrc: packet.ssrc,
        sequence_number: packet.sequence_number,
        sender_time: packet.sender_time,
        source: packet.source,
        arrival_time: packet.arrival_time,
        payload: &packet.payload,
    }
}
