//! Frames across networks that lose, reorder and repeat.

use proptest::prelude::*;

use super::*;
use crate::video::Packetiser;

/// A packet of its own bytes.
#[derive(Clone, Debug)]
struct Sent {
    sequence_number: u16,
    frame: usize,
    marker: bool,
    payload: Vec<u8>,
}

impl Sent {
    fn packet(&self, arrival_time: MediaInstant) -> VideoPacket<'_> {
        let sender_time = RtpTime(3000_u32.wrapping_mul(self.frame as u32));
        let &Self { sequence_number, marker, ref payload, .. } = self;
        VideoPacket { ssrc: Ssrc(7), sequence_number, sender_time, marker, arrival_time, payload }
    }
}

/// A frame whose bytes say which one it is. Every `key_every`th is a key frame.
fn frame(codec: VideoCodec, number: usize, is_key: bool, len: usize) -> Vec<u8> {
    let body = std::iter::repeat_n((number % 250 + 1) as u8, len);
    let head: &[u8] = match (codec, is_key) {
        (VideoCodec::H264, true) => &[0, 0, 0, 1, 0x67, 0x42, 1, 0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65],
        (VideoCodec::H264, false) => &[0, 0, 0, 1, 0x41],
        (VideoCodec::Vp8, true) => &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01],
        (VideoCodec::Vp8, false) => &[0x11, 0, 0],
    };
    head.iter().copied().chain(body).collect()
}

/// A stream: frames, and the packets that carry them.
fn stream(codec: VideoCodec, frames: &[(bool, usize)]) -> (Vec<Vec<u8>>, Vec<Sent>) {
    let mut packetiser = Packetiser::new(codec, 200);
    let (mut made, mut sent) = (Vec::new(), Vec::new());
    // Across the wrap.
    let mut sequence_number = 65_530_u16;
    for (number, &(is_key, len)) in frames.iter().enumerate() {
        let bytes = frame(codec, number, is_key || number == 0, len);
        let send = |payload: &[u8], marker: bool| {
            sent.push(Sent { sequence_number, frame: number, marker, payload: payload.to_vec() });
            sequence_number = sequence_number.wrapping_add(1);
        };
        packetiser.packetise(&bytes, send).unwrap();
        made.push(bytes);
    }
    (made, sent)
}

fn at(millis: u64) -> MediaInstant {
    MediaInstant::from_duration(Duration::from_millis(millis))
}

/// Takes all frames that are whole.
fn take(assembler: &mut FrameAssembler, now: MediaInstant) -> Vec<(usize, bool, Vec<u8>)> {
    let mut taken = Vec::new();
    while let Some(frame) = assembler.next_frame(now) {
        taken.push(((frame.sender_time.0 / 3000) as usize, frame.is_key, frame.data.to_vec()));
    }
    taken
}

const CODECS: [VideoCodec; 2] = [VideoCodec::H264, VideoCodec::Vp8];

#[test]
fn frames_come_out_as_they_went_in() {
    for codec in CODECS {
        let (made, sent) = stream(codec, &[(true, 900), (false, 50), (false, 450), (true, 10)]);
        let mut assembler = FrameAssembler::new(codec);
        let mut taken = Vec::new();
        for sent in &sent {
            assert_eq!(assembler.insert(&sent.packet(at(1))), Inserted::Kept);
            taken.extend(take(&mut assembler, at(1)));
        }
        let data: Vec<_> = taken.into_iter().map(|(_, _, data)| data).collect();
        assert_eq!(data, made);
        assert!(!assembler.needs_key_frame(at(10_000)));
    }
}

