//! Reading an SDP line by line.

use proptest::prelude::*;

use super::*;

fn line_of(sdp: &str, start: &str) -> usize {
    1 + sdp.lines().position(|line| line.starts_with(start)).unwrap()
}

#[test]
fn lines_end_in_crlf_or_lf_and_the_last_one_as_it_likes() {
    for sdp in
        [SDP.to_owned(), SDP.replace('\n', "\r\n"), SDP.trim_end().to_owned(), SDP.replace('\n', "  \n")]
    {
        assert_eq!(audio_refusal(&sdp), None, "{sdp:?}");
    }
}

#[test]
fn what_is_no_line_is_refused_where_it_stands() {
    let line = line_of(SDP, "a=rtcp-mux");
    for no_line in [
        "",
        "a",
        "ab=c",
        "=c",
        "é=c",
        " a=rtcp-mux",
        "a= rtcp-mux",
        "a=rtcp-mux\t",
        "a=\u{a0}rtcp-mux",
        "a=rtcp-mux\u{2028}",
        "a=rtcp\rmux",
        "a=rtcp-mux\r\r",
        "a=x\ra=rtcp-mux",
        "a=rtcp-mux\0",
        "a=x\0y",
    ] {
        let sdp = with("a=rtcp-mux", no_line);
        for sdp in [sdp.clone(), sdp.replace('\n', "\r\n")] {
            assert_eq!(audio_refusal(&sdp), Some(DescriptionError::Line { line }), "{no_line:?}");
        }
    }
    let said = DescriptionError::Line { line }.to_string();
    assert_eq!(said, "line 13 is not of the form x=value");
}

#[test]
fn an_sdp_begins_with_version_0() {
    for text in ["", "\n", "hello", "v=1", "v=00", "V=0", " v=0", "\u{feff}v=0", "v=0\ro=x"] {
        assert_eq!(audio_refusal(text), Some(DescriptionError::NotSdp), "{text:?}");
        let first = with("v=0\n", &format!("{text}\n"));
        assert_eq!(audio_refusal(&first), Some(DescriptionError::NotSdp), "{text:?}");
    }
    assert_eq!(DescriptionError::NotSdp.to_string(), "does not begin with v=0");
}

#[test]
fn there_is_an_end_of_lines_sections_and_candidates() {
    let lines = |count: usize| SDP.to_owned() + &"b=x\n".repeat(count - SDP.lines().count());
    assert_eq!(audio_refusal(&lines(MAX_LINES)), None);
    assert_eq!(audio_refusal(&lines(MAX_LINES + 1)), Some(DescriptionError::TooLong));

    let sections = |count: usize| SDP.to_owned() + &"m=video 0 RTP/AVP 96\n".repeat(count - 1);
    assert_eq!(audio_refusal(&sections(MAX_SECTIONS)), None);
    assert_eq!(audio_refusal(&sections(MAX_SECTIONS + 1)), Some(DescriptionError::TooManySections));

    let candidates = |count: usize| {
        // Of two sections, one of which is rejected: each may be read by a WebRTC core.
        let candidate = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\n";
        let here = candidate.repeat(count / 2 - 1);
        SDP.to_owned() + &here + "m=video 0 RTP/AVP 96\n" + &candidate.repeat(count - count / 2)
    };
    assert_eq!(audio_refusal(&candidates(MAX_CANDIDATES)), None);
    assert_eq!(audio_refusal(&candidates(MAX_CANDIDATES + 1)), Some(DescriptionError::TooManyCandidates));
}

