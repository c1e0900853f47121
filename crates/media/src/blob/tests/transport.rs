//! Whom the media comes from and by which way.

use super::*;

const INHERITED: [(&str, &str); 5] = [
    ("a=ice-ufrag:abcd", "a=ice-ufrag"),
    ("a=ice-pwd:0123456789012345678901", "a=ice-pwd"),
    (FINGERPRINT, "a=fingerprint"),
    ("a=rtcp-mux", "a=rtcp-mux"),
    ("a=setup:actpass", "a=setup"),
];

const FINGERPRINT: &str = "a=fingerprint:sha-256 \
00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

fn missing(section: &str, line: usize, missing: &'static str) -> Option<DescriptionError> {
    Some(DescriptionError::Missing { section: section.to_owned(), line, missing })
}

/// [`SDP`] with the fingerprint in the section. Its `m=` is line 6.
fn in_section() -> String {
    with(&format!("{FINGERPRINT}\n"), "").replace("a=setup", &format!("{FINGERPRINT}\na=setup"))
}

/// That with a video section behind it, which has all that is inherited; its `m=` is line 17.
fn both_in_section() -> String {
    let all: Vec<&str> = INHERITED.iter().map(|(line, _)| *line).collect();
    in_section().replace("BUNDLE 0", "BUNDLE 0 1") + BUNDLED_VIDEO + &all.join("\n") + "\n"
}

#[test]
fn a_transport_is_whole_or_the_section_says_what_it_lacks() {
    assert_eq!(audio_refusal(&in_section()), None);
    for (line, attribute) in INHERITED {
        let without = in_section().replace(&format!("{line}\n"), "");
        assert_eq!(audio_refusal(&without), missing("0", 6, attribute));
        let from_session = without.replace("t=0 0\n", &format!("t=0 0\n{line}\n"));
        let for_all = ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint"].contains(&attribute);
        let expected = if for_all { None } else { missing("0", 7, attribute) };
        assert_eq!(audio_refusal(&from_session), expected, "{attribute} in the session");
    }
    let said = missing("0", 6, "a=setup").unwrap().to_string();
    assert_eq!(said, "section 0 (line 6): a=setup is missing");
}

#[test]
fn a_data_channel_has_no_rtcp() {
    let data = with("audio 9 UDP/TLS/RTP/SAVPF", "application 9 UDP/DTLS/SCTP").replace("a=rtcp-mux\n", "");
    assert_eq!(refusal(&data, &[socket(0, Modality::Data, None)]), None);
}

#[test]
fn a_section_inherits_from_the_first_of_its_bundle_and_from_no_other() {
    assert_eq!(audio_refusal(&both_in_section()), None);
    let (audio_part, video_part) = {
        let sdp = both_in_section();
        let (audio_part, video_part) = sdp.split_once("m=video").unwrap();
        (audio_part.to_owned(), format!("m=video{video_part}"))
    };
    for (line, attribute) in INHERITED {
        let line = format!("{line}\n");
        let (audio_lacks, video_lacks) = (audio_part.replace(&line, ""), video_part.replace(&line, ""));
        assert_eq!(audio_refusal(&format!("{audio_part}{video_lacks}")), None, "{attribute} from mid 0");
        let last = format!("{audio_lacks}{video_part}");
        assert_eq!(audio_refusal(&last), missing("0", 6, attribute), "mid 1 is not the first");
        assert_eq!(audio_refusal(&last.replace("BUNDLE 0 1", "BUNDLE 1 0")), None, "now it is");
        for other in ["BUNDLE 0", "BUNDLE 2 0 1"] {
            let lonely = format!("{audio_part}{video_lacks}").replace("BUNDLE 0 1", other);
            assert_eq!(audio_refusal(&lonely), missing("1", 17, attribute), "{attribute}, {other}");
        }
        let rejected = last.replace("BUNDLE 0 1", "BUNDLE 1 0").replace("m=video 9", "m=video 0");
        assert_eq!(audio_refusal(&rejected), missing("0", 6, attribute), "what is rejected gives nothing");
    }
}