#[test]
fn a_first_packet_that_is_overtaken_does_not_cost_the_key_frame() {
    for codec in CODECS {
        let (made, sent) = stream(codec, &[(true, 900), (false, 50)]);
        let mut assembler = FrameAssembler::new(codec);
        // The last of the key frame comes first, then the second.
        let last = sent.iter().position(|sent| sent.marker).unwrap();
        for overtaking in [last, 1] {
            assert_eq!(assembler.insert(&sent[overtaking].packet(at(5))), Inserted::Kept);
            assert_eq!(take(&mut assembler, at(5)), []);
            assert!(!assembler.needs_key_frame(at(14)));
        }
        let mut asked = Vec::new();
        assembler.missing().due(at(15), |number| asked.push(number));
        let between: Vec<u16> = sent[2..last].iter().map(|sent| sent.sequence_number).collect();
        assert_eq!(asked, between, "what was sent before the second is not known");
        let mut taken = Vec::new();
        for late in (0..sent.len()).filter(|place| ![1, last].contains(place)) {
            assert_eq!(assembler.insert(&sent[late].packet(at(14))), Inserted::Kept);
            taken.extend(take(&mut assembler, at(14)).into_iter().map(|(_, _, data)| data));
        }
        assert_eq!(taken, made);
        assert_eq!(assembler.insert(&sent[0].packet(at(16))), Inserted::Late, "the stream has begun");
    }
}

#[test]
fn a_packet_that_is_late_holds_up_its_frame_and_is_asked_for() {
    for codec in CODECS {
        let (_, sent) = stream(codec, &[(true, 900), (false, 500), (false, 50)]);
        let late = sent.iter().position(|sent| sent.frame == 1).unwrap() + 1;
        let mut assembler = FrameAssembler::new(codec);
        for (number, sent) in sent.iter().enumerate() {
            if number != late {
                assembler.insert(&sent.packet(at(5)));
            }
        }
        let numbers =
            |taken: Vec<(usize, bool, Vec<u8>)>| taken.iter().map(|taken| taken.0).collect::<Vec<_>>();
        assert_eq!(numbers(take(&mut assembler, at(5))), [0]);
        let mut asked = Vec::new();
        assembler.missing().due(at(20), |number| asked.push(number));
        assert_eq!(asked, [sent[late].sequence_number]);
        assert!(!assembler.needs_key_frame(at(20)));
        assert!(assembler.needs_key_frame(at(305)), "it takes too long");
        assert_eq!(assembler.insert(&sent[late].packet(at(310))), Inserted::Kept);
        assert_eq!(numbers(take(&mut assembler, at(310))), [1, 2]);
        assert!(!assembler.needs_key_frame(at(310)));
        assert_eq!(assembler.insert(&sent[late].packet(at(311))), Inserted::Late);
    }
}

#[test]
fn after_a_loss_nothing_comes_before_the_next_key_frame() {
    for codec in CODECS {
        let (_, sent) = stream(codec, &[(true, 900), (false, 500), (false, 50), (true, 700), (false, 20)]);
        let mut assembler = FrameAssembler::new(codec);
        let mut taken = Vec::new();
        for sent in sent.iter().filter(|sent| sent.frame != 1) {
            assembler.insert(&sent.packet(at(0)));
            taken.extend(take(&mut assembler, at(0)).into_iter().map(|taken| taken.0));
        }
        assert_eq!(taken, [0, 3, 4], "the key frame ends the wait for what is missing");
        assert!(!assembler.needs_key_frame(at(1)));
    }
}

#[test]
fn a_key_frame_without_parameters_gets_those_that_came_before() {
    let mut assembler = FrameAssembler::new(VideoCodec::H264);
    let (made, mut sent) = stream(VideoCodec::H264, &[(true, 10), (true, 10)]);
    let idr = [&[0x65][..], &made[1][18..]].concat();
    let second = sent.iter_mut().find(|sent| sent.frame == 1).unwrap();
    (second.payload, second.marker) = (idr, true);
    let mut taken = Vec::new();
    for sent in &sent[..2] {
        assembler.insert(&sent.packet(at(0)));
        taken.extend(take(&mut assembler, at(0)).into_iter().map(|(_, _, data)| data));
    }
    assert_eq!(taken, made);
}

#[test]
fn a_stream_that_is_joined_in_the_middle_waits_for_its_key_frame() {
    for codec in CODECS {
        let (_, sent) = stream(codec, &[(true, 900), (false, 500), (true, 50), (false, 20)]);
        let mut assembler = FrameAssembler::new(codec);
        let mut taken = Vec::new();
        for sent in &sent[2..] {
            assembler.insert(&sent.packet(at(0)));
            if taken.is_empty() && sent.frame < 2 {
                assert!(assembler.needs_key_frame(at(10)));
            }
            taken.extend(take(&mut assembler, at(0)).into_iter().map(|taken| taken.0));
        }
        assert_eq!(taken, [2, 3]);
    }
}

