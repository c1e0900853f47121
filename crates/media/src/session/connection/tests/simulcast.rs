//! One picture in several sizes at once: what is offered, what becomes of each answer, and what the packets say.

use rtc_rtp::header::Header;
use rtc_shared::marshal::Unmarshal;

use super::*;
use crate::session::transport::NegotiatedVideo;
use crate::video::VideoCodec::{H264, Vp8};
use crate::video::sender::{SentAs, VideoStreamId};
use crate::video::simulcast::LayerSet;

const THREE: &str = "a=rid:0 recv\r\na=rid:1 recv\r\na=rid:2 recv\r\na=simulcast:recv 0;1;2\r\n";

const EXTENSIONS: &str = "a=extmap:7 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
    a=extmap:8 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n";

fn layered(socket: u32, layers: usize) -> VideoSection {
    VideoSection { socket, direction: MediaDirection::SendReceive, codecs: vec![H264, Vp8], layers }
}

/// Two ends with two sections of as many layers, and these lines at the end of each section of the answer.
fn answered(layers: usize, lines: &str) -> Line {
    let offered = [layered(1, layers), layered(2, layers)];
    let change = |answer: String| {
        let changed: Vec<_> = answer.split("m=video").map(str::to_owned).collect();
        changed.join(&format!("{lines}m=video")) + lines
    };
    // The first part is the audio section, to which they mean nothing.
    let mut line = Line::showing((0, 0), (&offered, &offered), |offer| offer, change).unwrap();
    line.pass(Duration::from_millis(200));
    for events in &mut line.events {
        assert_eq!(std::mem::take(events), [TransportEvent::Connected]);
    }
    line
}

fn agreed(line: &Line, section: usize) -> (Vec<usize>, bool) {
    let NegotiatedVideo { sends, layers, has_repair, .. } = line.ends[OFFERING].negotiated_video(section);
    assert_eq!(sends, Some(H264));
    (layers.iter().collect(), has_repair)
}

fn packet(layer: usize, number: u16, sent_as: SentAs, payload: &[u8]) -> OutgoingVideo<'_> {
    OutgoingVideo {
        stream: VideoStreamId { section: 0, layer },
        sent_as,
        sequence_number: number,
        sender_time: RtpTime(3000 * u32::from(number)),
        marker: true,
        transport_number: number,
        payload,
    }
}

/// Sends it in a section, and reads its header by another hand before it is carried on.
fn sent(line: &mut Line, section: usize, packet: OutgoingVideo<'_>) -> Header {
    line.ends[OFFERING].send_video(line.now, section, packet).unwrap();
    let Transmit { datagram, .. } = line.ends[OFFERING].poll_transmit().unwrap();
    let header = Header::unmarshal(&mut &datagram[..]).unwrap();
    line.deliver(ANSWERING, datagram);
    header
}

fn names(header: &Header) -> [Option<String>; 3] {
    [4, 7, 8].map(|id| header.get_extension(id).map(|name| String::from_utf8(name.to_vec()).unwrap()))
}

#[test]
fn an_offer_of_several_sizes_names_them_and_announces_what_is_sent_without_simulcast() {
    let of = |sections: Vec<VideoSection>| {
        let sections = (AudioSections { socket: 0, unmixed: 0 }, sections, None);
        Connection::offer(&IDENTITY, MediaInstant::ZERO, address(1), sections).unwrap()
    };
    let deaf = VideoSection { direction: MediaDirection::ReceiveOnly, ..layered(4, 3) };
    let (offering, sdp) = of(vec![layered(1, 3), layered(2, 2), layered(3, 1), deaf]);
    let sections: Vec<&str> = sdp.split("m=video").skip(1).collect();
    let [three, two, one, deaf] = sections[..] else { panic!("{sdp}") };
    assert!(three.contains(EXTENSIONS) && two.contains(EXTENSIONS), "{sdp}");
    let rids = "a=rid:0 send\r\na=rid:1 send\r\na=rid:2 send\r\na=simulcast:send 0;1;2\r\n";
    assert!(three.contains(rids), "{three}");
    assert!(two.contains("a=rid:0 send\r\na=rid:1 send\r\na=simulcast:send 0;1\r\n"), "{two}");
    for plain in [one, deaf] {
        let of_layers = ["rid", "simulcast", "stream-id"].iter().any(|line| plain.contains(line));
        assert!(!of_layers, "{plain}");
    }
    let sources = offering.media.video_sources(0).unwrap();
    let announced: Vec<_> = three.lines().filter(|line| line.starts_with("a=ssrc")).collect();
    let source = |line: &str, ssrc: u32| line.starts_with(&format!("a=ssrc:{ssrc} cname:"));
    assert_eq!(announced[0], format!("a=ssrc-group:FID {} {}", sources.picture, sources.repair));
    assert!(source(announced[1], sources.picture) && source(announced[2], sources.repair));
    assert_eq!(announced.len(), 3);
}

