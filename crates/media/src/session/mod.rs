//! One call's media: routes datagrams, ticks and frames to their stages. Pure: told the time and the bytes.

pub(crate) mod audio_socket;
pub(crate) mod connection;
pub(crate) mod control;
pub(crate) mod desk;
pub(crate) mod doorbell;
pub(crate) mod encoded_socket;
pub(crate) mod events;
mod forward;
pub(crate) mod gains;
mod outbox;
pub(crate) mod player;
mod protocol;
pub(crate) mod quality;
pub(crate) mod rates;
mod shared;
pub(crate) mod state;
pub(crate) mod streams;
pub(crate) mod transport;
pub(crate) mod video;
pub(crate) mod video_socket;
mod voice;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use control::ControlPath;
pub(crate) use outbox::{Outbox, Ticks};
use outbox::{TRANSMITS, send};
use protocol::Protocol;
use quality::QualityMonitor;
pub(crate) use shared::Shared;
use state::MediaState;
use streams::AudioStreams;
use transport::{PeerReport, ReceivedAudio, Transport, TransportEvent};
use video::VideoStage;

use crate::encoded::EncodedPath;
use crate::event::{MediaEvent, MediaStatus, StreamFailure};
use crate::frame::{AudioFormat, AudioFrame};
use crate::ledger::Stage;
use crate::receive::AudioPacket;
use crate::ring::{RingReader, RingWriter};
use crate::rtp::{AudioLevel, Encoding};
use crate::send::AudioSender;
use crate::stats::SharedStats;
use crate::tap::Tap;
use crate::time::{MediaClock, MediaInstant};
use crate::tones::{ReceivedTone, SILENT_FRAME, ToneReceiver, silent_frame_time};

/// Longest time between two looks at a session, when nothing is due.
const IDLE: Duration = Duration::from_secs(1);

/// Ticks that a late session makes up before what it sends goes to the kernel: the memory of its packets serves again only
/// after that.
const TICKS_AT_ONCE: usize = 8;

/// How long after a packet of ours that is no silence we count as speaking: longer than the pauses between words.
const SPEAKING: Duration = Duration::from_millis(200);

/// The loudest that still is silence when we send it: as for what is heard.
const SILENT: AudioLevel = AudioLevel::from_minus_dbov(66);

/// The worker's half of a session.
pub(crate) struct Session<T> {
    transport: T,
    streams: AudioStreams,
    sender: AudioSender,
    to_app: RingWriter<AudioFrame>,
    from_app: RingReader<AudioFrame>,
    /// Takes the place of `receiver` and `sender` where the application wants the packets themselves.
    encoded: Option<EncodedPath>,
    /// `None` in a session without.
    video: Option<Box<VideoStage>>,
    /// Where there is video.
    control: Option<ControlPath>,
    events: RingWriter<MediaEvent>,
    shared: Arc<Shared>,
    status: MediaStatus,
    tones: ToneReceiver,
    quality: QualityMonitor,
    /// When the next tick is due; `None` until media flows.
    next_tick: Option<MediaInstant>,
    /// When the transport is due. Asked for when it was fed, as nothing else changes it.
    transport_due: Option<MediaInstant>,
    /// When its video is.
    video_due: Option<MediaInstant>,
    /// When the packets that are on their way to the wire left the encoder; at most [`TRANSMITS`].
    encoded_out: Vec<MediaInstant>,
    /// When we last sent what was no silence.
    spoke: Option<MediaInstant>,
    pub(crate) tap: Tap,
}