#[test]
fn a_line_that_matters_and_cannot_be_read_is_refused() {
    let digest = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";
    let fourteen = &digest[..42];
    let fingerprint = |last: &str| format!("a=fingerprint:sha-256 {digest}:{fourteen}{last}");
    let given = format!("{}\n", SDP.lines().nth(line_of(SDP, "a=fingerprint") - 1).unwrap());
    let good = with(&given, "").replace("a=setup", &format!("{}\na=setup", fingerprint("EE:ff")));
    assert_eq!(audio_refusal(&good), None);
    let [shorter, longer, no_digit, one, three] =
        ["EE", "EE:FF:00", "EE:FG", "EE:F", "E:EFF"].map(fingerprint);
    let candidate = "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host";
    for (from, what, wrong) in [
        (
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "m=",
            &[
                "m=audio 9 UDP/TLS/RTP/SAVPF",
                "m=audio 9 UDP/TLS/RTP/SAVPF ",
                "m=audio",
                "m=",
                "m=audio +9 x 111",
                "m=audio  9 x 111",
                "m=audio 65536 x 111",
                "m=audio 9/2 x 111",
                "m=audio -1 x 111",
            ][..],
        ),
        ("a=mid:0", "a=mid", &["a=mid", "a=mid:", "a=mid:a b", "a=mid:é", "a=mid:01234567890123456"]),
        (
            "a=ice-ufrag:abcd",
            "a=ice-ufrag",
            &["a=ice-ufrag", "a=ice-ufrag:", "a=ice-ufrag:abc", "a=ice-ufrag:ab:d"],
        ),
        ("a=ice-pwd:0123456789012345678901", "a=ice-pwd", &["a=ice-pwd", "a=ice-pwd:012345678901234567890"]),
        ("a=setup:actpass", "a=setup", &["a=setup", "a=setup:", "a=setup:Actpass", "a=setup:actpass x"]),
        ("a=rtcp-mux", "a=rtcp-mux", &["a=rtcp-mux:", "a=rtcp-mux:0"]),
        ("a=rtcp-mux", "a=bundle-only", &["a=bundle-only:"]),
        ("a=sendrecv", "the direction", &["a=sendrecv:", "a=sendrecv:x", "a=inactive:0"]),
        (
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap",
            &[
                "a=rtpmap",
                "a=rtpmap:",
                "a=rtpmap:111",
                "a=rtpmap: opus/48000/2",
                "a=rtpmap:x opus/48000/2",
                "a=rtpmap:128 opus/48000/2",
                "a=rtpmap:-1 opus/48000/2",
                "a=rtpmap:+111 opus/48000/2",
                "a=rtpmap:99999999999 opus/48000/2",
                "a=rtpmap:111\topus/48000/2",
            ],
        ),
        (
            candidate,
            "a=candidate",
            &[
                "a=candidate",
                "a=candidate:",
                "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ",
                "a=candidate:1 x udp 2130706431 127.0.0.1 40000 typ host",
                "a=candidate:1 1 udp 1 127.0.0.1 65536 typ host",
                "a=candidate:1 1 udp 4294967296 127.0.0.1 40000 typ host",
                "a=candidate:1 1 udp 1 127.0.0.1 40000 kind host",
                "a=candidate:1 1  udp 1 127.0.0.1 40000 typ host",
                "a=candidate: 1 udp 1 127.0.0.1 40000 typ host",
                "a=candidate:1 1 udp 1 bot.example 40000 typ host",
                "a=candidate:1 1 udp 1 fe80::1%eth0 40000 typ host",
                "a=candidate:1 1  1 127.0.0.1 40000 typ host",
                "a=candidate:1 1 udp 1 127.0.0.1 40000 typ  host",
            ],
        ),
        (
            "a=setup:actpass",
            "a=fingerprint",
            &[
                "a=fingerprint",
                "a=fingerprint:",
                "a=fingerprint:sha-256",
                "a=fingerprint:sha-256:00",
                &shorter,
                &longer,
                &no_digit,
                &one,
                &three,
                "a=fingerprint:sha-384 00:11",
                "a=fingerprint:sha-512 00:11",
                "a=fingerprint:sha-256 0:11",
            ],
        ),
    ] {
        let line = line_of(SDP, from);
        for wrong in wrong {
            let malformed = DescriptionError::Malformed { line, what };
            assert_eq!(audio_refusal(&with(from, wrong)), Some(malformed), "{wrong}");
        }
    }
    let said = DescriptionError::Malformed { line: 3, what: "a=mid" }.to_string();
    assert_eq!(said, "line 3: a=mid is malformed");
}

#[test]
fn the_longest_values_are_read_and_longer_ones_are_not() {
    let mid = |len: usize| {
        BUNDLED_VIDEO.replace("mid:1", &format!("mid:{}", "-_.+".repeat(len / 4) + &"x".repeat(len % 4)))
    };
    let bundled = |len: usize| with("BUNDLE 0", &format!("BUNDLE 0 {}", "-_.+".repeat(len / 4))) + &mid(len);
    assert_eq!(audio_refusal(&bundled(16)), None);
    assert_eq!(audio_refusal(&bundled(17)), Some(DescriptionError::Malformed { line: 18, what: "a=mid" }));
    for (start, from) in [("a=ice-ufrag", "abcd"), ("a=ice-pwd", "0123456789012345678901")] {
        let long = |len: usize| {
            with(&format!("{start}:{from}"), &format!("{start}:{}", "+/aZ09".repeat(43)[..len].to_owned()))
        };
        assert_eq!(audio_refusal(&long(256)), None);
        let malformed = DescriptionError::Malformed { line: line_of(SDP, start), what: start };
        assert_eq!(audio_refusal(&long(257)), Some(malformed));
    }
}

