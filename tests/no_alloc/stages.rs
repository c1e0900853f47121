//! The stages of both directions without their transport, on a virtual clock: here the count is exactly zero.

use std::cell::Cell;
use std::time::Duration;

use offhook_media::receive::{AudioPacket, AudioReceiver};
use offhook_media::ring::{RingReader, RingWriter, frame_ring};
use offhook_media::send::AudioSender;
use offhook_media::{
    ActiveSpeaker, AudioFormat, AudioFrame, AudioSocketSettings, Encoding, FrameOrigin, JitterBufferSettings,
    MediaClock, MediaInstant, MediaSourceId, OpusSettings, Redundancy, RtpTime, Ssrc,
};

use crate::counting::take_turn;
use crate::speech;

/// A minute of each format, in which each kind of weather comes several times.
const TICKS: u32 = 3_000;

/// As long as the weather takes to come round once.
const WARM_UP: u32 = 1_000;

/// What a slot of the jitter buffer holds at first, as that says itself.
const USUAL: usize = 160;

/// The payload type of Opus inside copies.
const OPUS: u8 = 111;

/// The most a packet of Opus weighs on the wire.
const LARGEST: usize = 1_500;

#[test]
fn a_minute_of_frames_from_application_to_application_allocates_nothing_in_any_weather() {
    let turn = take_turn();
    // At the others the codec does not run: a socket's ends resample.
    for format in AudioFormat::ALL.into_iter().filter(|format| *format == format.codec_format()) {
        let mut line = Line::new(format);
        line.run(WARM_UP);
        let (heard, met) = (line.heard, line.met());
        let me = std::thread::current().id();
        let events = turn.record(move |thread| thread.id() == me, || line.run(TICKS));
        let first = events.first();
        assert!(
            events.is_empty(),
            "{format:?}: {} touches of the heap in {TICKS} ticks; the first: {:?} of {} bytes at\n{}",
            events.len(),
            first.map(|event| event.deed),
            first.map_or(0, |event| event.bytes),
            first.map_or(String::new(), |event| event.calls.to_string()),
        );
        assert_eq!(line.heard - heard, u64::from(TICKS), "a frame a tick");
        for ((what, before), (_, after)) in met.into_iter().zip(line.met()) {
            assert!(after > before, "{what}: none while it counted, so nothing is known of it");
        }
    }
}

#[derive(Default)]
struct VirtualClock(Cell<MediaInstant>);

impl MediaClock for VirtualClock {
    fn now(&self) -> MediaInstant {
        self.0.get()
    }
}

/// One direction of a call: an application that speaks, a network with weather, an application that hears.
struct Line {
    clock: VirtualClock,
    tick: u32,
    speech: Vec<AudioFrame>,
    silence: AudioFrame,
    to_sender: RingWriter<AudioFrame>,
    from_app: RingReader<AudioFrame>,
    sender: AudioSender,
    network: Network,
    receiver: AudioReceiver,
    to_app: RingWriter<Keep>,
    from_receiver: RingReader<Keep>,
    heard: u64,
    recovered: u64,
}

/// What the hearing application keeps of a frame. A ring carries anything.
#[derive(Clone, Copy, Default)]
struct Keep {
    first_sample: u64,
    loudest: u16,
}

impl Line {
    fn new(format: AudioFormat) -> Self {
        // At this rate packets are about as large as the slots of the jitter buffer are at first.
        let settings = AudioSocketSettings::default().format(format);
        let settings = settings.encoder(OpusSettings::default().bitrate(56_000));
        let settings = settings.redundancy(Redundancy::OnLoss);
        let mut sender = AudioSender::new(&settings, (65_000, RtpTime(u32::MAX - 960_000))).unwrap();
        sender.agree(Some(OPUS), false);
        let silence = AudioFrame::silent(format, MediaInstant::ZERO);
        let (to_sender, from_app) = frame_ring(5, || silence.clone());
        let (to_app, from_receiver) = frame_ring(5, Keep::default);
        Self {
            clock: VirtualClock::default(),
            tick: 0,
            speech: speech(format),
            silence,
            to_sender,
            from_app,
            sender,
            network: Network::new(),
            receiver: AudioReceiver::new(format, JitterBufferSettings::default()).unwrap(),
            to_app,
            from_receiver,
            heard: 0,
            recovered: 0,
        }
    }

    fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.clock.0.set(MediaInstant::from_duration(AudioFormat::FRAME_DURATION * self.tick));
            self.speak();
            self.network.deliver(self.tick, self.clock.now(), &mut self.receiver);
            self.hear();
            self.tick += 1;
        }
    }

    /// Says speech, then silence, then nothing at all, and is late now and then.
    fn speak(&mut self) {
        let frame = match self.tick % 500 {
            0..300 => Some(&self.speech[self.tick as usize % self.speech.len()]),
            300..460 => Some(&self.silence),
            _ => None,
        };
        let late = self.tick % 97 == 5;
        if let Some(frame) = frame.filter(|_| !late) {
            self.to_sender.write(|slot| slot.samples_mut().copy_from_slice(frame.samples()));
        }
        let tick = self.tick;
        if tick.is_multiple_of(250) {
            // Half of the time much is lost, and copies are sent.
            self.sender.on_report(if tick.is_multiple_of(500) { 0.3 } else { 0.0 });
        }
        let packet = self.sender.tick(&self.clock, &mut self.from_app);
        match packet {
            Some(packet) => self.network.send(tick, packet.sender_time, packet.encoding, packet.payload),
            None if tick % 500 == 470 => self.network.send_silence(tick),
            None => {}
        }
    }

    fn hear(&mut self) {
        let Some(frame) = self.receiver.tick(self.clock.now(), &self.clock) else { return };
        self.recovered += u64::from(frame.origin() == FrameOrigin::Recovered);
        self.to_app.write(|kept| {
            kept.first_sample = frame.first_sample();
            kept.loudest = frame.samples().iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        });
        // A frame that is skipped goes back to the ring as well.
        if self.tick % 89 == 7 {
            return;
        }
        while let Some(kept) = self.from_receiver.read() {
            self.heard += 1;
            std::hint::black_box(*kept);
        }
    }

    /// How often each kind of trouble was met.
    fn met(&self) -> [(&'static str, u64); 11] {
        let (sent, received) = (self.sender.stats().counters, self.receiver.stats().counters);
        [
            ("packets lost", received.packets_lost),
            ("packets discarded", received.packets_discarded),
            ("concealment", received.concealment_events),
            ("shortened sound", received.removed_samples_for_acceleration),
            ("lengthened sound", received.inserted_samples_for_deceleration),
            ("packets with copies", self.network.red),
            ("packets without", self.network.plain),
            ("frames from a copy", self.recovered),
            ("packets that are no Opus", received.decode_errors),
            ("packets larger than usual", self.network.large),
            ("late application", sent.send_underruns),
        ]
    }
}

/// Carries packets with loss, reordering, doubling, stalls, junk, and senders that begin anew.
struct Network {
    /// Made once; a packet that has arrived makes room for another.
    flights: Vec<Flight>,
    sequence_number: u16,
    last_time: RtpTime,
    large: u64,
    red: u64,
    plain: u64,
    random: u64,
}

struct Flight {
    arrives_at: Option<u32>,
    ssrc: Ssrc,
    sequence_number: u16,
    sender_time: RtpTime,
    encoding: Encoding,
    payload: [u8; LARGEST],
    len: usize,
}

impl Network {
    fn new() -> Self {
        let flight = || Flight {
            arrives_at: None,
            ssrc: Ssrc(0),
            sequence_number: 0,
            sender_time: RtpTime(0),
            encoding: Encoding::Opus,
            payload: [0; LARGEST],
            len: 0,
        };
        let flights = std::iter::repeat_with(flight).take(256).collect();
        let last_time = RtpTime(0);
        Self { flights, sequence_number: 65_000, last_time, large: 0, red: 0, plain: 0, random: 7 }
    }

    /// A number below `bound` (Knuth's MMIX generator): the same ones in each run.
    fn random(&mut self, bound: u32) -> u32 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as u32 % bound
    }

    fn send(&mut self, tick: u32, sender_time: RtpTime, encoding: Encoding, payload: &[u8]) {
        self.last_time = sender_time;
        self.sequence_number = self.sequence_number.wrapping_add(1);
        let is_red = encoding == Encoding::Red;
        (self.red, self.plain) = (self.red + u64::from(is_red), self.plain + u64::from(!is_red));
        self.large += u64::from(payload.len() > USUAL);
        if tick % 250 == 33 {
            // Code 3 with 48 frames of 20 ms: longer than any Opus packet (RFC 6716 section 3.2.5).
            return self.fly(tick, tick, Encoding::Opus, &[0b0100_1011, 48]);
        }
        let arrives_at = match tick % 1_000 {
            // Nothing gets through for a while, and then all of it at once: above the ceiling, and below.
            100..135 => 135,
            400..408 => 408,
            _ if self.random(100) < 8 => return,
            _ if self.random(100) < 10 => tick + 1 + self.random(5),
            _ => tick,
        };
        self.fly(tick, arrives_at, encoding, payload);
        if self.random(100) < 3 {
            self.fly(tick, arrives_at + 1, encoding, payload);
        }
    }

    /// The speaker says that it is silent (DTX).
    fn send_silence(&mut self, tick: u32) {
        self.sequence_number = self.sequence_number.wrapping_add(1);
        self.last_time = self.last_time.plus(960);
        self.fly(tick, tick, Encoding::Opus, &[0b0100_1000]);
    }

    fn fly(&mut self, tick: u32, arrives_at: u32, encoding: Encoding, payload: &[u8]) {
        let flight = self.flights.iter_mut().find(|flight| flight.arrives_at.is_none());
        let flight = flight.expect("fewer packets are on their way than there are places");
        flight.arrives_at = Some(arrives_at);
        // The far end changes its stream every 30 s.
        flight.ssrc = Ssrc(tick / 1_500);
        flight.sequence_number = self.sequence_number;
        flight.sender_time = self.last_time;
        flight.encoding = encoding;
        flight.payload[..payload.len()].copy_from_slice(payload);
        flight.len = payload.len();
    }

    fn deliver(&mut self, tick: u32, now: MediaInstant, receiver: &mut AudioReceiver) {
        for flight in self.flights.iter_mut().filter(|flight| flight.arrives_at.is_some_and(|at| at <= tick))
        {
            flight.arrives_at = None;
            receiver.receive(&AudioPacket {
                ssrc: flight.ssrc,
                sequence_number: flight.sequence_number,
                sender_time: flight.sender_time,
                encoding: flight.encoding,
                speakers: [ActiveSpeaker { source: MediaSourceId(tick % 3), level: None }]
                    .into_iter()
                    .collect(),
                arrival_time: now - Duration::from_micros(300),
                payload: &flight.payload[..flight.len],
                ..AudioPacket::default()
            });
        }
    }
}