impl<T: Transport> Session<T> {
    pub(crate) fn new(
        transport: T,
        (streams, sender): (AudioStreams, AudioSender),
        (to_app, from_app): (RingWriter<AudioFrame>, RingReader<AudioFrame>),
        events: RingWriter<MediaEvent>,
        shared: Arc<Shared>,
    ) -> Self {
        let quality = QualityMonitor::new(sender.format());
        Self {
            transport,
            streams,
            sender,
            to_app,
            from_app,
            encoded: None,
            video: None,
            control: None,
            events,
            shared,
            status: MediaStatus::Inactive,
            tones: ToneReceiver::default(),
            quality,
            next_tick: None,
            transport_due: Some(MediaInstant::ZERO),
            video_due: None,
            encoded_out: Vec::with_capacity(TRANSMITS),
            spoke: None,
            tap: Tap::default(),
        }
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
    /// that time is never lost: a few at a time, as long as the [`deadline`](Self::deadline) has passed.
    pub(crate) fn handle_timeout(&mut self, now: MediaInstant, clock: &impl MediaClock, out: &mut Outbox) {
        if self.transport_due.is_some_and(|due| due <= now) {
            if self.transport.handle_timeout(now).is_err() {
                self.enter(MediaState::Failed, out);
            }
            self.drain(now, out);
        }
        self.drive_video(now, out);
        for _ in 0..TICKS_AT_ONCE {
            let Some(due) = self.next_tick.filter(|&due| due <= now) else { break };
            self.next_tick = Some(due + AudioFormat::FRAME_DURATION);
            self.count_tick(clock.now().since(due), out);
            let sent = if self.encoded.is_some() {
                self.forward(clock, out)
            } else {
                self.hear(due, clock, out);
                self.speak(clock, out)
            };
            self.watch(due, out);
            if self.pass_orders(now, out) || sent {
                self.drain(now, out);
            }
        }
    }

    fn count_tick(&self, lateness: Duration, out: &mut Outbox) {
        self.shared.stats.ledger.record(Stage::TickLateness, lateness);
        out.ticks.made += 1;
        if lateness > AudioFormat::FRAME_DURATION {
            out.ticks.missed += 1;
            self.shared.stats.counters.deadline_misses.add(1);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub(crate) fn deadline(&self, now: MediaInstant) -> MediaInstant {
        self.next_tick.into_iter().chain(self.transport_due).chain(self.video_due).min().unwrap_or(now + IDLE)
    }

    /// Says when to tick first, so that the sessions of a worker do not all tick at once.
    pub(crate) fn set_first_tick(&mut self, at: MediaInstant) {
        self.next_tick = self.next_tick.map(|_| at);
    }

    /// Whether media has begun to flow.
    pub(crate) fn is_ticking(&self) -> bool {
        self.next_tick.is_some()
    }

    /// Whether it wants to know when its transmits are with the kernel.
    pub(crate) fn waits_for_wire(&self) -> bool {
        !self.encoded_out.is_empty()
    }

    /// Takes note that all transmits are with the kernel.
    pub(crate) fn sent(&mut self, now: MediaInstant) {
        for encode_out in self.encoded_out.drain(..) {
            self.shared.stats.ledger.record(Stage::WireOut, now.since(encode_out));
        }
    }

    /// Ends the session, and says so to the peer and to the application.
    pub(crate) fn close(&mut self, out: &mut Outbox) {
        // A connection that cannot say goodbye is closed all the same.
        let _ = self.transport.close();
        out.transmits.extend(std::iter::from_fn(|| self.transport.poll_transmit()));
        self.enter(MediaState::Closed, out);
        self.end_sending(out);
    }

    /// Passes on what the transport has; returns how many packets of audio it had.
    fn drain(&mut self, now: MediaInstant, out: &mut Outbox) -> usize {
        while let Some(event) = self.transport.poll_event() {
            match event {
                TransportEvent::Connected => {
                    self.next_tick.get_or_insert(now);
                    let agreed = self.transport.negotiated();
                    self.sender.agree(agreed.red.then_some(agreed.opus_payload_type), agreed.telephone_event);
                    self.connect_video(now);
                    self.enter(MediaState::Connected, out);
                }
                TransportEvent::Report(report) => {
                    let PeerReport { fraction_lost, packets_lost, jitter, round_trip_time } = report;
                    self.shared.stats.peer.note(packets_lost, fraction_lost, jitter, round_trip_time);
                    self.sender.on_report(fraction_lost);
                    self.quality.on_report(&report, &self.shared.quality);
                    self.set_round_trip(round_trip_time);
                }
                TransportEvent::ClockReport(report) => self.tap.reported(report),
                TransportEvent::RoundTrip(round_trip) => self.set_round_trip(Some(round_trip)),
                TransportEvent::Disconnected => self.enter(MediaState::Disconnected, out),
                TransportEvent::ControlLost => self.lose_control(out),
                TransportEvent::Failed => self.enter(MediaState::Failed, out),
                TransportEvent::Closed => self.enter(MediaState::Closed, out),
            }
        }
        self.hear_control(now, out);
        let mut packets = 0;
        while let Some(packet) = self.transport.poll_audio() {
            packets += 1;
            self.tap.received(packet.section, &packet.audio());
            if let Some(encoded) = &mut self.encoded {
                encoded.receive(packet.section, &packet.audio());
                out.press(&self.shared.heard);
                continue;
            }
            if packet.encoding == Encoding::TelephoneEvent {
                self.hear_tone(&packet, out);
                continue;
            }
            if packet.section == 0 {
                self.quality.on_packet(packet.ssrc, packet.sender_time, packet.arrival_time);
            }
            self.streams.receive(packet.section, packet.audio());
        }
        packets += self.drain_video(now, out);
        out.transmits.extend(std::iter::from_fn(|| self.transport.poll_transmit()));
        self.transport_due = self.transport.poll_deadline();
        packets
    }

    fn enter(&mut self, state: MediaState, out: &mut Outbox) {
        if !self.shared.state.set(state) {
            return;
        }
        out.press(&self.shared.changed);
        self.tell_status(state, out);
        if state.is_over() {
            self.next_tick = None;
            out.press(&self.shared.heard);
            out.press(&self.shared.room);
            self.shared.speakers_room.iter().for_each(|room| out.press(room));
            self.end_video(out);
            self.end_sending(out);
        }
    }

    /// Whoever waits for what was not sent learns that it will not be; also where the application ended the session.
    fn end_sending(&mut self, out: &mut Outbox) {
        self.sender.end();
        out.press(&self.shared.played);
        out.press(&self.shared.toned);
    }

    fn tell_status(&mut self, state: MediaState, out: &mut Outbox) {
        let status = if state == MediaState::Connected { MediaStatus::Active } else { MediaStatus::Inactive };
        if std::mem::replace(&mut self.status, status) != status {
            self.tell(MediaEvent::SendStatusChanged { status }, out);
            self.tell(MediaEvent::ReceiveStatusChanged { status }, out);
            self.tell_video_status(status, out);
        }
        if state == MediaState::Failed {
            self.tell(MediaEvent::MediaStreamFailure { cause: StreamFailure::ConnectionLost }, out);
        }
        // Whoever waits for events learns of the end, too.
        out.press(&self.shared.happened);
    }

    /// Queues an event for the application. One that does not read loses the newest, and a counter says how many.
    fn tell(&mut self, event: MediaEvent, out: &mut Outbox) {
        if !self.events.write(|slot| *slot = event) {
            self.shared.stats.counters.events_dropped.add(1);
        }
        out.press(&self.shared.happened);
    }

    fn hear_tone(&mut self, packet: &ReceivedAudio, out: &mut Outbox) {
        let ReceivedAudio { ssrc, sender_time, payload, arrival_time, .. } = packet;
        for ReceivedTone { tone, duration } in self.tones.receive(*ssrc, *sender_time, payload, *arrival_time)
        {
            self.tell(MediaEvent::ToneReceived { tone, duration }, out);
        }
        // Its packets are numbered as those of speech are: to the jitter buffer they are a pause, and no loss.
        let pause = AudioPacket {
            encoding: Encoding::Opus,
            sender_time: silent_frame_time(*sender_time, payload),
            payload: SILENT_FRAME,
            ..packet.audio()
        };
        self.streams.receive(packet.section, pause);
    }

    /// Tells what the tick has brought beside audio.
    fn watch(&mut self, due: MediaInstant, out: &mut Outbox) {
        if let Some(ReceivedTone { tone, duration }) = self.tones.handle_timeout(due) {
            self.tell(MediaEvent::ToneReceived { tone, duration }, out);
        }
        while let Some(event) = self.sender.poll_event() {
            self.tell(event, out);
        }
        if self.sender.take_played() {
            out.press(&self.shared.played);
        }
        if self.sender.take_toned() {
            out.press(&self.shared.toned);
        }
        let changed = self.quality.tick(&self.shared.stats.counters, &self.shared.quality);
        changed.into_iter().flatten().for_each(|event| self.tell(event, out));
    }

    /// Gives the application the frame that is due.
    fn hear(&mut self, due: MediaInstant, clock: &impl MediaClock, out: &mut Outbox) {
        let speaking = self.spoke.is_some_and(|spoke| due.since(spoke) < SPEAKING);
        if !self.streams.tick(due, clock, speaking) {
            return;
        }
        let frame = self.streams.frame_mut();
        self.tap.heard(due, frame);
        let ring_in = clock.now();
        let decode_out = frame.stages.decode_out;
        let written = self.to_app.write(|slot| {
            slot.take_from(frame);
            slot.stages.ring_in = ring_in;
        });
        let SharedStats { counters, ledger, .. } = &*self.shared.stats;
        ledger.record(Stage::RingIn, ring_in.since(decode_out));
        if written {
            counters.frames_delivered.add(1);
        } else {
            counters.frames_dropped.add(1);
        }
        out.press(&self.shared.heard);
        let mut events = std::mem::take(&mut self.streams.events);
        events.drain(..).for_each(|event| self.tell(event, out));
        self.streams.events = events;
    }

    /// Sends what the application has to say; `false` when it had nothing.
    fn speak(&mut self, clock: &impl MediaClock, out: &mut Outbox) -> bool {
        let waiting = self.from_app.queued();
        let packet = self.sender.tick(clock, &mut self.from_app);
        if self.from_app.queued() < waiting {
            out.press(&self.shared.room);
        }
        let Some(packet) = packet else { return false };
        let encode_out = clock.now();
        if packet.level.is_none_or(|level| level > SILENT) {
            self.spoke = Some(encode_out);
        }
        self.tap.sent(encode_out, &packet);
        send(&mut self.transport, encode_out, packet, &self.shared.stats.counters, &mut self.encoded_out);
        true
    }
}