#[test]
fn what_may_be_said_once_is_refused_the_second_time() {
    for (line_of_it, again, what) in [
        ("a=mid:0", "a=mid:0", "a=mid"),
        ("a=mid:0", "a=mid:1", "a=mid"),
        ("a=ice-ufrag:abcd", "a=ice-ufrag:efgh", "a=ice-ufrag"),
        ("a=ice-pwd:0123456789012345678901", "a=ice-pwd:9876543210987654321098", "a=ice-pwd"),
        ("a=setup:actpass", "a=setup:active", "a=setup"),
        ("a=sendrecv", "a=sendrecv", "the direction"),
        ("a=sendrecv", "a=inactive", "the direction"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 PCMU/8000", "the payload type's a=rtpmap"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:0111 PCMU/8000", "the payload type's a=rtpmap"),
    ] {
        for (lines, second) in [(format!("{line_of_it}\n{again}"), 1), (format!("{again}\n{line_of_it}"), 1)]
        {
            let line = line_of(SDP, line_of_it) + second;
            assert_eq!(
                audio_refusal(&with(line_of_it, &lines)),
                Some(DescriptionError::Twice { line, what }),
                "{lines}"
            );
        }
    }
    let said = DescriptionError::Twice { line: 3, what: "a=mid" }.to_string();
    assert_eq!(said, "line 3: a=mid stands there a second time");
    // What harms nobody the second time, and what means something else in each section.
    for (from, to) in [
        ("a=rtcp-mux", "a=rtcp-mux\na=rtcp-mux"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/48000/2\na=rtpmap:0 PCMU/8000"),
        ("t=0 0", "t=0 0\na=ice-ufrag:abcd\na=recvonly"),
    ] {
        assert_eq!(audio_refusal(&with(from, to)), None, "{to}");
    }
    assert_eq!(audio_refusal(&(with_video() + "a=rtpmap:111 VP8/90000\n")), None);
}

#[test]
fn the_first_fingerprint_is_of_sha_256_and_all_are_of_hashes_that_are_trusted() {
    let line = line_of(SDP, "a=fingerprint");
    let given = SDP.lines().nth(line - 1).unwrap();
    let other = |hash: &str, bytes: usize| format!("a=fingerprint:{hash} {}", vec!["0f"; bytes].join(":"));
    let refused = |lines: &[&str]| audio_refusal(&with(given, &lines.join("\n")));
    assert_eq!(refused(&[&other("sha-256", 32)]), None, "lower case digits");
    assert_eq!(refused(&[given, &other("sha-384", 48), &other("sha-512", 64)]), None);
    for (hash, bytes) in [("sha-1", 20), ("md5", 16), ("md2", 16), ("sha-224", 28), ("SHA-256", 32), ("", 32)]
    {
        let unsafe_hash = |line| Some(DescriptionError::UnsafeHash { line });
        assert_eq!(refused(&[&other(hash, bytes)]), unsafe_hash(line), "{hash}");
        assert_eq!(refused(&[given, &other(hash, bytes)]), unsafe_hash(line + 1), "{hash} behind a good one");
    }
    let not_sha_256 = Some(DescriptionError::NotSha256 { line });
    assert_eq!(refused(&[&other("sha-512", 64)]), not_sha_256);
    assert_eq!(refused(&[&other("sha-512", 64), given]), not_sha_256);
    let twice = DescriptionError::Twice { line: line + 1, what: "a=fingerprint:sha-256" };
    assert_eq!(refused(&[given, &other("sha-256", 32)]), Some(twice));

    let said = |error: DescriptionError| error.to_string();
    assert_eq!(said(DescriptionError::NotSha256 { line }), "line 6: the first fingerprint is not of sha-256");
    assert_eq!(
        said(DescriptionError::UnsafeHash { line }),
        "line 6: the fingerprint's hash is none of sha-256, sha-384, sha-512"
    );
}

proptest! {
    #[test]
    fn no_sdp_panics(lines in proptest::collection::vec("[a-z]?=?[ -~]{0,40}", 0..40)) {
        let sdp = format!("v=0\n{}", lines.join("\n"));
        let _ = MediaBlob::offer(session(), vec![audio(MediaDirection::SendReceive)], &sdp);
    }

    #[test]
    fn no_attribute_panics(
        name in "mid|ice-ufrag|ice-pwd|setup|group|candidate|rtpmap|fingerprint|sendrecv|rtcp-mux|bundle-only",
        value in "\\PC{0,60}|[0-9 :a-f]{0,60}|(sha-256|BUNDLE|111) [0-9 :A-F]{0,60}",
        at in 0_usize..17,
    ) {
        let mut lines: Vec<&str> = SDP.lines().collect();
        let line = format!("a={name}:{value}");
        lines.insert(at.min(lines.len()), &line);
        let _ = MediaBlob::offer(session(), vec![audio(MediaDirection::SendReceive)], &lines.join("\n"));
    }
}