#[test]
fn a_section_without_a_socket_needs_its_transport_too() {
    assert_eq!(audio_refusal(&with_video()), None, "it inherits all of it");
    let inherits_nothing = with_video().replace("BUNDLE 0 1", "BUNDLE 1 0");
    assert_eq!(audio_refusal(&inherits_nothing), missing("1", 17, "a=ice-ufrag"));
    let nameless = SDP.to_owned() + "m=audio 9 UDP/TLS/RTP/SAVPF 0\n";
    assert_eq!(audio_refusal(&nameless), missing("without a=mid", 17, "a=ice-ufrag"));
}

#[test]
fn several_sections_share_one_bundle_and_a_single_one_need_not() {
    let apart =
        |section: &str, line| Some(DescriptionError::NotBundled { section: section.to_owned(), line });
    let both = both_in_section();
    assert_eq!(audio_refusal(&both.replace("BUNDLE 0 1", "BUNDLE 0")), apart("1", 17));
    assert_eq!(audio_refusal(&both.replace("BUNDLE 0 1", "BUNDLE 1")), apart("0", 6));
    assert_eq!(audio_refusal(&both.replace("a=group:BUNDLE 0 1\n", "")), apart("0", 5));
    assert_eq!(audio_refusal(&both.replace("BUNDLE 0 1", "LS 0 1")), apart("0", 6));
    let two_groups = both.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0\na=group:BUNDLE 1");
    assert_eq!(audio_refusal(&two_groups), apart("1", 18), "a second bundle is a second transport");
    let other_group = both.replace("a=group:BUNDLE 0 1", "a=group:LS 0 1\na=group:BUNDLE 0 1");
    assert_eq!(audio_refusal(&other_group), None);
    let no_group = with("a=group:BUNDLE 0\n", "");
    assert_eq!(audio_refusal(&no_group), None);
    let rejected = no_group + "m=video 0 RTP/AVP 96\n";
    assert_eq!(audio_refusal(&rejected), None, "what is rejected needs no bundle");
    assert_eq!(apart("1", 17).unwrap().to_string(), "section 1 (line 17) is not in a=group:BUNDLE");
}

#[test]
fn a_port_of_0_is_no_rejection_where_an_offer_makes_it_depend_on_the_bundle() {
    let video = socket(1, Modality::Video, Some(MediaDirection::SendReceive));
    let sockets = [audio(MediaDirection::SendReceive), video.clone()];
    let rejected = DescriptionError::Rejected { section: "1".to_owned(), line: 17 };
    let port_0 = with_video().replace("m=video 9", "m=video 0");
    assert_eq!(refusal(&port_0, &sockets), Some(rejected.clone()));
    let bundle_only = port_0 + "a=bundle-only\n";
    assert_eq!(refusal(&bundle_only, &sockets), None);
    let no_bundle = bundle_only.replace("BUNDLE 0 1", "BUNDLE 0");
    assert_eq!(refusal(&no_bundle, &sockets), Some(rejected.clone()), "depends on nothing");

    let offered = ours(MediaBlob::offer(session(), sockets.to_vec(), &bundle_only));
    let answer = bundle_only.replace("actpass", "active");
    let answered = MediaBlob::answer(&offered, sockets.to_vec(), &answer);
    assert_eq!(answered, Err(BlobError::Description(rejected)), "an answer knows no bundle-only");
}

