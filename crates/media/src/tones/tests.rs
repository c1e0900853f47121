use proptest::prelude::*;

use super::*;

fn at(millis: u64) -> MediaInstant {
    MediaInstant::from_duration(Duration::from_millis(millis))
}

fn event(tone: &str, duration: u16, end: bool) -> [u8; 4] {
    TelephoneEvent { code: tone.parse::<Tone>().unwrap().code(), end, volume: 10, duration }.bytes()
}

/// What is heard of packets of (millisecond of arrival, RTP time, payload), and of the silence after them.
fn hear(packets: &[(u64, u32, [u8; 4])]) -> Vec<(String, u128)> {
    let mut receiver = ToneReceiver::default();
    let mut tones = Vec::new();
    for &(millis, time, payload) in packets {
        tones.extend(receiver.handle_timeout(at(millis)));
        tones.extend(receiver.receive(Ssrc(1), RtpTime(time), &payload, at(millis)));
    }
    let end = packets.last().map_or(0, |packet| packet.0) + 1_000;
    tones.extend(receiver.handle_timeout(at(end)));
    tones.iter().map(|heard| (heard.tone.to_string(), heard.duration.as_millis())).collect()
}

fn tones(expected: &[(&str, u128)]) -> Vec<(String, u128)> {
    expected.iter().map(|&(tone, millis)| (tone.to_owned(), millis)).collect()
}

#[test]
fn the_silence_behind_a_tone_lies_where_the_tone_does() {
    let event = |duration| TelephoneEvent { code: 5, end: false, volume: 10, duration }.bytes();
    let times = [0, 960, 1920, 1920, 2400]
        .map(|duration| silent_frame_time(RtpTime(u32::MAX), &event(duration)).since(RtpTime(u32::MAX)));
    assert_eq!(times, [0, 0, 960, 960, 1440]);
    assert_eq!(silent_frame_time(RtpTime(7), &[]), RtpTime(7));
}

#[test]
fn the_bytes_are_those_of_the_rfc() {
    // RFC 4733 section 2.3: event 9, end, volume 7, 1,600 ticks; the reserved bit is not read.
    let wire = [9, 0b1000_0111, 0x06, 0x40];
    let nine = TelephoneEvent { code: 9, end: true, volume: 7, duration: 1_600 };
    assert_eq!(nine.bytes(), wire);
    assert_eq!(TelephoneEvent::read(&[9, 0b1100_0111, 0x06, 0x40]), Some(nine));
    assert_eq!(TelephoneEvent::read(&wire[..3]), None);
}

#[test]
fn every_tone_has_a_code_and_a_name_that_is_read_back() {
    assert_eq!(Tone::all().count(), 17);
    for tone in Tone::all() {
        assert_eq!(Tone::from_code(tone.code()), Some(tone));
        assert_eq!(tone.to_string().parse(), Ok(tone));
    }
    for (name, tone) in [("tone7", "7"), ("star", "*"), ("pound", "#"), ("toneA", "a"), ("Flash", "flash")] {
        assert_eq!(name.parse::<Tone>(), tone.parse(), "{name}");
    }
    for name in ["", "10", "e", "tone", "tone11"] {
        assert!(name.parse::<Tone>().is_err(), "{name}");
    }
}

#[test]
fn a_tone_is_heard_once_with_its_duration() {
    let end = (100, 5_000, event("5", 4_800, true));
    let packets = [(0, 5_000, event("5", 960, false)), (20, 5_000, event("5", 1_920, false)), end, end, end];
    assert_eq!(hear(&packets), tones(&[("5", 100)]));
}

#[test]
fn one_packet_of_a_tone_is_enough_if_it_is_its_end() {
    assert_eq!(hear(&[(140, 5_000, event("#", 4_800, true))]), tones(&[("#", 100)]));
}

#[test]
fn a_tone_whose_end_is_lost_is_over_when_the_next_begins_or_in_silence() {
    let (first, second) = ((0, 5_000, event("1", 3_840, false)), (170, 13_160, event("1", 960, false)));
    assert_eq!(hear(&[first, second]), tones(&[("1", 80), ("1", 20)]));
    let ends_at_once = (170, 13_160, event("2", 4_800, true));
    assert_eq!(hear(&[first, ends_at_once]), tones(&[("1", 80), ("2", 100)]), "two are over by one packet");
}

#[test]
fn what_comes_late_says_nothing_new() {
    let (start, end) = ((0, 5_000, event("1", 960, false)), (20, 5_000, event("1", 1_920, true)));
    assert_eq!(hear(&[end, start]), tones(&[("1", 40)]), "reordered");
    let next = (170, 13_160, event("2", 1_920, true));
    assert_eq!(hear(&[end, next, start, end]), tones(&[("1", 40), ("2", 40)]), "from the tone before");
}

#[test]
fn a_long_tone_in_segments_is_one_tone() {
    let packets = [
        (0, 0, event("d", 960, false)),
        (1_360, 0, event("d", 0xffff, false)),
        (1_380, 0xffff, event("d", 705, false)),
        (1_370, 0, event("d", 0xfc00, false)),
        (2_000, 0xffff, event("d", 30_465, true)),
    ];
    assert_eq!(hear(&packets[..1]), tones(&[("d", 20)]));
    let mut receiver = ToneReceiver::default();
    let heard: Vec<_> = packets
        .iter()
        .flat_map(|&(millis, time, payload)| receiver.receive(Ssrc(1), RtpTime(time), &payload, at(millis)))
        .collect();
    let [whole] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(whole.duration, Duration::from_secs(2), "65,535 and 30,465 ticks");
}

#[test]
fn a_stream_that_begins_anew_is_heard() {
    let mut receiver = ToneReceiver::default();
    let mut hear =
        |ssrc, time| receiver.receive(Ssrc(ssrc), RtpTime(time), &event("3", 4_800, true), at(0)).count();
    assert_eq!((hear(1, 50_000), hear(1, 50_000)), (1, 0));
    assert_eq!(hear(2, 40_000), 1, "another source");
    assert_eq!(hear(2, 40_000_u32.wrapping_sub(1_000_000)), 1, "another clock");
}

proptest! {
    #[test]
    fn no_payload_panics(payloads in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..6)), 0..50)) {
        let mut receiver = ToneReceiver::default();
        for (time, payload) in payloads {
            receiver.receive(Ssrc(1), RtpTime(time), &payload, at(0)).count();
        }
    }

    /// Whatever is lost, doubled and reordered within a tone: it is heard once, and right if one of its ends came.
    #[test]
    fn each_tone_is_heard_once_however_its_packets_come(
        order in proptest::collection::vec(0_usize..7, 1..30),
    ) {
        let packet = |n: usize| (n as u64 * 20, 777, event("8", 960 * (n as u16 + 1).min(5), n >= 4));
        let packets: Vec<_> = order.iter().map(|&n| packet(n)).collect();
        let heard = hear(&packets);
        prop_assert_eq!(heard.len(), 1);
        if order.iter().any(|&n| n >= 4) {
            prop_assert_eq!(&heard, &tones(&[("8", 100)]));
        }
    }
}
