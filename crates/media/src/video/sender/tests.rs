//! A sender by itself, step by step, and over paths (`path.rs`).

mod path;

use super::*;
use crate::video::history::ROOM;
use crate::video::{PacketiseError, VideoCodec};

const ONLY: VideoStreamId = VideoStreamId { section: 0, layer: 0 };

fn at(millis: u64) -> MediaInstant {
    MediaInstant::from_duration(Duration::from_millis(millis))
}

fn kilobits(kilobits: u64) -> BitRate {
    BitRate::from_kilobits_per_second(kilobits)
}

fn settings(min: u64, max: u64) -> VideoStreamSettings {
    VideoStreamSettings {
        codec: VideoCodec::Vp8,
        has_repair_stream: true,
        first_sequence_numbers: (65_500, 10),
        rates: LayerRates { min: kilobits(min), max: kilobits(max) },
    }
}

/// A sender with one section, whose path is believed to carry so much.
fn sender(start: u64, settings: VideoStreamSettings) -> VideoSender {
    let limits = BandwidthLimits { start: kilobits(start), ..BandwidthLimits::default() };
    let mut sender = VideoSender::new(limits);
    assert_eq!(sender.add_section(&[settings], at(0)), 0);
    sender
}

/// A frame of VP8 of so many bytes, with its number in it.
fn frame(is_key: bool, number: u8, len: usize) -> Vec<u8> {
    let head: &[u8] =
        if is_key { &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01] } else { &[0x11, 0, 0] };
    head.iter().copied().chain(std::iter::repeat_n(number, len.saturating_sub(head.len()))).collect()
}

/// All that leaves until `end`, each with when it did.
fn leaves(
    sender: &mut VideoSender,
    from: MediaInstant,
    end: MediaInstant,
) -> Vec<(MediaInstant, SentAs, u16, u16)> {
    let (mut now, mut left) = (from, Vec::new());
    while now <= end {
        while let Some(packet) = sender.poll_packet(now) {
            left.push((now, packet.sent_as, packet.sequence_number, packet.transport_number));
        }
        now += Duration::from_millis(1);
    }
    left
}

fn events(sender: &mut VideoSender, now: MediaInstant) -> Vec<VideoSendEvent> {
    std::iter::from_fn(|| sender.poll_event(now)).collect()
}

fn key_frame_needed(sender: &mut VideoSender, now: MediaInstant) -> bool {
    events(sender, now).contains(&VideoSendEvent::KeyFrameNeeded { stream: ONLY })
}

/// What a far end says of packets that arrived so many ms after it began.
fn feedback(arrivals: &[(u64, u64)]) -> Vec<u8> {
    let (mut writer, mut body) = (super::super::twcc::FeedbackWriter::default(), Vec::new());
    arrivals.iter().for_each(|&(place, millis)| writer.note(place, at(millis)));
    writer.write(&mut body);
    body
}

#[test]
fn a_key_frame_leaves_over_a_span_of_time_with_even_numbers() {
    let mut sender = sender(800, settings(0, 5000));
    sender.enqueue(ONLY, &frame(true, 1, 30_000), RtpTime(0), at(0)).unwrap();
    let left = leaves(&mut sender, at(0), at(1000));
    let numbers: Vec<_> = left.iter().map(|packet| packet.2).collect();
    let expected: Vec<_> = (0..27).map(|number| 65_500_u16.wrapping_add(number)).collect();
    assert_eq!(numbers, expected);
    assert!(left.iter().map(|packet| packet.3).eq(0..27), "the transport-wide ones, too");
    // 30 kB at one and a half times 800 kb/s.
    let last = left.last().unwrap().0.as_duration();
    assert!(last > Duration::from_millis(180) && last < Duration::from_millis(240), "{last:?}");
    assert_eq!(sender.deadline(), Some(at(0)), "the rate of the encoder is not told");
    events(&mut sender, at(1000));
    assert_eq!(sender.deadline(), None);
}

