//! Video sections between two connections.

use super::*;
use crate::session::transport::NegotiatedVideo;
use crate::video::VideoCodec::{H264, Vp8};
use crate::video::sender::{SentAs, VideoStreamId};

fn section(socket: u32, direction: MediaDirection, codecs: &[VideoCodec]) -> VideoSection {
    VideoSection { socket, direction, codecs: codecs.to_vec(), layers: 1 }
}

fn both_ways(socket: u32) -> VideoSection {
    section(socket, MediaDirection::SendReceive, &[H264, Vp8])
}

fn connected(offered: &[VideoSection], taken: &[VideoSection]) -> Line {
    changed(offered, taken, |offer| offer)
}

fn changed(
    offered: &[VideoSection],
    taken: &[VideoSection],
    change_offer: impl Fn(String) -> String,
) -> Line {
    let mut line = Line::showing((0, 0), (offered, taken), change_offer, |answer| answer).unwrap();
    line.pass(Duration::from_millis(200));
    for events in &mut line.events {
        assert_eq!(std::mem::take(events), [TransportEvent::Connected]);
    }
    line
}

fn packet(number: u16, sent_as: SentAs, payload: &[u8]) -> OutgoingVideo<'_> {
    OutgoingVideo {
        stream: VideoStreamId { section: 0, layer: 0 },
        sent_as,
        sequence_number: number,
        sender_time: RtpTime(3000 * u32::from(number)),
        marker: number % 2 == 1,
        transport_number: number + 1000,
        payload,
    }
}

fn agreed(line: &Line, end: usize, section: usize) -> (Option<VideoCodec>, Option<VideoCodec>) {
    let NegotiatedVideo { sends, receives, .. } = line.ends[end].negotiated_video(section);
    (sends, receives)
}

#[test]
fn pictures_go_both_ways_with_all_that_goes_with_them() {
    let mut line = connected(&[both_ways(1)], &[both_ways(1)]);
    for end in [OFFERING, ANSWERING] {
        assert_eq!(agreed(&line, end, 0), (Some(H264), Some(H264)));
        for number in 0..3 {
            line.ends[end].send_video(line.now, 0, packet(number, SentAs::New, &[1, 2, 3])).unwrap();
        }
        line.carry();
        let seen = std::mem::take(&mut line.seen[1 - end]);
        let told: Vec<_> = seen.iter().map(|video| (video.sequence_number, video.marker)).collect();
        assert_eq!(told, [(0, false), (1, true), (2, false)]);
        let ssrc = line.ends[end].media.video_sources(0).unwrap().picture;
        for (number, video) in (0_u16..).zip(&seen) {
            assert_eq!((video.section, video.codec, video.ssrc), (0, H264, Ssrc(ssrc)));
            assert_eq!(video.sender_time, RtpTime(3000 * u32::from(number)));
            assert_eq!((video.transport_number, &video.payload[..]), (Some(number + 1000), &[1, 2, 3][..]));
            assert_eq!((video.is_repair, video.source), (false, None));
        }
    }
    assert_eq!(line.refused, 0);
}

#[test]
fn a_retransmission_is_the_packet_that_was_lost() {
    let mut line = connected(&[both_ways(1)], &[both_ways(1)]);
    line.ends[OFFERING].send_video(line.now, 0, packet(7, SentAs::New, &[1])).unwrap();
    line.carry();
    let wrapped = [0, 8, 4, 5];
    line.ends[OFFERING].send_video(line.now, 0, packet(500, SentAs::Repair, &wrapped)).unwrap();
    // One that only fills the pipe.
    line.ends[OFFERING].send_video(line.now, 0, packet(501, SentAs::Repair, &[])).unwrap();
    line.carry();
    let [first, again, filler] = &line.seen[ANSWERING][..] else { panic!("{:?}", line.seen[ANSWERING]) };
    assert_eq!((again.ssrc, again.sequence_number, &again.payload[..]), (first.ssrc, 8, &[4, 5][..]));
    assert!(again.is_repair && !first.is_repair && filler.is_repair && filler.payload.is_empty());
}

