//! A stream on its way to a receiver, with a clock of the test's own.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::units::Ssrc;
use crate::video::Packetiser;

fn at(millis: u64) -> MediaInstant {
    MediaInstant::from_duration(Duration::from_millis(millis))
}

/// A VP8 frame of that length, as far as a receiver looks at it: its number stands in its last bytes.
fn frame(number: u32, is_key: bool, len: usize) -> Vec<u8> {
    let mut frame =
        if is_key { vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00] } else { vec![0x11, 0, 0] };
    frame.resize(frame.len() + len, 7);
    frame.extend_from_slice(&number.to_be_bytes());
    frame
}

fn number_of(frame: &[u8]) -> u32 {
    u32::from_be_bytes(*frame.last_chunk().unwrap())
}

/// A far end that sends a frame each 33 ms, a packet again when it is asked for, and a key frame when one is.
struct Sender {
    packetiser: Packetiser,
    packets: Vec<(RtpTime, bool, Vec<u8>)>,
    frames: u32,
    needs_key: bool,
    keys: Vec<u32>,
}

impl Sender {
    fn new() -> Self {
        let packetiser = Packetiser::new(VideoCodec::Vp8, 100);
        Self { packetiser, packets: Vec::new(), frames: 0, needs_key: true, keys: Vec::new() }
    }

    /// The packets of the next frame, by their numbers.
    fn next(&mut self, len: usize) -> std::ops::Range<usize> {
        let (number, is_key) = (self.frames, std::mem::take(&mut self.needs_key));
        if is_key {
            self.keys.push(number);
        }
        self.frames += 1;
        let first = self.packets.len();
        let (packets, time) = (&mut self.packets, RtpTime(3000 * number));
        let frame = frame(number, is_key, len);
        self.packetiser
            .packetise(&frame, |payload, last| packets.push((time, last, payload.to_vec())))
            .unwrap();
        first..self.packets.len()
    }
}

/// What arrives when, and what of it was given.
struct Path {
    sender: Sender,
    receiver: VideoReceiver,
    /// By time and order.
    under_way: BTreeMap<(u64, usize), usize>,
    posted: usize,
    given: Vec<u32>,
    key_frames_asked: u32,
}

impl Path {
    fn new() -> Self {
        Self {
            sender: Sender::new(),
            receiver: VideoReceiver::new(VideoCodec::Vp8),
            under_way: BTreeMap::new(),
            posted: 0,
            given: Vec::new(),
            key_frames_asked: 0,
        }
    }

    fn post(&mut self, packet: usize, arrives: u64) {
        self.posted += 1;
        self.under_way.insert((arrives, self.posted), packet);
    }

    /// Takes in what has arrived by `millis`, and does what is due.
    fn pass(&mut self, millis: u64, lost: &mut impl FnMut() -> bool) {
        let now = at(millis);
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= millis) {
            let number = entry.remove();
            let (sender_time, marker, payload) = &self.sender.packets[number];
            let packet = VideoPacket {
                ssrc: Ssrc(1),
                sequence_number: number as u16,
                sender_time: *sender_time,
                marker: *marker,
                arrival_time: now,
                payload,
            };
            self.receiver.receive(VideoCodec::Vp8, None, &packet);
        }
        while let Some((_, frame)) = self.receiver.next_frame(now) {
            self.given.push(number_of(frame.data));
        }
        let mut missing = Vec::new();
        self.receiver.missing(now, |number| missing.push(usize::from(number)));
        for number in missing {
            if !lost() {
                self.post(number, millis + 40);
            }
        }
        if self.receiver.ask_for_key_frame(now) {
            self.key_frames_asked += 1;
            self.sender.needs_key |= !lost();
        }
        while self.receiver.poll_event(now).is_some() {}
        assert!(self.receiver.deadline(now).is_none_or(|due| due > now), "what is due was done");
    }
}