#[test]
fn nothing_is_sent_before_a_key_frame_and_it_is_asked_for() {
    let mut sender = sender(800, settings(0, 5000));
    assert!(!key_frame_needed(&mut sender, at(0)), "every encoder begins with one");
    let delta = frame(false, 1, 500);
    assert_eq!(sender.enqueue(ONLY, &delta, RtpTime(0), at(0)), Err(NotSent::AwaitsKeyFrame));
    assert!(key_frame_needed(&mut sender, at(0)));
    assert_eq!(sender.enqueue(ONLY, &delta, RtpTime(0), at(33)), Err(NotSent::AwaitsKeyFrame));
    assert!(!key_frame_needed(&mut sender, at(33)));
    assert_eq!(sender.deadline(), Some(at(300)), "it is asked again if it does not come");
    assert_eq!(leaves(&mut sender, at(0), at(50)), []);
    sender.enqueue(ONLY, &frame(true, 1, 500), RtpTime(0), at(66)).unwrap();
    sender.enqueue(ONLY, &delta, RtpTime(0), at(99)).unwrap();
    assert_eq!(leaves(&mut sender, at(99), at(120)).len(), 2);
    assert_eq!(sender.counters(ONLY).unwrap().frames_dropped, 2);
    let no_stream = VideoStreamId { section: 0, layer: 1 };
    assert_eq!(sender.enqueue(no_stream, &delta, RtpTime(0), at(99)), Err(NotSent::NoStream));
    assert_eq!(sender.enqueue(ONLY, &[], RtpTime(0), at(99)), Err(NotSent::Packetise(PacketiseError::Empty)));
}

#[test]
fn a_frame_that_waits_too_long_is_given_up_with_those_behind_it() {
    // 45 kb/s leave.
    let mut sender = sender(30, settings(0, 5000));
    sender.enqueue(ONLY, &frame(true, 1, 4000), RtpTime(0), at(0)).unwrap();
    for number in 0..10 {
        let sent = sender.enqueue(ONLY, &frame(false, number, 500), RtpTime(0), at(33 * u64::from(number)));
        assert_eq!(sent, Ok(()));
    }
    let left = leaves(&mut sender, at(0), at(3000));
    assert_eq!(left.len(), 4, "what has begun is brought to its end: {left:?}");
    assert!(key_frame_needed(&mut sender, at(3000)));
    assert_eq!(
        sender.enqueue(ONLY, &frame(false, 1, 500), RtpTime(0), at(3000)),
        Err(NotSent::AwaitsKeyFrame)
    );
    assert_eq!(sender.counters(ONLY).unwrap().frames_dropped, 11);
    sender.enqueue(ONLY, &frame(true, 1, 500), RtpTime(0), at(3033)).unwrap();
    let after = leaves(&mut sender, at(3033), at(3100));
    assert_eq!(after.iter().map(|packet| packet.2).collect::<Vec<_>>(), [65_504], "no number is left out");
}

#[test]
fn a_key_frame_takes_the_place_of_what_waits() {
    let mut sender = sender(30, settings(0, 5000));
    sender.enqueue(ONLY, &frame(true, 1, 500), RtpTime(0), at(0)).unwrap();
    (0..5).for_each(|number| sender.enqueue(ONLY, &frame(false, number, 2000), RtpTime(0), at(0)).unwrap());
    sender.enqueue(ONLY, &frame(true, 9, 500), RtpTime(9), at(0)).unwrap();
    assert_eq!(sender.counters(ONLY).unwrap().frames_dropped, 6);
    assert_eq!(sender.poll_packet(at(0)).unwrap().sender_time, RtpTime(9));
}

#[test]
fn what_is_asked_for_leaves_first_on_the_stream_of_repairs() {
    let mut sender = sender(800, settings(0, 5000));
    sender.enqueue(ONLY, &frame(true, 1, 2000), RtpTime(7), at(0)).unwrap();
    assert_eq!(leaves(&mut sender, at(0), at(100)).len(), 2);
    sender.enqueue(ONLY, &frame(false, 2, 500), RtpTime(9), at(200)).unwrap();
    sender.on_nack(ONLY, [65_501, 65_501, 3], at(200));
    let packet = sender.poll_packet(at(200)).unwrap();
    assert_eq!((packet.sent_as, packet.sequence_number, packet.transport_number), (SentAs::Repair, 10, 2));
    assert_eq!((packet.sender_time, packet.marker), (RtpTime(7), true));
    let (number, payload) = crate::video::rtx::unwrap(packet.payload).unwrap();
    assert_eq!((number, payload.last()), (65_501, Some(&1)));
    assert_eq!(
        leaves(&mut sender, at(201), at(300)).iter().map(|packet| packet.1).collect::<Vec<_>>(),
        [SentAs::New]
    );
    let counters = sender.counters(ONLY).unwrap();
    assert_eq!((counters.packets_asked_for, counters.packets_sent_again, counters.packets_sent), (3, 1, 3));
}

