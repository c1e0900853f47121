//! What flows, and which way.

use super::*;

const DIRECTIONS: [(MediaDirection, &str); 4] = [
    (MediaDirection::SendReceive, "a=sendrecv"),
    (MediaDirection::SendOnly, "a=sendonly"),
    (MediaDirection::ReceiveOnly, "a=recvonly"),
    (MediaDirection::Inactive, "a=inactive"),
];

fn missing(section: &str, line: usize, missing: &'static str) -> Option<DescriptionError> {
    Some(DescriptionError::Missing { section: section.to_owned(), line, missing })
}

#[test]
fn a_socket_has_the_section_that_is_named_after_it() {
    assert_eq!(audio_refusal(&with("a=mid:0", "a=mid:1")), Some(DescriptionError::NoSection { socket: 0 }));
    assert_eq!(audio_refusal(&with("a=mid:0", "a=mid:00")), Some(DescriptionError::NoSection { socket: 0 }));
    assert_eq!(audio_refusal(&with("a=mid:0\n", "")), Some(DescriptionError::NoSection { socket: 0 }));
    assert_eq!(audio_refusal("v=0\n"), Some(DescriptionError::NoSection { socket: 0 }));
    let session_says = with("a=mid:0\n", "").replace("t=0 0", "t=0 0\na=mid:0");
    assert_eq!(audio_refusal(&session_says), Some(DescriptionError::NoSection { socket: 0 }));
    let said = DescriptionError::NoSection { socket: 4_294_967_295 }.to_string();
    assert_eq!(said, "has no media section with mid 4294967295");
}

#[test]
fn no_two_sections_have_one_name() {
    let sdp = with_video() + "m=video 0 RTP/AVP 96\na=mid:1\n";
    let second = DescriptionError::DuplicateMid { line: 21, section: "1".to_owned() };
    assert_eq!(second.to_string(), "line 21: a second media section with mid 1");
    assert_eq!(audio_refusal(&sdp), Some(second));
    let nameless = SDP.to_owned() + &"m=video 0 RTP/AVP 96\n".repeat(2);
    assert_eq!(audio_refusal(&nameless), None, "no name is not the same name");
}

#[test]
fn the_section_goes_with_the_modality_over_udp_and_dtls() {
    const ALL: [&str; 7] = [
        "audio 9 UDP/TLS/RTP/SAVPF 111",
        "audio 9 UDP/TLS/RTP/SAVP 111",
        "video 9 UDP/TLS/RTP/SAVPF 112",
        "video 9 UDP/TLS/RTP/SAVP 112",
        "application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "audio 9 RTP/AVP 111",
        "application 9 TCP/DTLS/SCTP webrtc-datachannel",
    ];
    for (modality, asked, right) in [
        (Modality::Audio, "audio", 0..2),
        (Modality::Video, "video", 2..4),
        (Modality::VideoBasedScreenSharing, "video", 2..4),
        (Modality::Data, "application", 4..5),
    ] {
        let sockets = [socket(0, modality, Some(MediaDirection::SendReceive))];
        for (index, media) in ALL.into_iter().enumerate() {
            let sdp = with("audio 9 UDP/TLS/RTP/SAVPF 111", media);
            let sdp = sdp.replace("a=sendrecv", "a=rtpmap:112 VP8/90000\na=sendrecv");
            let wrong = DescriptionError::WrongKind { section: "0".to_owned(), line: 7, asked };
            let expected = (!right.contains(&index)).then_some(wrong);
            assert_eq!(refusal(&sdp, &sockets), expected, "{modality:?}: {media}");
        }
    }
    let wrong = DescriptionError::WrongKind { section: "0".to_owned(), line: 7, asked: "video" };
    assert_eq!(
        wrong.to_string(),
        "section 0 (line 7): its socket's modality asks for m=video over UDP and DTLS"
    );
}

#[test]
fn an_audio_section_offers_opus_under_a_payload_type_of_its_own_choice() {
    for rtpmap in ["111 opus/48000/2", "111 OPUS/48000/2", "109 opus/48000/2"] {
        let sdp = with("111 opus/48000/2", rtpmap).replace("SAVPF 111", "SAVPF 0 109 111");
        assert_eq!(audio_refusal(&sdp), None, "{rtpmap}");
    }
    for rtpmap in
        ["111 G722/8000", "111 opus/48000", "111 opus/16000/2", "111 opus/48000/2/x", "109 opus/48000/2"]
    {
        let sdp = with("111 opus/48000/2", rtpmap);
        assert_eq!(audio_refusal(&sdp), missing("0", 7, "Opus at 48000/2"), "{rtpmap}");
    }
    let video = [socket(0, Modality::Video, Some(MediaDirection::SendReceive))];
    let sdp = with("m=audio", "m=video").replace("opus/48000/2", "VP8/90000");
    assert_eq!(refusal(&sdp, &video), None, "Opus is for audio");
}