#[test]
fn each_layer_has_streams_of_its_own_and_their_packets_say_so() {
    let mut line = answered(3, &(EXTENSIONS.to_owned() + THREE));
    assert_eq!([0, 1].map(|section| agreed(&line, section)), [(vec![0, 1, 2], true), (vec![0, 1, 2], true)]);
    let mut sources = Vec::new();
    for (section, mid) in [(0, "1"), (1, "2")] {
        for layer in 0..3 {
            let name = Some(layer.to_string());
            let picture = sent(&mut line, section, packet(layer, 7, SentAs::New, &[1]));
            assert_eq!(names(&picture), [Some(mid.to_owned()), name.clone(), None]);
            assert_eq!((picture.payload_type, picture.timestamp), (102, 21_000));
            let repair = sent(&mut line, section, packet(layer, 7, SentAs::Repair, &[0, 7, 1]));
            assert_eq!(names(&repair), [Some(mid.to_owned()), None, name]);
            assert_eq!((repair.payload_type, repair.timestamp), (103, 21_000));
            sources.extend([picture.ssrc, repair.ssrc]);
        }
    }
    let announced = line.ends[OFFERING].media.video_sources(0).unwrap();
    assert_eq!(sources[4..6], [announced.picture, announced.repair], "the largest is announced");
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), 12, "no two streams have one source");
    let refused = line.ends[OFFERING].send_video(line.now, 0, packet(3, 9, SentAs::New, &[1]));
    assert_eq!(refused, Err(Dropped::NotAgreed));
    assert_eq!(line.refused, 0);
    assert!(line.seen[ANSWERING].iter().all(|seen| seen.section < 2 && seen.sender_time == RtpTime(21_000)));
}

#[test]
fn a_packet_is_sent_again_as_it_was_where_its_stream_of_retransmissions_could_not_name_its_layer() {
    let (layers, _) = EXTENSIONS.split_at(EXTENSIONS.find("a=extmap:8").unwrap());
    let mut line = answered(3, &(layers.to_owned() + THREE));
    assert_eq!(agreed(&line, 0), (vec![0, 1, 2], false));
    let first = sent(&mut line, 0, packet(1, 7, SentAs::New, &[1]));
    let again = sent(&mut line, 0, packet(1, 7, SentAs::Again, &[1]));
    assert_eq!(first, again);
    assert_eq!(names(&first), [Some("1".to_owned()), Some("1".to_owned()), None]);
}

#[test]
fn of_an_answer_those_layers_are_sent_that_it_takes_and_the_largest_alone_where_it_takes_none() {
    let taking = |simulcast: &str| {
        let lines = EXTENSIONS.to_owned() + "a=rid:0 recv\r\na=rid:1 recv\r\na=rid:2 recv\r\n" + simulcast;
        agreed(&answered(3, &lines), 0).0
    };
    assert_eq!(taking("a=simulcast:recv 0;2\r\n"), [0, 2]);
    assert_eq!(taking("a=simulcast:recv 2;1;0\r\n"), [0, 1, 2], "whatever the order");
    assert_eq!(taking("a=simulcast:recv 0;~1;~2\r\n"), [0], "what is paused is not sent");
    assert_eq!(taking("a=simulcast:recv 1;7\r\n"), [1], "7 was not offered");
    assert_eq!(taking("a=simulcast:recv ~0;~1;~2\r\n"), [2]);
    assert_eq!(taking("a=simulcast:send 0;1;2\r\n"), [2]);
    assert_eq!(taking(""), [2]);
    for number in ["15", "0", "300", "x"] {
        let lines = EXTENSIONS.replace("extmap:7", &format!("extmap:{number}")) + THREE;
        assert_eq!(agreed(&answered(3, &lines), 0).0, [2], "no packet can name its layer by {number}");
    }
    assert_eq!(agreed(&answered(3, THREE), 0).0, [2], "nor by nothing");
    assert_eq!(agreed(&answered(2, THREE), 0).0, [1]);
    assert_eq!(agreed(&answered(1, &(EXTENSIONS.to_owned() + THREE)), 0).0, [0], "it was not offered");
}

#[test]
fn a_peer_without_simulcast_is_sent_what_was_announced_and_no_names() {
    let mut line = answered(3, "");
    let announced = line.ends[OFFERING].media.video_sources(0).unwrap();
    let picture = sent(&mut line, 0, packet(0, 7, SentAs::New, &[1]));
    let repair = sent(&mut line, 0, packet(0, 7, SentAs::Repair, &[0, 7, 1]));
    assert_eq!((picture.ssrc, repair.ssrc), (announced.picture, announced.repair));
    assert_eq!([names(&picture), names(&repair)], [[None, None, None], [None, None, None]]);
    let refused = line.ends[OFFERING].send_video(line.now, 0, packet(1, 9, SentAs::New, &[1]));
    assert_eq!(refused, Err(Dropped::NotAgreed));
    // One that answers sends one picture, whatever its settings say.
    assert_eq!(line.ends[ANSWERING].negotiated_video(0).layers, LayerSet::only(2));
}

