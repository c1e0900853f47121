//! A sender and a far end on a virtual clock, with a path between them that queues, delays and loses.

mod probing;

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::sequence::{Extended, SequenceExtender};
use crate::units::Ssrc;
use crate::video::twcc::FeedbackWriter;
use crate::video::{FrameAssembler, VideoPacket, rtx};

/// What the path does.
#[derive(Clone, Copy, Debug)]
struct Path {
    rate: BitRate,
    /// One way.
    delay: Duration,
    /// One packet in so many, by chance.
    loses: Option<u64>,
    /// What would stand in its queue for longer is dropped.
    holds: Duration,
}

impl Path {
    fn new(kilobits: u64) -> Self {
        let (delay, holds) = (Duration::from_millis(30), Duration::from_millis(400));
        Self { rate: BitRate::from_kilobits_per_second(kilobits), delay, loses: None, holds }
    }

    fn losing(self, loses: u64) -> Self {
        Self { loses: Some(loses), ..self }
    }
}

/// What the encoder makes.
#[derive(Clone, Copy, Debug)]
enum Encoder {
    /// What it is told to.
    Follows,
    /// Always so much.
    Makes(BitRate),
}

/// A packet under way.
struct UnderWay {
    arrives: MediaInstant,
    sent_as: SentAs,
    sequence_number: u16,
    transport_number: u16,
    sender_time: RtpTime,
    marker: bool,
    payload: Vec<u8>,
}

/// What the far end says.
enum Says {
    Arrivals(Vec<u8>),
    Lacks(Vec<u16>),
    NeedsKeyFrame,
}

/// A frame that the far end has whole.
#[derive(Clone, Copy, Debug)]
struct Shown {
    number: u32,
    is_key: bool,
    /// Since the encoder gave it.
    after: Duration,
}

struct Call {
    sender: VideoSender,
    path: Path,
    encoder: Encoder,
    now: MediaInstant,
    random: u64,
    told: BitRate,
    made: u32,
    /// The numbers of the frames that were taken in.
    taken: BTreeSet<u32>,
    key_is_due: bool,
    free_at: MediaInstant,
    /// The longest that a packet stood in the queue of the path.
    queued: Duration,
    dropped: u32,
    forth: VecDeque<UnderWay>,
    back: VecDeque<(MediaInstant, Says)>,
    // The far end.
    assembler: FrameAssembler,
    transport: SequenceExtender,
    writer: FeedbackWriter,
    asked_for_key: Option<MediaInstant>,
    shown: Vec<Shown>,
}

/// The far end's ssrc of the stream.
const STREAM: Ssrc = Ssrc(7);
/// 30 frames a second.
const FRAME: Duration = Duration::from_nanos(33_333_333);

impl Call {
    fn new(start: u64, path: Path, encoder: Encoder, seed: u64) -> Self {
        Self {
            sender: sender(start, settings(0, 5000)),
            path,
            encoder,
            now: MediaInstant::ZERO,
            random: seed | 1,
            told: BitRate::default(),
            made: 0,
            taken: BTreeSet::new(),
            key_is_due: true,
            free_at: MediaInstant::ZERO,
            queued: Duration::ZERO,
            dropped: 0,
            forth: VecDeque::new(),
            back: VecDeque::new(),
            assembler: FrameAssembler::new(VideoCodec::Vp8),
            transport: SequenceExtender::default(),
            writer: FeedbackWriter::default(),
            asked_for_key: None,
            shown: Vec::new(),
        }
    }