#[test]
fn a_video_section_offers_a_codec_that_is_known() {
    let video = [socket(0, Modality::Video, Some(MediaDirection::SendReceive))];
    for (codec, is_known) in
        [("H264/90000", true), ("vp8/90000", true), ("VP9/90000", false), ("opus/48000/2", false)]
    {
        let sdp = with("m=audio", "m=video").replace("opus/48000/2", codec);
        let expected = if is_known { None } else { missing("0", 7, "H264/90000 or VP8/90000") };
        assert_eq!(refusal(&sdp, &video), expected, "{codec}");
    }
}

#[test]
fn a_section_says_the_direction_of_its_socket() {
    for (socket_says, _) in DIRECTIONS {
        for (section_says, line) in DIRECTIONS {
            let differs =
                DescriptionError::Direction { section: "0".to_owned(), line: 7, section_says, socket_says };
            let expected = (section_says != socket_says).then_some(differs);
            for modality in [Modality::Audio, Modality::Video, Modality::VideoBasedScreenSharing] {
                let (kind, codec) = match modality {
                    Modality::Audio => ("m=audio", "opus/48000/2"),
                    _ => ("m=video", "H264/90000"),
                };
                let sdp = with("a=sendrecv", line).replace("m=audio", kind).replace("opus/48000/2", codec);
                assert_eq!(refusal(&sdp, &[socket(0, modality, Some(socket_says))]), expected);
            }
            let data =
                with("audio 9 UDP/TLS/RTP/SAVPF", "application 9 UDP/DTLS/SCTP").replace("a=sendrecv", line);
            assert_eq!(
                refusal(&data, &[socket(0, Modality::Data, Some(socket_says))]),
                None,
                "data has none"
            );
        }
    }
    let (section_says, socket_says) = (MediaDirection::Inactive, MediaDirection::SendOnly);
    let differs = DescriptionError::Direction { section: "0".to_owned(), line: 7, section_says, socket_says };
    assert_eq!(differs.to_string(), "section 0 (line 7) says Inactive, its socket SendOnly");
}

/// WebRTC cores differ on it.
#[test]
fn no_direction_is_taken_from_the_session_or_from_silence() {
    let nowhere = "a=sendrecv, a=sendonly, a=recvonly or a=inactive";
    let silent = with("a=sendrecv\n", "");
    assert_eq!(audio_refusal(&silent), missing("0", 7, nowhere));
    let session_says = silent.replace("t=0 0\n", "t=0 0\na=sendrecv\n");
    assert_eq!(audio_refusal(&session_says), missing("0", 8, nowhere));
    let data = silent.replace("audio 9 UDP/TLS/RTP/SAVPF", "application 9 UDP/DTLS/SCTP");
    assert_eq!(refusal(&data, &[socket(0, Modality::Data, None)]), None);
}

#[test]
fn a_rejected_section_is_that_of_an_inactive_socket() {
    let rejected = with("m=audio 9", "m=audio 0");
    for (direction, _) in DIRECTIONS {
        let lively = DescriptionError::Rejected { section: "0".to_owned(), line: 7 };
        let expected = (direction != MediaDirection::Inactive).then_some(lively);
        assert_eq!(refusal(&rejected, &[audio(direction)]), expected, "{direction:?}");
    }
    let lively = DescriptionError::Rejected { section: "0".to_owned(), line: 7 };
    assert_eq!(lively.to_string(), "section 0 (line 7) is rejected (port 0), but the socket is not inactive");
    let data = rejected.replace("UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP").replace("m=audio", "m=application");
    assert_eq!(refusal(&data, &[socket(0, Modality::Data, None)]), None);
    let bare = "v=0\nm=audio 0 UDP/TLS/RTP/SAVPF 0\na=mid:0\n";
    assert_eq!(
        refusal(bare, &[audio(MediaDirection::Inactive)]),
        None,
        "what is rejected needs no transport"
    );
}
