//! Speakers on streams of their own, and what a description says to the one who connects.

use super::*;
use crate::blob::peer::{HeaderExtensions, PayloadTypes, PeerDescription};

/// An offer of the mix and two speakers' streams. The `m=` of the streams are lines 17 and 21.
fn with_streams(direction: &str) -> String {
    let stream = |mid: &str| {
        let codec = "a=rtpmap:111 opus/48000/2\n";
        format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:{mid}\n{codec}a={direction}\n")
    };
    with("BUNDLE 0", "BUNDLE 0 0.1 0.2") + &stream("0.1") + &stream("0.2")
}

fn unmixed(speakers: u8) -> Vec<SocketDescription> {
    vec![SocketDescription { unmixed: Some(speakers), ..audio(MediaDirection::SendReceive) }]
}

#[test]
fn an_offer_has_a_section_for_each_speaker_that_it_asks_for() {
    let sdp = with_streams("recvonly");
    assert_eq!(refusal(&sdp, &unmixed(2)), None);
    let missing = DescriptionError::NoStream { socket: 0, unmixed: 3, stream: 3 };
    assert_eq!(refusal(&sdp, &unmixed(3)), Some(missing));
    let missing = DescriptionError::NoStream { socket: 0, unmixed: 2, stream: 1 };
    assert_eq!(refusal(SDP, &unmixed(2)), Some(missing));
}

#[test]
fn a_speakers_stream_goes_to_the_offerer_only() {
    let wrong = |section: &str, line, section_says| {
        Some(DescriptionError::StreamDirection { section: section.to_owned(), line, section_says })
    };
    let refused = refusal(&with_streams("sendrecv"), &unmixed(2));
    assert_eq!(refused, wrong("0.1", 17, MediaDirection::SendReceive));
    let no_opus = with_streams("recvonly").replacen("0.2\na=rtpmap:111 opus", "0.2\na=rtpmap:111 other", 1);
    assert!(matches!(refusal(&no_opus, &unmixed(2)), Some(DescriptionError::Missing { line: 21, .. })));

    let offer = ours(MediaBlob::offer(session(), unmixed(2), &with_streams("recvonly")));
    let answered = |direction: &str| {
        let sdp = with_streams(direction).replace("actpass", "active");
        MediaBlob::answer(&offer, vec![audio(MediaDirection::SendReceive)], &sdp)
    };
    for direction in ["sendonly", "inactive"] {
        assert!(answered(direction).is_ok(), "{direction}");
    }
    let Err(BlobError::Description(refused)) = answered("recvonly") else { panic!("taken") };
    assert_eq!(Some(refused), wrong("0.1", 17, MediaDirection::ReceiveOnly));
    let rejected = with_streams("sendonly")
        .replace("actpass", "active")
        .replace("m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0.2", "m=audio 0 UDP/TLS/RTP/SAVPF 111\na=mid:0.2");
    assert!(MediaBlob::answer(&offer, vec![audio(MediaDirection::SendReceive)], &rejected).is_ok());
}

fn read(sdp: &str) -> PeerDescription {
    assert_eq!(audio_refusal(sdp), None);
    PeerDescription::read(SdpType::Offer, sdp).unwrap()
}

#[test]
fn what_is_optional_is_read_where_it_is_written_well_and_counts_as_absent_elsewhere() {
    let only_opus = PayloadTypes { opus: 111, red: None, telephone_event: None };
    let plain = read(SDP);
    assert_eq!(plain.sections[0].payload_types, Some(only_opus));
    assert_eq!(
        (plain.sections[0].extensions, plain.sections[0].sources.len()),
        (HeaderExtensions::default(), 0)
    );
    assert_eq!((&*plain.ice_ufrag, plain.fingerprint[1], plain.candidates.len()), ("abcd", 0x11, 1));

    let formats = with("SAVPF 111", "SAVPF 111 63 110");
    let with_red = |fmtp: &str| {
        let lines = format!("a=rtpmap:63 RED/48000/2\n{fmtp}a=rtpmap:110 telephone-event/48000\na=sendrecv");
        read(&formats.replace("a=sendrecv", &lines)).sections[0].payload_types.unwrap()
    };
    let all = PayloadTypes { red: Some(63), telephone_event: Some(110), ..only_opus };
    assert_eq!(with_red("a=fmtp:63 111/111\n"), all);
    for fmtp in ["", "a=fmtp:63 111/112\n", "a=fmtp:63 x\n"] {
        assert_eq!(with_red(fmtp), PayloadTypes { red: None, ..all }, "{fmtp:?}");
    }

    let lines = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on
a=extmap:0 urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap:x urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap:4/sendrecv urn:ietf:params:rtp-hdrext:sdes:mid
a=ssrc:77 cname:x
a=ssrc:x cname:x
a=sendrecv";
    let section = read(&with("a=sendrecv", lines)).sections.remove(0);
    assert_eq!(section.extensions, HeaderExtensions { level: Some(1), ..HeaderExtensions::default() });
    assert_eq!(section.sources, [77]);
}

#[test]
fn only_candidates_that_can_be_tried_are_told() {
    let more = "a=candidate:2 2 udp 1 127.0.0.1 4 typ host
a=candidate:3 1 tcp 1 127.0.0.1 9 typ host tcptype active
a=candidate:4 1 UDP 1 ::1 5 typ host
a=candidate:5 1 udp 1 some.local 6 typ host
";
    let candidates = read(&(SDP.to_owned() + more)).candidates;
    assert_eq!(candidates.iter().map(|line| &line[..1]).collect::<Vec<_>>(), ["1", "4"]);
}

#[test]
fn a_description_that_rejects_all_is_nothing_to_connect_for() {
    let rejected = with("m=audio 9", "m=audio 0");
    assert_eq!(refusal(&rejected, &[audio(MediaDirection::Inactive)]), None);
    let read = PeerDescription::read(SdpType::Answer, &rejected);
    assert_eq!(read.err(), Some(DescriptionError::NothingInUse));
}