fn follow_from(given: &[u32], keys: &[u32]) -> bool {
    let follows =
        given.windows(2).all(|pair| pair[0] + 1 == pair[1] || pair[0] < pair[1] && keys.contains(&pair[1]));
    follows && given.first().is_none_or(|first| keys.contains(first))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_frame_is_given_before_its_reference_and_all_come_when_the_path_is_good_again(
        seed in any::<u64>(), loss in 0_u64..30, jitter in 0_u64..30,
    ) {
        let mut path = Path::new();
        let mut dice = seed | 1;
        let mut roll = move |below: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            (dice >> 20) % below.max(1)
        };
        for millis in 0..8000 {
            let is_bad = millis < 5000;
            if millis % 33 == 0 {
                let len = 20 + roll(600) as usize;
                for packet in path.sender.next(len) {
                    // What overtakes the very first packet by more than 10 ms costs a key frame.
                    let most = if millis > 0 { jitter } else { jitter.min(9) };
                    let delay = if is_bad { 20 + roll(most + 1) } else { 20 };
                    if !is_bad || roll(100) >= loss {
                        path.post(packet, millis + delay);
                    }
                }
            }
            path.pass(millis, &mut || is_bad && roll(100) < loss);
        }
        prop_assert!(follow_from(&path.given, &path.sender.keys), "{:?}", path.given);
        let last = path.sender.frames - 2;
        prop_assert!(path.given.last() >= Some(&last), "{:?} of {last}", path.given.last());
        let late = path.given.iter().filter(|number| **number > 7300 / 33).count();
        prop_assert!(late as u32 >= last - 7300 / 33 - 1, "nothing is lost any more");
        if loss == 0 {
            prop_assert_eq!(path.given.len() as u32 + 1, path.sender.frames);
            prop_assert_eq!(path.key_frames_asked, 0);
        }
    }
}

#[test]
fn a_key_frame_is_asked_for_when_its_reference_is_gone_and_less_and_less_often() {
    let mut path = Path::new();
    let mut asked = Vec::new();
    for millis in 0..6000_u64 {
        if millis % 33 == 0 {
            // The first frame is lost for good.
            let packets = path.sender.next(10);
            path.sender.needs_key = false;
            if millis > 0 {
                packets.for_each(|packet| path.post(packet, millis + 20));
            }
        }
        let before = path.key_frames_asked;
        path.pass(millis, &mut || true);
        if path.key_frames_asked > before {
            asked.push(millis);
        }
    }
    assert!(path.given.is_empty());
    assert_eq!(asked[0], 33 + 20, "as soon as a whole frame has come that is of no use");
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [300, 600, 1200, 2000]);
}

#[test]
fn a_key_frame_that_comes_in_slowly_is_not_asked_for() {
    let mut path = Path::new();
    let packets = path.sender.next(5000);
    for (packet, millis) in packets.zip((0..).step_by(20)) {
        path.post(packet, millis);
    }
    (0..1200).for_each(|millis| path.pass(millis, &mut || false));
    assert_eq!((path.given.len(), path.key_frames_asked), (1, 0));
}

#[test]
fn who_is_seen_and_how_large_is_told_with_the_first_frame_that_shows_it() {
    let mut receiver = VideoReceiver::new(VideoCodec::Vp8);
    let mut packetiser = Packetiser::new(VideoCodec::Vp8, 1200);
    let mut told = Vec::new();
    let sources = [31, 31, 32, 32].map(|source| Some(MediaSourceId(source)));
    for (number, source) in (0_u16..).zip(sources) {
        let millis = u64::from(number) * 33;
        packetiser
            .packetise(&frame(number.into(), number % 2 == 0, 50), |payload, marker| {
                let packet = VideoPacket {
                    ssrc: Ssrc(1),
                    sequence_number: number,
                    sender_time: RtpTime(3000 * u32::from(number)),
                    marker,
                    arrival_time: at(millis),
                    payload,
                };
                receiver.receive(VideoCodec::Vp8, source, &packet);
            })
            .unwrap();
        while let Some((of, _)) = receiver.next_frame(at(millis)) {
            assert_eq!(of, source);
        }
        told.extend(std::iter::from_fn(|| receiver.poll_event(at(millis))).map(|event| (number, event)));
    }
    let changed = |number, source| (number, VideoReceiveEvent::SourceChanged { source });
    let size = VideoSize { width: 320, height: 180 };
    assert_eq!(
        told,
        [changed(0, sources[0]), (0, VideoReceiveEvent::SizeChanged { size }), changed(2, sources[2]),]
    );
}

#[test]
fn an_application_that_cannot_go_on_gets_a_key_frame() {
    let mut path = Path::new();
    for millis in 0..400_u64 {
        if millis % 33 == 0 {
            path.sender.next(10).for_each(|packet| path.post(packet, millis + 20));
        }
        path.pass(millis, &mut || false);
        if millis == 150 {
            path.receiver.request_key_frame();
        }
    }
    assert_eq!((path.key_frames_asked, path.sender.keys.len()), (1, 2));
}