#[test]
fn without_a_stream_of_repairs_the_very_packet_is_sent_again() {
    let mut sender = sender(800, VideoStreamSettings { has_repair_stream: false, ..settings(0, 5000) });
    sender.enqueue(ONLY, &frame(true, 1, 2000), RtpTime(7), at(0)).unwrap();
    let first = {
        let packet = sender.poll_packet(at(0)).unwrap();
        (packet.sequence_number, packet.transport_number, packet.marker, packet.payload.to_vec())
    };
    leaves(&mut sender, at(0), at(100));
    sender.on_nack(ONLY, [first.0], at(200));
    let packet = sender.poll_packet(at(200)).unwrap();
    assert_eq!(packet.sent_as, SentAs::Again);
    let again = (packet.sequence_number, packet.transport_number, packet.marker, packet.payload.to_vec());
    assert_eq!(again, first);
    sender.enqueue(ONLY, &frame(false, 1, 20), RtpTime(8), at(300)).unwrap();
    assert_eq!(sender.poll_packet(at(300)).unwrap().transport_number, 2, "the count goes on evenly");
}

/// It was lost when it was sent first, and late when it was sent again: both say nothing that is not known.
#[test]
fn a_packet_that_was_sent_again_as_it_was_tells_nothing_of_the_path() {
    // Packets 0 to 39 have not come.
    let all_lost = [0, 0, 0, 40, 0, 0, 1, 0, 0, 40, 0, 0];
    let estimate = |has_repair_stream| {
        let mut sender = sender(800, VideoStreamSettings { has_repair_stream, ..settings(0, 5000) });
        sender.enqueue(ONLY, &frame(true, 1, 40 * ROOM - 400), RtpTime(0), at(0)).unwrap();
        let left = leaves(&mut sender, at(0), at(500));
        assert_eq!(left.len(), 40);
        sender.on_nack(ONLY, left.iter().map(|packet| packet.2), at(600));
        assert_eq!(leaves(&mut sender, at(600), at(1200)).len(), 40);
        [1200, 1500, 1800].into_iter().for_each(|millis| sender.on_feedback(&all_lost, at(millis)));
        sender.estimate()
    };
    assert!(estimate(true) < kilobits(600), "the first time, it does: {:?}", estimate(true));
    assert!(estimate(false) >= kilobits(800), "{:?}", estimate(false));
}

#[test]
fn repair_of_one_section_leaves_before_the_packets_of_another() {
    let mut sender = sender(800, settings(0, 5000));
    let other = VideoStreamId { section: sender.add_section(&[settings(0, 5000)], at(0)), layer: 0 };
    sender.enqueue(ONLY, &frame(true, 1, 500), RtpTime(0), at(0)).unwrap();
    leaves(&mut sender, at(0), at(50));
    sender.enqueue(other, &frame(true, 1, 5000), RtpTime(0), at(200)).unwrap();
    sender.on_nack(ONLY, [65_500], at(200));
    let packet = sender.poll_packet(at(200)).unwrap();
    assert_eq!((packet.stream, packet.sent_as), (ONLY, SentAs::Repair));
    assert_eq!(sender.poll_packet(at(200)).unwrap().stream, other);
}

#[test]
fn requests_for_key_frames_reach_the_encoder_once() {
    let mut sender = sender(800, settings(0, 5000));
    sender.enqueue(ONLY, &frame(true, 1, 500), RtpTime(0), at(0)).unwrap();
    leaves(&mut sender, at(0), at(10));
    sender.on_key_frame_request(ONLY, at(50));
    assert!(!key_frame_needed(&mut sender, at(50)), "one is on its way");
    sender.on_full_intra_request(ONLY, 4, at(200));
    assert!(key_frame_needed(&mut sender, at(200)));
    sender.on_full_intra_request(ONLY, 4, at(600));
    assert!(!key_frame_needed(&mut sender, at(600)), "it is the same request");
    sender.on_full_intra_request(ONLY, 5, at(600));
    assert!(key_frame_needed(&mut sender, at(600)));
    sender.on_key_frame_request(VideoStreamId { section: 3, layer: 0 }, at(600));
    assert_eq!(sender.counters(ONLY).unwrap().key_frame_requests, 3);
}