    /// Below `bound`, by chance (xorshift).
    fn chance(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    /// Goes on for so many seconds; gives what the encoder was told to make, as a mean in bits a second.
    fn run(&mut self, seconds: u64) -> f64 {
        self.run_millis(1000 * seconds)
    }

    fn run_millis(&mut self, steps: u64) -> f64 {
        let mut told = 0.0;
        for _ in 0..steps {
            self.hear();
            if self.now.as_nanos() >= u64::from(self.made) * FRAME.as_nanos() as u64 {
                self.make();
            }
            self.transmit();
            self.tell();
            let deadline = self.sender.deadline();
            assert!(deadline.is_none_or(|deadline| deadline > self.now), "{deadline:?} at {:?}", self.now);
            self.arrive();
            self.now += Duration::from_millis(1);
            told += self.told.bits_per_second() as f64;
        }
        told / steps as f64
    }

    /// The encoder makes a frame, a third more or less than the mean; a key frame is four of them.
    fn make(&mut self) {
        let rate = match self.encoder {
            Encoder::Follows => self.told,
            Encoder::Makes(rate) => rate,
        };
        let mean = (rate.bits_per_second() / 8 / 30).max(40);
        let len = mean * 2 / 3 + self.chance(mean * 2 / 3);
        let is_key = std::mem::take(&mut self.key_is_due);
        let len = if is_key { 4 * len } else { len };
        let bytes = frame(is_key, self.made as u8, len as usize);
        if self.sender.enqueue(ONLY, &bytes, RtpTime(3000 * self.made), self.now).is_ok() {
            self.taken.insert(self.made);
        }
        self.made += 1;
    }

    fn tell(&mut self) {
        while let Some(event) = self.sender.poll_event(self.now) {
            match event {
                VideoSendEvent::TargetRate { rate, .. } => self.told = rate,
                VideoSendEvent::KeyFrameNeeded { .. } => self.key_is_due = true,
            }
        }
    }

    fn transmit(&mut self) {
        while let Some(packet) = self.sender.poll_packet(self.now) {
            let OutgoingVideo { sent_as, sequence_number, transport_number, sender_time, marker, .. } =
                packet;
            let payload = packet.payload.to_vec();
            let begins = self.free_at.max(self.now);
            let queued = begins.since(self.now);
            if queued > self.path.holds {
                self.dropped += 1;
                continue;
            }
            self.queued = self.queued.max(queued);
            self.free_at = begins + self.path.rate.time_for(payload.len() + OVERHEAD);
            let arrives = self.free_at + self.path.delay;
            if self.path.loses.is_none_or(|loses| self.chance(loses) != 0) {
                let packet = UnderWay {
                    arrives,
                    sent_as,
                    sequence_number,
                    transport_number,
                    sender_time,
                    marker,
                    payload,
                };
                self.forth.push_back(packet);
            }
        }
    }

    fn arrive(&mut self) {
        let now = self.now;
        while let Some(packet) = due(&mut self.forth, now, |packet| packet.arrives) {
            if let Extended::At(place) | Extended::Restart(place) =
                self.transport.extend(packet.transport_number)
            {
                self.writer.note(place, now);
            }
            let is_wrapped = matches!(packet.sent_as, SentAs::Repair | SentAs::Filling);
            let repaired = rtx::unwrap(&packet.payload).filter(|_| is_wrapped);
            let (sequence_number, payload) = repaired.unwrap_or((packet.sequence_number, &packet.payload));
            let UnderWay { sender_time, marker, .. } = packet;
            let packet = VideoPacket {
                ssrc: STREAM,
                sequence_number,
                sender_time,
                marker,
                arrival_time: now,
                payload,
            };
            self.assembler.insert(&packet);
        }
        while let Some(frame) = self.assembler.next_frame(now) {
            let number = frame.sender_time.0 / 3000;
            let made_at = MediaInstant::ZERO + FRAME * number;
            self.shown.push(Shown { number, is_key: frame.is_key, after: now.since(made_at) });
        }
        let mut numbers = Vec::new();
        let round_trip = self.round_trip();
        self.assembler.missing().set_round_trip(round_trip);
        self.assembler.missing().due(now, |number| numbers.push(number));
        let hears = now + self.path.delay;
        if !numbers.is_empty() {
            self.back.push_back((hears, Says::Lacks(numbers)));
        }
        if self.assembler.needs_key_frame(now)
            && self.asked_for_key.is_none_or(|asked| now.since(asked) > Duration::from_millis(200))
        {
            self.asked_for_key = Some(now);
            self.back.push_back((hears, Says::NeedsKeyFrame));
        }
        if now.as_nanos().is_multiple_of(50_000_000) && self.writer.is_due() {
            let mut body = Vec::new();
            if self.writer.write(&mut body) {
                self.back.push_back((hears, Says::Arrivals(body)));
            }
        }
    }

    /// There and back, as reports would say.
    fn round_trip(&self) -> Duration {
        2 * self.path.delay + self.free_at.since(self.now)
    }

    fn hear(&mut self) {
        let now = self.now;
        self.sender.set_round_trip(self.round_trip());
        while let Some((_, says)) = due(&mut self.back, now, |(hears, _)| *hears) {
            match says {
                Says::Arrivals(body) => self.sender.on_feedback(&body, now),
                Says::Lacks(numbers) => self.sender.on_nack(ONLY, numbers, now),
                Says::NeedsKeyFrame => self.sender.on_key_frame_request(ONLY, now),
            }
        }
    }

    /// What is measured from here on.
    fn begin_again(&mut self) {
        self.shown.clear();
        (self.queued, self.dropped) = (Duration::ZERO, 0);
    }

    /// How long after it was made all but one in so many frames were there.
    fn delay(&self, of: usize) -> Duration {
        let mut delays: Vec<_> = self.shown.iter().map(|shown| shown.after).collect();
        delays.sort();
        delays[delays.len() - 1 - delays.len() / of]
    }

    /// Frames that the far end was not shown, between those that it was: whatever lacks, it goes on with a key frame.
    fn gaps(&self) -> usize {
        let gap = |two: &&[Shown]| two[1].number != two[0].number + 1;
        let gaps: Vec<_> = self.shown.windows(2).filter(gap).collect();
        assert!(gaps.iter().all(|two| two[1].is_key && two[1].number > two[0].number), "{gaps:?}");
        gaps.len()
    }

    fn counters(&self) -> StreamCounters {
        self.sender.counters(ONLY).unwrap()
    }
}

/// Those at the front that it is time for.
fn due<T>(queue: &mut VecDeque<T>, now: MediaInstant, at: impl Fn(&T) -> MediaInstant) -> Option<T> {
    if at(queue.front()?) <= now { queue.pop_front() } else { None }
}

#[test]
fn a_path_is_filled_and_each_frame_comes_in_time() {
    for kilobits in [300, 1000, 3000] {
        let mut call = Call::new(300, Path::new(kilobits), Encoder::Follows, kilobits);
        call.run(30);
        call.begin_again();
        let told = call.run(20) / (kilobits as f64 * 1000.0);
        let delay = call.delay(20);
        let what = format!("{kilobits} kb/s: {told} of it used, {:?} queued, {delay:?} delay", call.queued);
        assert!(told > 0.6 && told < 1.0, "{what}");
        assert!(call.queued < Duration::from_millis(300), "{what}");
        assert!(delay < Duration::from_millis(350), "{what}");
        assert_eq!((call.gaps(), call.dropped, call.counters().frames_dropped), (0, 0, 0), "{what}");
        assert!(call.shown.len() > 590, "{what}: {}", call.shown.len());
    }
}

#[test]
fn what_is_lost_is_sent_again_and_no_frame_lacks() {
    for loses in [100, 20] {
        let mut call = Call::new(800, Path::new(2000).losing(loses), Encoder::Makes(kilobits(400)), 5);
        call.run(40);
        let counters = call.counters();
        assert_eq!((call.gaps(), counters.key_frames_sent), (0, 1));
        assert!(call.shown.len() > 1190, "{}", call.shown.len());
        assert!(counters.packets_sent_again > counters.packets_sent / loses / 2, "{counters:?}");
        assert!(counters.packets_sent_again < counters.packets_sent / loses * 3, "{counters:?}");
        assert!(call.delay(20) < Duration::from_millis(250));
    }
}

#[test]
fn a_path_that_becomes_narrow_stays_in_time() {
    let mut call = Call::new(300, Path::new(2000), Encoder::Follows, 3);
    call.run(30);
    call.path.rate = kilobits(400);
    call.run(10);
    call.begin_again();
    let told = call.run(20) / 400_000.0;
    assert!(told > 0.5 && told < 1.05, "{told}");
    assert!(call.queued < Duration::from_millis(400) && call.delay(20) < Duration::from_millis(600));
    assert_eq!((call.gaps(), call.dropped), (0, 0));
}

#[test]
fn an_encoder_that_does_not_listen_loses_frames_and_not_time() {
    let mut call = Call::new(300, Path::new(500), Encoder::Makes(kilobits(2000)), 3);
    call.run(30);
    let counters = call.counters();
    assert!(call.gaps() > 5 && counters.frames_dropped > 300, "{counters:?}");
    assert!(call.delay(usize::MAX) < Duration::from_millis(2500), "{:?}", call.delay(usize::MAX));
    assert!(call.shown.len() > 30, "{}", call.shown.len());
}

#[test]
fn after_an_outage_the_picture_is_back() {
    let mut call = Call::new(800, Path::new(1500), Encoder::Follows, 3);
    call.run(10);
    call.path.loses = Some(1);
    call.run(4);
    call.path.loses = None;
    call.begin_again();
    call.run(10);
    let first = call.shown[0];
    let made_at = FRAME * first.number;
    assert!(first.is_key && made_at + first.after < Duration::from_millis(15_000), "{first:?}");
    assert_eq!(call.gaps(), 0);
    assert!(call.shown.len() > 260, "{}", call.shown.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_the_path_frames_are_shown_in_order_and_in_time(
        rate in 100_u64..4000, start in 100_u64..2000, loss in 0_u64..10, made in 50_u64..3000, follows: bool, seed: u64,
    ) {
        let encoder = if follows { Encoder::Follows } else { Encoder::Makes(kilobits(made)) };
        let path = Path { loses: (loss > 0).then(|| 100 / loss), ..Path::new(rate) };
        let mut call = Call::new(start, path, encoder, seed);
        call.run(15);
        call.gaps();
        prop_assert!(call.shown.iter().all(|shown| call.taken.contains(&shown.number)));
        prop_assert!(!call.shown.is_empty());
    }
}
