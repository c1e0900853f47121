use rtc::rtp::header::Header;
use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::bridge::offer::sections;

/// Begins a key frame of VP8, and goes on with another frame.
const KEY: &[u8] = b"\x10\0key";
const NEXT: &[u8] = b"\x10\x01next";

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The numbers of a section with these codecs.
fn numbers(codecs: &[(&str, u8)]) -> Numbers {
    let maps = codecs.iter().map(|(codec, number)| format!("a=rtpmap:{number} {codec}/90000\n"));
    Numbers::of(&sections(&format!("m=video 9 X\n{}", maps.collect::<String>()))[0])
}

fn packet(number: u16, time: u32, payload: &'static [u8]) -> Packet {
    let header = Header {
        marker: true,
        sequence_number: number,
        timestamp: time,
        payload_type: 120,
        ssrc: 5,
        ..Header::default()
    };
    Packet { header, payload: bytes::Bytes::from_static(payload) }
}

fn feed(member: &str, is_screen: bool) -> Feed {
    Feed::new(member, is_screen)
}

/// The key frame of a feed without simulcast.
fn key(feed: &Feed) -> KeyFrame {
    KeyFrame { feed: feed.clone(), layer: 0 }
}

/// A packet of a feed, which is on from then on under its source. Gives the key frames that are asked for.
fn shows(videos: &mut Videos, now: u64, of: &Feed, source: u32, packet: &Packet) -> Vec<KeyFrame> {
    shows_in(videos, now, of, source, Codec::Vp8, packet)
}

fn shows_in(
    videos: &mut Videos,
    now: u64,
    of: &Feed,
    source: u32,
    codec: Codec,
    packet: &Packet,
) -> Vec<KeyFrame> {
    let arrival = Arrival::of(&codec, 0, packet);
    if !videos.has(of) {
        videos.begin(at(now), of, MediaSourceId(source), arrival);
    }
    videos.show(at(now), of, arrival)
}

fn watch_as(videos: &mut Videos, member: &str, choices: &[Choice]) -> Receiver<Outgoing> {
    let (outbox, seen) = channel(100);
    let slots = (0..)
        .zip(choices)
        .map(|(place, choice)| Slot::new(&format!("v{place}"), numbers(&[("VP8", 96)]), 70 + place, *choice));
    videos.watch(at(0), member, slots.collect(), outbox);
    seen
}

fn watch(videos: &mut Videos, member: &str, count: usize) -> Receiver<Outgoing> {
    watch_as(videos, member, &vec![Choice::Anybody; count])
}

fn seen(receiver: &mut Receiver<Outgoing>) -> Vec<(usize, u16, u32)> {
    let mut seen = Vec::new();
    while let Ok(Outgoing::Video { slot, packet }) = receiver.try_recv() {
        assert_eq!((packet.header.payload_type, packet.header.ssrc), (96, 70 + slot as u32));
        assert!([KEY, NEXT].contains(&&packet.payload[..]));
        seen.push((slot, packet.header.sequence_number, packet.header.timestamp));
    }
    seen
}

/// Whom each slot shows, by their sources.
fn sources(receiver: &mut Receiver<Outgoing>) -> Vec<(usize, u32)> {
    let mut seen = Vec::new();
    while let Ok(Outgoing::Video { slot, packet }) = receiver.try_recv() {
        let [source] = packet.header.csrc[..] else { panic!("one source") };
        seen.push((slot, source));
    }
    seen
}

#[test]
fn everybody_sees_the_others_in_stable_slots() {
    let mut videos = Videos::default();
    let (mut ada, mut ben) = (watch(&mut videos, "ada", 2), watch(&mut videos, "ben", 2));
    shows(&mut videos, 0, &feed("ada", false), 1, &packet(10, 0, KEY));
    shows(&mut videos, 0, &feed("eve", false), 2, &packet(10, 0, KEY));
    shows(&mut videos, 10, &feed("ada", false), 1, &packet(11, 0, NEXT));
    assert_eq!(seen(&mut ada).iter().map(|(slot, ..)| *slot).collect::<Vec<_>>(), [0], "not themselves");
    assert_eq!(sources(&mut ben), [(0, 1), (1, 2), (0, 1)]);
    let slots = videos.slots("ben");
    assert_eq!((slots[1].member.as_str(), slots[1].mid.as_str()), ("eve", "v1"));
    assert_eq!(videos.leave(at(10), "ada").0, [feed("ada", false)]);
    shows(&mut videos, 20, &feed("eve", false), 2, &packet(11, 0, NEXT));
    assert_eq!(seen(&mut ben)[0].0, 1, "it is not moved");
    assert_eq!(videos.is_on("eve"), [true, false]);
}

#[test]
fn numbers_go_on_evenly_when_somebody_else_is_shown_from_a_key_frame_on() {
    let mut videos = Videos::default();
    let mut ben = watch(&mut videos, "ben", 1);
    for (number, time, payload) in [(65_535, u32::MAX, KEY), (1, 2_999, NEXT), (0, 2_999, NEXT)] {
        shows(&mut videos, 0, &feed("ada", false), 1, &packet(number, time, payload));
    }
    shows(&mut videos, 0, &feed("eve", true), 2, &packet(500, 7, KEY));
    assert_eq!(seen(&mut ben), [(0, 1, u32::MAX), (0, 3, 2_999), (0, 2, 2_999)], "a loss stays one");
    videos.leave(at(500), "ada");
    shows(&mut videos, 900, &feed("eve", true), 2, &packet(501, 7, NEXT));
    assert!(seen(&mut ben).is_empty(), "it is no beginning");
    shows(&mut videos, 1_000, &feed("eve", true), 2, &packet(502, 3_007, KEY));
    assert_eq!(seen(&mut ben), [(0, 4, 2_999 + 90_000)], "a slot was free for the screen");
}