#[test]
fn sections_take_turns_and_an_idle_one_leaves_its_share() {
    let mut sender = sender(1000, settings(0, 5000));
    let other = VideoStreamId { section: sender.add_section(&[settings(0, 5000)], at(0)), layer: 0 };
    let rate = |sender: &mut VideoSender, of: VideoStreamId, now: u64| {
        events(sender, at(now)).into_iter().rev().find_map(|event| match event {
            VideoSendEvent::TargetRate { stream, rate } if stream == of => Some(rate.bits_per_second()),
            _ => None,
        })
    };
    assert_eq!(rate(&mut sender, ONLY, 0), Some(930_000), "nobody else sends");
    sender.enqueue(ONLY, &frame(true, 1, 5000), RtpTime(0), at(0)).unwrap();
    sender.enqueue(other, &frame(true, 1, 5000), RtpTime(0), at(0)).unwrap();
    assert_eq!(rate(&mut sender, ONLY, 100), Some(465_000));
    let mut sections = Vec::new();
    for millis in 0..100 {
        while let Some(packet) = sender.poll_packet(at(millis)) {
            sections.push(packet.stream.section);
        }
    }
    assert_eq!(sections[..10], [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
    sender.enqueue(ONLY, &frame(false, 1, 50), RtpTime(0), at(2000)).unwrap();
    assert_eq!(rate(&mut sender, ONLY, 2001), Some(930_000), "the other has stopped");
}

#[test]
fn a_limit_is_told_and_held() {
    let mut sender = sender(1000, settings(0, 5000));
    events(&mut sender, at(0));
    sender.set_max(kilobits(400), at(10));
    assert_eq!(events(&mut sender, at(10)), [], "not more often than an encoder can follow");
    assert_eq!(sender.deadline(), Some(at(100)));
    let told = VideoSendEvent::TargetRate { stream: ONLY, rate: kilobits(372) };
    assert_eq!(events(&mut sender, at(100)), [told]);
    sender.set_max(kilobits(395), at(300));
    assert_eq!(events(&mut sender, at(300)), [], "nor of what is no change");
}

#[test]
fn a_layer_that_the_path_does_not_carry_is_off_until_it_does() {
    let mut sender =
        VideoSender::new(BandwidthLimits { start: kilobits(1000), ..BandwidthLimits::default() });
    sender.add_section(&[settings(50, 200), settings(200, 700)], at(0));
    let large = VideoStreamId { section: 0, layer: 1 };
    sender.enqueue(large, &frame(true, 1, 500), RtpTime(0), at(0)).unwrap();
    sender.enqueue(ONLY, &frame(true, 1, 500), RtpTime(0), at(0)).unwrap();
    assert_eq!(leaves(&mut sender, at(0), at(50)).len(), 2);
    events(&mut sender, at(50));
    sender.set_max(kilobits(300), at(100));
    assert_eq!(sender.enqueue(large, &frame(false, 1, 500), RtpTime(0), at(100)), Err(NotSent::LayerIsOff));
    sender.enqueue(ONLY, &frame(false, 1, 500), RtpTime(0), at(100)).unwrap();
    let off = VideoSendEvent::TargetRate { stream: large, rate: BitRate::default() };
    assert_eq!(events(&mut sender, at(200)), [off]);
    sender.on_key_frame_request(large, at(300));
    assert_eq!(events(&mut sender, at(300)), [], "a layer that is off needs none");
    // All arrives at once, so the estimate may grow again.
    sender.set_max(kilobits(5000), at(300));
    let mut now = 300;
    while !events(&mut sender, at(now))
        .iter()
        .any(|event| matches!(event, VideoSendEvent::KeyFrameNeeded { .. }))
    {
        assert!(now < 60_000, "{:?}", sender.estimate());
        sender.enqueue(ONLY, &frame(false, 1, 2000), RtpTime(0), at(now)).unwrap();
        let left = leaves(&mut sender, at(now), at(now + 49));
        let arrive = |packet: &(MediaInstant, SentAs, u16, u16)| {
            (packet.3.into(), packet.0.as_nanos() / 1_000_000 + 20)
        };
        let arrivals: Vec<_> = left.iter().map(arrive).collect();
        now += 50;
        sender.on_feedback(&feedback(&arrivals), at(now));
    }
    assert_eq!(
        sender.enqueue(large, &frame(false, 1, 50), RtpTime(0), at(now)),
        Err(NotSent::AwaitsKeyFrame)
    );
    sender.enqueue(large, &frame(true, 1, 50), RtpTime(0), at(now)).unwrap();
}