#[test]
fn padding_has_its_number_and_no_place_in_a_frame() {
    let (made, mut sent) = stream(VideoCodec::Vp8, &[(true, 100), (false, 100)]);
    let padding =
        Sent { sequence_number: sent[1].sequence_number, frame: 0, marker: false, payload: Vec::new() };
    sent[1].sequence_number += 1;
    sent.insert(1, padding);
    let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
    sent.iter().for_each(|sent| assert_eq!(assembler.insert(&sent.packet(at(0))), Inserted::Kept));
    let data: Vec<_> = take(&mut assembler, at(0)).into_iter().map(|taken| taken.2).collect();
    assert_eq!(data, made);
}

#[test]
fn another_sender_begins_anew() {
    let (_, sent) = stream(VideoCodec::Vp8, &[(true, 100), (false, 100)]);
    let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
    assembler.insert(&sent[0].packet(at(0)));
    assert_eq!(take(&mut assembler, at(0)).len(), 1);
    let stranger = VideoPacket { ssrc: Ssrc(8), ..sent[1].packet(at(0)) };
    assert_eq!(assembler.insert(&stranger), Inserted::Kept);
    assert_eq!(take(&mut assembler, at(0)).len(), 0, "its references are another's");
    assert!(assembler.needs_key_frame(at(0)));
}

proptest! {
    /// Whatever the network does, what comes out went in, in order, and with all that it refers to.
    #[test]
    fn no_frame_comes_out_before_its_references(
        frames in proptest::collection::vec((proptest::bool::weighted(0.2), 1_usize..1500), 1..12),
        fates in proptest::collection::vec((0.0..1.0_f64, 0_usize..40), 120),
        loss in 0.0..0.3_f64,
        is_h264: bool,
    ) {
        let codec = if is_h264 { VideoCodec::H264 } else { VideoCodec::Vp8 };
        let (made, sent) = stream(codec, &frames);
        let mut arriving: Vec<(usize, &Sent)> = Vec::new();
        for (number, (sent, (chance, delay))) in sent.iter().zip(fates.iter().cycle()).enumerate() {
            if *chance >= loss {
                arriving.push((number + delay / 4, sent));
            }
            if *chance > 0.9 {
                arriving.push((number + delay, sent));
            }
        }
        arriving.sort_by_key(|(time, _)| *time);
        let mut assembler = FrameAssembler::new(codec);
        let mut last: Option<usize> = None;
        for (time, sent) in &arriving {
            // Each takes so long that all that can be asked for is given up at times.
            let now = at(*time as u64 * 150);
            assembler.insert(&sent.packet(now));
            assembler.missing().due(now, |_| ());
            for (number, is_key, data) in take(&mut assembler, now) {
                prop_assert_eq!(&data, &made[number]);
                prop_assert!(last.is_none_or(|last| last < number), "in order");
                prop_assert!(is_key || last == Some(number - 1), "{} after {:?}", number, last);
                last = Some(number);
            }
        }
    }

    /// Bytes that no encoder made.
    #[test]
    fn no_packets_make_it_panic(
        packets in proptest::collection::vec(
            (proptest::num::u16::ANY, 0_u32..4, proptest::bool::ANY, proptest::collection::vec(proptest::num::u8::ANY, 0..40)),
            0..200,
        ),
        is_h264: bool,
        is_near: bool,
    ) {
        let mut assembler = FrameAssembler::new(if is_h264 { VideoCodec::H264 } else { VideoCodec::Vp8 });
        for (time, (number, sender_time, marker, payload)) in packets.iter().enumerate() {
            let now = at(time as u64 * 40);
            let sequence_number = if is_near { number % 64 } else { *number };
            let sender_time = RtpTime(*sender_time);
            let packet = VideoPacket { ssrc: Ssrc(1), sequence_number, sender_time, marker: *marker, arrival_time: now, payload };
            assembler.insert(&packet);
            assembler.missing().due(now, |_| ());
            while assembler.next_frame(now).is_some() {}
            let _ = assembler.needs_key_frame(now);
        }
    }
}