#[test]
fn without_a_stream_of_retransmissions_the_packet_itself_goes_again() {
    let plain = |sdp: String| {
        let sdp = sdp.replace("SAVPF 102 103 96 97", "SAVPF 102 96");
        let lines = sdp.lines().filter(|line| !line.contains("rtx/90000") && !line.contains("apt="));
        lines.map(|line| format!("{line}\r\n")).collect::<String>()
    };
    let mut line = changed(&[both_ways(1)], &[both_ways(1)], plain);
    assert!(!line.ends[ANSWERING].negotiated_video(0).has_repair);
    line.loses = |_| true;
    line.ends[ANSWERING].send_video(line.now, 0, packet(7, SentAs::New, &[1])).unwrap();
    line.carry();
    line.loses = |_| false;
    assert!(line.ends[ANSWERING].send_video(line.now, 0, packet(7, SentAs::New, &[1])).is_err());
    assert!(line.ends[ANSWERING].send_video(line.now, 0, packet(9, SentAs::Repair, &[1])).is_err());
    line.ends[ANSWERING].send_video(line.now, 0, packet(7, SentAs::Again, &[1])).unwrap();
    line.carry();
    assert_eq!(line.seen[OFFERING].len(), 1);
}

#[test]
fn what_one_end_feeds_back_reaches_the_other() {
    let mut line = connected(&[both_ways(1), both_ways(2)], &[both_ways(1), both_ways(2)]);
    let refused = line.ends[ANSWERING].send_feedback(OurFeedback::KeyFrame(2));
    assert_eq!(refused, Err(Dropped::NotAgreed), "there is no such section");
    for section in [0, 1] {
        line.ends[OFFERING].send_video(line.now, section, packet(7, SentAs::New, &[1])).unwrap();
    }
    line.carry();
    line.ends[ANSWERING].send_feedback(OurFeedback::KeyFrame(1)).unwrap();
    let mut told = Vec::new();
    let tell = |line: &mut Line, told: &mut Vec<String>| {
        line.carry();
        line.ends[OFFERING].take_feedback(|feedback| {
            told.push(match feedback {
                PeerFeedback::Missing((section, _), packets) => {
                    format!("{section} lacks {:?}", Vec::from_iter(packets.iter()))
                }
                PeerFeedback::PictureLoss((section, _)) => format!("{section} lost its picture"),
                PeerFeedback::FullIntra((section, _), number) => format!("{section} asks, {number}"),
                PeerFeedback::Arrivals(body) => format!("arrivals {body:?}"),
            });
        });
    };
    tell(&mut line, &mut told);
    line.ends[ANSWERING].send_feedback(OurFeedback::Missing(0, &[3, 4, 90])).unwrap();
    tell(&mut line, &mut told);
    line.ends[ANSWERING].send_feedback(OurFeedback::Arrivals(&[1, 2, 3, 4])).unwrap();
    tell(&mut line, &mut told);
    tell(&mut line, &mut told);
    assert_eq!(told, ["1 lost its picture", "0 lacks [3, 4, 90]", "arrivals [1, 2, 3, 4]"]);
    assert_eq!(line.refused, 0);
}

#[test]
fn who_knows_another_codec_only_declines_and_the_offerers_preference_counts() {
    let vp8 = section(1, MediaDirection::SendReceive, &[Vp8]);
    let line = connected(&[both_ways(1)], std::slice::from_ref(&vp8));
    assert_eq!(agreed(&line, OFFERING, 0), (Some(Vp8), Some(Vp8)));
    let h264 = section(1, MediaDirection::SendReceive, &[H264]);
    let line = connected(&[vp8], &[h264]);
    assert_eq!([OFFERING, ANSWERING].map(|end| agreed(&line, end, 0)), [(None, None); 2]);
    let turned = section(1, MediaDirection::SendReceive, &[Vp8, H264]);
    let line = connected(&[turned], &[both_ways(1)]);
    assert_eq!([OFFERING, ANSWERING].map(|end| agreed(&line, end, 0)), [(Some(Vp8), Some(Vp8)); 2]);
}

