use std::collections::BTreeSet;
use std::time::Duration;

use rtc::interceptor::{AttributedPacket, RTCPFeedback, Registry};
use rtc::rtp::header::Header;
use rtc::shared::TransportContext;
use webrtc::peer_connection::{MediaEngine, register_default_interceptors};

use super::*;
use crate::bridge::view::LinkSettings;

/// The packets that are sent: half a minute of video.
const PACKETS: u16 = 3_000;
const SOURCE: u32 = 7;

/// The chain of a connection of the emulator's, behind a path.
fn chain(path: &Arc<Path>) -> impl Interceptor + use<> {
    let registry = path.before(Registry::new());
    register_default_interceptors(registry, &mut MediaEngine::default()).unwrap().build()
}

/// A stream that is repaired as it was sent.
fn stream() -> StreamInfo {
    let nack = RTCPFeedback { typ: "nack".to_owned(), parameter: String::new() };
    StreamInfo {
        ssrc: SOURCE,
        clock_rate: 90_000,
        payload_type: 96,
        rtcp_feedback: vec![nack],
        ..StreamInfo::default()
    }
}

fn tagged(now: Instant, packet: Packet) -> TaggedPacket {
    TaggedPacket { now, transport: TransportContext::default(), message: AttributedPacket::new(packet) }
}

fn numbered(sequence_number: u16) -> Packet {
    let header = Header { version: 2, ssrc: SOURCE, payload_type: 96, sequence_number, ..Header::default() };
    Packet::Rtp(rtc::rtp::Packet { header, payload: bytes::Bytes::from_static(b"part of a picture") })
}

/// Everything that an end sends.
fn sent(end: &mut impl Interceptor) -> Vec<Packet> {
    std::iter::from_fn(|| end.poll_write()).map(|tagged| tagged.message.packet).collect()
}

/// Sends packets from one end to another, with the time that they take decided by `paths`; gives the numbers that have come, and how often
/// the path of the sender lost any.
fn travel(sending: &Arc<Path>, receiving: &Arc<Path>) -> (BTreeSet<u16>, usize) {
    let (mut from, mut to) = (chain(sending), chain(receiving));
    from.bind_local_stream(&stream());
    to.bind_remote_stream(&stream());
    let (mut now, mut came, mut on_wire) = (Instant::now(), BTreeSet::new(), 0);
    // Behind the last packet comes some time for repairs.
    for number in 0..PACKETS + 300 {
        now += Duration::from_millis(10);
        if number < PACKETS {
            from.handle_write(tagged(now, numbered(number))).unwrap();
        }
        from.handle_timeout(now).unwrap();
        to.handle_timeout(now).unwrap();
        for packet in sent(&mut from) {
            let is_media = matches!(packet, Packet::Rtp(_));
            on_wire += usize::from(is_media);
            if is_media && receiving.loses(now, 100) {
                continue;
            }
            to.handle_read(tagged(now, packet)).unwrap();
        }
        for packet in sent(&mut to) {
            from.handle_read(tagged(now, packet)).unwrap();
        }
        while from.poll_read().is_some() {}
        while let Some(read) = to.poll_read() {
            if let Packet::Rtp(packet) = read.message.packet {
                came.insert(packet.header.sequence_number);
            }
        }
    }
    (came, on_wire)
}

#[test]
fn what_a_path_loses_is_repaired_in_both_directions() {
    let straight = || Arc::new(Path::default());
    let lossy = |seed| {
        let path = Path::default();
        path.set_seeded(Some(LinkSettings { loss: 0.2, delay_ms: 30, jitter_ms: 5 }), seed);
        Arc::new(path)
    };
    for (seed, is_outward) in [(1, true), (2, true), (3, false), (4, false)] {
        let (sending, receiving) =
            if is_outward { (lossy(seed), straight()) } else { (straight(), lossy(seed)) };
        let (came, on_wire) = travel(&sending, &receiving);
        // Nothing tells of the last ones before others come behind them.
        let wanted = PACKETS - 20;
        let missing: Vec<u16> = (0..wanted).filter(|number| !came.contains(number)).collect();
        // Before the first that came there was no stream.
        assert!(missing.iter().all(|number| *number < 5), "seed {seed}: {missing:?}");
        let expected = if is_outward { 0.9..1.1 } else { 1.2..1.4 };
        let share = on_wire as f64 / f64::from(PACKETS);
        assert!(expected.contains(&share), "seed {seed}: {share} times as many were on the wire");
    }
}

#[test]
fn packets_arrive_when_they_are_due_and_say_so() {
    let (path, now) = (Arc::new(Path::default()), Instant::now());
    path.set(Some(LinkSettings { delay_ms: 40, ..LinkSettings::default() }));
    let mut network = Network::of(path);
    network.handle_read(tagged(now, numbered(1))).unwrap();
    network.handle_write(tagged(now + Duration::from_millis(5), numbered(2))).unwrap();
    let due = now + Duration::from_millis(40);
    assert_eq!(network.poll_timeout(), Some(due));
    network.handle_timeout(due - Duration::from_millis(1)).unwrap();
    assert!(network.poll_read().is_none() && network.poll_write().is_none());
    network.handle_timeout(due).unwrap();
    assert_eq!(network.poll_read().map(|packet| packet.now), Some(due));
    assert!(network.poll_write().is_none());
    assert_eq!(network.poll_timeout(), Some(due + Duration::from_millis(5)));
    // Reports pass: what is done is done to media.
    network.handle_read(tagged(due, Packet::Rtcp(Vec::new()))).unwrap();
    assert!(network.poll_read().is_some());
}