#[test]
fn key_frames_are_asked_for_where_they_are_needed_and_not_too_often() {
    let mut videos = Videos::default();
    watch(&mut videos, "ben", 1);
    let screen = feed("ada", true);
    assert_eq!(shows(&mut videos, 0, &screen, 1, &packet(1, 0, NEXT)), [key(&screen)]);
    assert_eq!(videos.needs_key_frame(at(100), "ben", 70), None, "it was asked for just now");
    assert_eq!(videos.missed(at(300)), [key(&screen)], "it has not come");
    shows(&mut videos, 310, &screen, 1, &packet(2, 0, KEY));
    assert!(videos.missed(at(700)).is_empty(), "it has");
    assert_eq!(videos.needs_key_frame(at(700), "ben", 70), Some(key(&screen)));
    assert_eq!(videos.needs_key_frame(at(800), "ben", 70), None);
    assert_eq!(videos.needs_key_frame(at(1_200), "ben", 71), None, "it has no such slot");
    let (outbox, _seen) = channel(10);
    let slot = Slot::new("v0", numbers(&[("VP8", 96)]), 90, Choice::Anybody);
    assert_eq!(videos.watch(at(1_300), "eve", vec![slot], outbox), [key(&screen)], "whoever comes later");
}

#[test]
fn a_feed_ends_without_packets_and_another_codec_is_not_shown() {
    let mut videos = Videos::default();
    let mut ben = watch(&mut videos, "ben", 1);
    shows_in(&mut videos, 0, &feed("ada", false), 1, Codec::H264, &packet(1, 0, b"\x67"));
    assert!(seen(&mut ben).is_empty());
    assert!(videos.missed(at(1_000)).is_empty(), "a key frame would not help");
    assert!(videos.off(at(4_999)).0.is_empty());
    assert_eq!(videos.off(at(5_000)).0, [feed("ada", false)]);
    assert!(videos.slots("ben").is_empty());
}

#[test]
fn what_comes_in_two_codecs_is_seen_in_the_preferred_one() {
    let mut videos = Videos::default();
    let both = numbers(&[("H264", 102), ("VP8", 96)]);
    let slots = [both, numbers(&[("VP8", 96), ("H264", 102)]), numbers(&[("H264", 102)])];
    let slots = (0..)
        .zip(slots)
        .map(|(place, numbers)| Slot::new(&format!("{place}"), numbers, place, Choice::Source(9)));
    let (outbox, mut seen) = channel(100);
    videos.watch(at(0), "ben", slots.collect(), outbox);
    let codecs = [Codec::Vp8, Codec::H264];
    let film = feed("ada", false);
    for (codec, payload) in [(Codec::Vp8, KEY), (Codec::H264, &b"\x67key"[..])] {
        let packet = packet(1, 0, payload);
        let arrival = Arrival { codec, layer: 0, codecs: &codecs, echoes: None, packet: &packet };
        if !videos.has(&film) {
            videos.begin(at(0), &film, MediaSourceId(9), arrival);
        }
        videos.show(at(0), &film, arrival);
    }
    let mut types = Vec::new();
    while let Ok(Outgoing::Video { slot, packet }) = seen.try_recv() {
        types.push((slot, packet.header.payload_type));
    }
    types.sort_unstable();
    assert_eq!(types, [(0, 102), (1, 96), (2, 102)]);
}

#[test]
fn a_bot_sees_those_who_spoke_last_and_the_screen_until_it_chooses() {
    let mut videos = Videos::default();
    let choices = [Choice::Speaker(0), Choice::Speaker(1), Choice::Screen];
    let mut bot = watch_as(&mut videos, "bot", &choices);
    let feeds = [("ada", false, 1), ("ben", false, 2), ("eve", false, 3), ("ben", true, 4)];
    let mut now = 0;
    let mut all = |videos: &mut Videos| {
        for (member, is_screen, source) in feeds {
            now += 1_000;
            shows(videos, now, &feed(member, is_screen), source, &packet(now as u16, 0, KEY));
        }
    };
    all(&mut videos);
    assert_eq!(sources(&mut bot), [(0, 1), (1, 2), (2, 4)], "nobody has spoken: in the order of coming");
    let spoke = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(videos.heard(at(9_000), spoke(&["eve", "ben"])), [key(&feed("eve", false))], "ben stays");
    assert!(videos.heard(at(9_900), spoke(&["eve", "ben"])).is_empty());
    all(&mut videos);
    assert_eq!(sources(&mut bot), [(1, 2), (0, 3), (2, 4)]);
    let choose =
        |videos: &mut Videos, mid: &str, choice| videos.choose(at(9_950), "bot", mid, (choice, None));
    assert_eq!(choose(&mut videos, "v0", Choice::Source(1)), Some(vec![key(&feed("ada", false))]));
    assert_eq!(choose(&mut videos, "v2", Choice::Nobody), Some(vec![]));
    assert_eq!(choose(&mut videos, "v7", Choice::Nobody), None);
    all(&mut videos);
    assert_eq!(sources(&mut bot), [(0, 1), (1, 2)]);
    videos.hold(at(9_990), "bot", true);
    all(&mut videos);
    assert!(sources(&mut bot).is_empty(), "on hold");
    videos.hold(at(10_000), "bot", false);
    all(&mut videos);
    assert_eq!(sources(&mut bot), [(0, 1), (1, 2)]);
    videos.leave(at(10_000), "ben");
    all(&mut videos);
    assert_eq!(sources(&mut bot)[..2], [(0, 1), (1, 1)], "the next behind those who spoke");
}