#[test]
fn pictures_go_where_both_ends_let_them() {
    let only = |direction| section(1, direction, &[H264]);
    let line = connected(&[only(MediaDirection::ReceiveOnly)], &[both_ways(1)]);
    assert_eq!(agreed(&line, OFFERING, 0), (None, Some(H264)));
    assert_eq!(agreed(&line, ANSWERING, 0), (Some(H264), None));
    let line = connected(&[both_ways(1)], &[only(MediaDirection::ReceiveOnly)]);
    assert_eq!(agreed(&line, OFFERING, 0), (Some(H264), None));
    // Of two sections the second is taken.
    let line = connected(&[both_ways(1), both_ways(2)], &[both_ways(2)]);
    assert_eq!([0, 1].map(|section| agreed(&line, OFFERING, section).0), [None, Some(H264)]);
    assert_eq!(agreed(&line, ANSWERING, 0), (Some(H264), Some(H264)));
}

#[test]
fn sections_are_told_apart_and_speech_is_none_of_them() {
    let three = [both_ways(1), both_ways(2), both_ways(3)];
    let mut line = connected(&three, &three);
    for end in [OFFERING, ANSWERING] {
        line.say(end, super::packet(0)).unwrap();
        for section in [2, 0, 1] {
            line.ends[end].send_video(line.now, section, packet(1, SentAs::New, &[9])).unwrap();
        }
        line.carry();
        let sections: Vec<_> = line.seen[1 - end].iter().map(|video| video.section).collect();
        assert_eq!((sections, line.heard[1 - end].len()), (vec![2, 0, 1], 1));
    }
    // A mixer's sources are not announced, and their packets name the section.
    let header = NewHeader {
        marker: true,
        payload_type: 102,
        sequence_number: 4,
        timestamp: 0,
        ssrc: 99,
        level: None,
        transport_number: None,
        names: [None; 2],
        contributing: &[ActiveSpeaker { source: MediaSourceId(31), level: None }],
    };
    let datagram = line.ends[ANSWERING].media.seal_for_test(header, Some("3"), &[7; 20]);
    line.deliver(OFFERING, datagram);
    let seen = line.seen[OFFERING].last().unwrap();
    assert_eq!((seen.section, seen.source), (2, Some(MediaSourceId(31))));
}

#[test]
fn the_round_trip_is_known_of_pictures_alone() {
    let mut line = connected(&[both_ways(1)], &[both_ways(1)]);
    for number in 0..200 {
        line.ends[OFFERING].send_video(line.now, 0, packet(number, SentAs::New, &[1])).unwrap();
        line.pass(Duration::from_millis(20));
    }
    let round_trip = line.events[OFFERING].iter().find_map(|event| match event {
        TransportEvent::RoundTrip(span) => Some(*span),
        _ => None,
    });
    assert!(round_trip.unwrap() <= Duration::from_millis(2));
}

#[test]
fn the_round_trip_is_known_to_who_only_looks() {
    let only = |direction| section(1, direction, &[H264]);
    let mut line = connected(&[only(MediaDirection::ReceiveOnly)], &[only(MediaDirection::SendOnly)]);
    line.pass(Duration::from_secs(5));
    let told = |event: &TransportEvent| matches!(event, TransportEvent::RoundTrip(span) if *span <= Duration::from_millis(2));
    assert!(line.events[OFFERING].iter().any(told), "{:?}", line.events[OFFERING]);
}

#[test]
fn an_offer_of_pictures_says_what_the_profile_has() {
    let screen = section(2, MediaDirection::ReceiveOnly, &[Vp8]);
    let sections = (AudioSections { socket: 0, unmixed: 0 }, vec![both_ways(1), screen], None);
    let (offering, sdp) = Connection::offer(&IDENTITY, MediaInstant::ZERO, address(1), sections).unwrap();
    let sources = offering.media.video_sources(0).unwrap();
    let lines: Vec<&str> = sdp.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("a=candidate")).count(), 1);
    assert!(lines.contains(&"a=group:BUNDLE 0 1 2"), "{sdp}");
    let fid = format!("a=ssrc-group:FID {} {}", sources.picture, sources.repair);
    for line in [
        "m=video 9 UDP/TLS/RTP/SAVPF 102 103 96 97",
        "a=rtpmap:102 H264/90000",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=rtpmap:103 rtx/90000",
        "a=fmtp:103 apt=102",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 transport-cc",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        &fid,
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
    ] {
        assert!(lines.contains(&line), "{line}\n{sdp}");
    }
    let (_, screen) = sdp.split_once("a=mid:2").unwrap();
    assert!(screen.contains("a=recvonly") && !screen.contains("a=ssrc"), "{screen}");
}