#[test]
fn what_is_fed_back_reaches_the_layer_that_it_is_about() {
    let mut line =
        answered(3, &(EXTENSIONS.to_owned() + "a=rid:0 recv\r\na=rid:2 recv\r\na=simulcast:recv 0;2\r\n"));
    let mut told = Vec::new();
    for section in [0, 1] {
        for place in [1, 0] {
            // Whoever came last is asked.
            let header = sent(&mut line, section, packet(place, 7, SentAs::New, &[1]));
            assert_eq!(names(&header)[1], Some((2 * place).to_string()), "the name that was offered");
            line.ends[ANSWERING].send_feedback(OurFeedback::KeyFrame(section)).unwrap();
            line.carry();
            let mut tell = |feedback: PeerFeedback<'_>| match feedback {
                PeerFeedback::PictureLoss(stream) => told.push((stream, None)),
                PeerFeedback::Missing(stream, packets) => told.push((stream, packets.iter().next())),
                other => panic!("{other:?}"),
            };
            line.ends[OFFERING].take_feedback(&mut tell);
            line.ends[ANSWERING].send_feedback(OurFeedback::Missing(section, &[place as u16])).unwrap();
            line.carry();
            line.ends[OFFERING].take_feedback(&mut tell);
        }
    }
    let expected = [(0, 1), (0, 0), (1, 1), (1, 0)];
    let expected = expected.map(|stream: (usize, usize)| [(stream, None), (stream, Some(stream.1 as u16))]);
    assert_eq!(told, expected.concat());
}

#[test]
fn each_layer_reports_its_clock_and_all_clocks_are_one() {
    let mut line = answered(3, &(EXTENSIONS.to_owned() + THREE));
    let sources: Vec<_> =
        (0..3).map(|layer| sent(&mut line, 0, packet(layer, 1, SentAs::New, &[1])).ssrc).collect();
    line.pass(Duration::from_secs(3));
    let reports: Vec<_> = line.events[ANSWERING]
        .iter()
        .filter_map(|event| match event {
            TransportEvent::ClockReport(report) if report.is_picture => Some(*report),
            _ => None,
        })
        .collect();
    for layer in &sources {
        let own = reports.iter().find(|report| report.ssrc == Ssrc(*layer)).expect("each reports");
        let same = reports.iter().filter(|report| report.ntp == own.ntp);
        assert!(same.clone().all(|report| report.sender_time == own.sender_time));
        assert!(same.count() >= 3, "one datagram has the reports of all");
    }
    // What comes back about any of them tells the round trip.
    assert!(line.events[OFFERING].iter().any(|event| matches!(event, TransportEvent::RoundTrip(_))));
}

#[test]
fn what_does_not_fit_into_a_report_has_its_turn_with_the_next() {
    let offered: Vec<_> = (1..=10).map(|socket| layered(socket, 3)).collect();
    let lines = EXTENSIONS.to_owned() + THREE;
    let change = |answer: String| {
        let changed: Vec<_> = answer.split("m=video").map(str::to_owned).collect();
        changed.join(&format!("{lines}m=video")) + &lines
    };
    let mut line = Line::showing((0, 0), (&offered, &offered), |offer| offer, change).unwrap();
    line.pass(Duration::from_millis(200));
    let mut sources: Vec<_> = (0..10)
        .flat_map(|section| (0..3).map(move |layer| (section, layer)))
        .map(|(section, layer)| sent(&mut line, section, packet(layer, 1, SentAs::New, &[1])).ssrc)
        .collect();
    let mut reported = Vec::new();
    while reported.len() < 30 {
        line.now += Duration::from_millis(100);
        line.ends[OFFERING].handle_timeout(line.now).unwrap();
        while let Some(Transmit { datagram, .. }) = line.ends[OFFERING].poll_transmit() {
            // RFC 5761 section 4: what is RTCP.
            let is_report = datagram.get(1).is_some_and(|kind| (200..=207).contains(kind));
            assert!(!is_report || datagram.len() <= 1_200, "{} bytes", datagram.len());
            line.deliver(ANSWERING, datagram);
        }
        line.carry();
        let before = reported.len();
        let events = std::mem::take(&mut line.events[ANSWERING]);
        reported.extend(events.iter().filter_map(|event| match event {
            TransportEvent::ClockReport(report) if report.is_picture => Some(report.ssrc.0),
            _ => None,
        }));
        assert!(reported.len() == before || reported.len() - before >= 15, "as many as fit");
    }
    reported.truncate(30);
    reported.sort_unstable();
    sources.sort_unstable();
    assert_eq!(reported, sources, "each was reported once before any was again");
}