#[test]
fn no_section_names_another_transport_than_the_rest() {
    let other = |section: &str, line, what| {
        Some(DescriptionError::OtherTransport { section: section.to_owned(), line, what })
    };
    for (line, what, changed) in [
        ("a=ice-ufrag:abcd", "a=ice-ufrag", "a=ice-ufrag:abcD"),
        ("a=ice-pwd:0123456789012345678901", "a=ice-pwd", "a=ice-pwd:1123456789012345678901"),
        (FINGERPRINT, "a=fingerprint", &FINGERPRINT.replace("00:", "01:")),
    ] {
        let both = both_in_section();
        let (audio_part, video_part) = both.split_once("m=video").unwrap();
        let differs = format!("{audio_part}m=video{}", video_part.replace(line, changed));
        assert_eq!(audio_refusal(&differs), other("1", 17, what));
        assert_eq!(
            audio_refusal(&differs.replace("m=video 9", "m=video 0")),
            None,
            "what is rejected counts not"
        );
        for (said, expected) in [(line, None), (changed, other("0", 7, what))] {
            let session_says = in_section().replace("t=0 0\n", &format!("t=0 0\n{said}\n"));
            assert_eq!(audio_refusal(&session_says), expected, "{said} in the session");
        }
    }
    let said = other("1", 17, "a=ice-pwd").unwrap().to_string();
    assert_eq!(said, "section 1 (line 17): a=ice-pwd is another than was said before");
}

#[test]
fn an_offer_leaves_the_dtls_role_open_and_an_answer_takes_the_client_s() {
    for setup in ["actpass", "active", "passive", "holdconn"] {
        let wrong = |line| DescriptionError::Setup { section: "0".to_owned(), line, setup };
        let sdp = with("actpass", setup);
        assert_eq!(audio_refusal(&sdp), (setup != "actpass").then(|| wrong(7)), "offer");
        let answered = MediaBlob::answer(&offer(), vec![audio(MediaDirection::SendReceive)], &sdp);
        let expected = (setup != "active").then(|| BlobError::Description(wrong(7)));
        assert_eq!(answered.err(), expected, "answer");
        // A WebRTC core may take the first that it finds.
        let rejected = with("m=audio 9", &format!("m=video 0 RTP/AVP 96\na=setup:{setup}\nm=audio 9"));
        let wrong = DescriptionError::Setup { section: "without a=mid".to_owned(), line: 7, setup };
        assert_eq!(audio_refusal(&rejected), (setup != "actpass").then_some(wrong), "rejected");
    }
    let wrong = DescriptionError::Setup { section: "0".to_owned(), line: 7, setup: "active" };
    assert_eq!(wrong.to_string(), "section 0 (line 7): setup:active does not fit here");
}

#[test]
fn all_candidates_are_there_from_the_beginning() {
    let candidate = "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\n";
    let none = with(candidate, "a=ice-options:trickle\n");
    assert_eq!(audio_refusal(&none), Some(DescriptionError::NoCandidate));
    let in_session = none.replace("t=0 0\n", &format!("t=0 0\n{candidate}"));
    assert_eq!(
        audio_refusal(&in_session),
        Some(DescriptionError::NoCandidate),
        "the session has none to give"
    );
    let rejected = none.clone() + "m=video 0 RTP/AVP 96\n" + candidate;
    assert_eq!(audio_refusal(&rejected), Some(DescriptionError::NoCandidate), "nor has what is rejected");
    let in_bundle = none.replace("BUNDLE 0", "BUNDLE 0 1") + BUNDLED_VIDEO + candidate;
    assert_eq!(audio_refusal(&in_bundle), None);
    for kind in [
        "udp 1 2001:db8::1 40000 typ srflx raddr 192.0.2.1 rport 40000 generation 0 network-cost 999",
        "UDP 1 5a3c1f9e-7d2b-4c8a-9e10-b6f4d2a8c0e7.local 40000 typ host",
        "tcp 1 192.0.2.1 9 typ host tcptype active",
        "udp 1 192.0.2.1 40000 typ relay raddr 0.0.0.0 rport 0",
    ] {
        assert_eq!(audio_refusal(&with("udp 2130706431 127.0.0.1 40000 typ host", kind)), None, "{kind}");
    }
    assert_eq!(
        DescriptionError::NoCandidate.to_string(),
        "has no ICE candidate; all must be gathered before the description is written"
    );
}
