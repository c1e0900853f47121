//! Blobs that are right, wrong and hostile.

use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::frame::AudioFormat;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:0\r\na=ice-ufrag:abcd\r\n\
a=ice-pwd:0123456789012345678901\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=sendrecv\r\n\
a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\n";

fn audio(direction: MediaDirection) -> SocketDescription {
    SocketDescription::audio(SocketId(0), direction, AudioFormat::Pcm16K)
}

fn offer() -> OffhookBlob {
    let id = MediaSessionId::new(Uuid::from_u128(7));
    match MediaBlob::offer(id, vec![audio(MediaDirection::SendReceive)], SDP).unwrap() {
        MediaBlob::Offhook(blob) => blob,
        other => panic!("{other:?}"),
    }
}

fn offer_json() -> Value {
    serde_json::from_str(&MediaBlob::Offhook(offer()).to_string()).unwrap()
}

#[test]
fn an_offer_reads_back_as_it_was_written() {
    let text = MediaBlob::Offhook(offer()).to_string();
    assert_eq!(MediaBlob::parse(&text), Ok(MediaBlob::Offhook(offer())));
    let json = offer_json();
    assert_eq!(json["profile"], "offhook/1");
    assert_eq!(
        json["sockets"][0],
        json!({"id":0,"modality":"audio","direction":"sendReceive","format":"Pcm16K","mixed":true})
    );
    assert_eq!(json["description"]["type"], "offer");
}

#[test]
fn members_that_a_later_version_adds_do_no_harm() {
    let mut json = offer_json();
    json["later"] = json!({"a": [1]});
    json["sockets"][0]["later"] = json!(true);
    assert_eq!(MediaBlob::parse(&json.to_string()), Ok(MediaBlob::Offhook(offer())));
}

#[test]
fn an_answer_has_to_fit_its_offer() {
    let answer = |sockets, setup| MediaBlob::answer(&offer(), sockets, &SDP.replace("actpass", setup));
    assert!(answer(vec![audio(MediaDirection::ReceiveOnly)], "active").is_ok());
    assert_eq!(
        answer(vec![audio(MediaDirection::SendReceive)], "actpass").unwrap_err().to_string(),
        "the media blob's description.sdp: section 0: setup:actpass does not fit here"
    );
    let mut listens = offer();
    listens.sockets[0].direction = Some(MediaDirection::SendOnly);
    let sdp = SDP.replace("actpass", "active");
    let error = MediaBlob::answer(&listens, vec![audio(MediaDirection::SendReceive)], &sdp).unwrap_err();
    assert_eq!(error.to_string(), "the answer's socket 0 has a direction that the offer does not allow");
}

#[test]
fn what_is_wrong_is_said_and_where() {
    let broken = |change: fn(&mut Value)| {
        let mut json = offer_json();
        change(&mut json);
        MediaBlob::parse(&json.to_string()).unwrap_err().to_string()
    };
    for (change, expected) in [
        (
            (|json| json["profile"] = json!("offhook/2")) as fn(&mut Value),
            "profile that this version does not know",
        ),
        (|json| json["mediaSessionId"] = json!("x"), "mediaSessionId: is no UUID"),
        (|json| json["sockets"] = json!([]), "sockets: between 1 and 16"),
        (|json| json["sockets"][0]["direction"] = json!("up"), "sockets[0].direction: unknown variant"),
        (|json| json["sockets"][0]["direction"] = Value::Null, "sockets[0].direction: is missing"),
        (|json| json["sockets"][0]["format"] = json!("Pcm8K"), "sockets[0].format: is none of Pcm16K"),
        (|json| json["sockets"][0]["id"] = json!(3), "no media section with mid 3"),
        (|json| json["sockets"][0]["modality"] = json!("video"), "its kind does not go with"),
        (|json| json["description"]["sdp"] = json!("hello"), "does not begin with v=0"),
        (|json| json["description"]["type"] = json!("pranswer"), "description.type: unknown variant"),
    ] {
        let said = broken(change);
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
    for (from, to, expected) in [
        ("a=rtcp-mux", "a=x", "a=rtcp-mux is missing"),
        ("a=fingerprint", "a=x", "a=fingerprint is missing"),
        ("sha-256 00", "sha-256 0", "fingerprint is malformed"),
        ("sha-256", "md5", "unsafe hash"),
        ("opus/48000/2", "G722/8000", "Opus at 48000/2 is missing"),
        ("a=mid:0", "mid", "line 10 is not of the form"),
        ("a=ice-pwd:0123456789012345678901", "a=ice-pwd:", "a=ice-pwd is missing"),
    ] {
        let mut json = offer_json();
        json["description"]["sdp"] = json!(SDP.replacen(from, to, 1));
        let said = MediaBlob::parse(&json.to_string()).unwrap_err().to_string();
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

#[test]
fn oversized_truncated_and_deep_blobs_are_refused() {
    let long = format!("{{\"profile\":\"offhook/1\",\"x\":\"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(MediaBlob::parse(&long), Err(BlobError::TooLong { len: long.len() }));
    let deep = format!("{{\"profile\":{}", "[".repeat(10_000));
    let said = MediaBlob::parse(&deep).unwrap_err().to_string();
    assert!(said.contains("nested too deeply"), "{said}");
    let text = MediaBlob::Offhook(offer()).to_string();
    for len in 1..text.len() {
        assert!(matches!(MediaBlob::parse(&text[..len]), Err(BlobError::NotJson { .. })), "cut at {len}");
    }
}

#[test]
fn the_documented_microsoft_shapes_are_recognised_and_kept() {
    for (text, sockets, call_id) in [
        (include_str!("../../tests/fixtures/blob/microsoft-1.11-audio.json"), (1, 0), true),
        (include_str!("../../tests/fixtures/blob/microsoft-1.14-video.json"), (1, 1), true),
        (include_str!("../../tests/fixtures/blob/microsoft-1.5-2018.json"), (1, 1), false),
    ] {
        let MediaBlob::Microsoft(blob) = MediaBlob::parse(text).unwrap() else { panic!("{text}") };
        assert_eq!((blob.audio_sockets(), blob.video_sockets()), sockets);
        assert_eq!(blob.call_id().is_some(), call_id);
        assert_eq!(blob.supported_audio_format(), Some("Pcm16K"));
        assert!(blob.media_processor_uri().is_some_and(|uri| uri.ends_with("/MediaProcessor")));
        assert_eq!(MediaBlob::Microsoft(blob).to_string(), text, "byte for byte");
    }
}

#[test]
fn anything_else_is_kept_byte_for_byte() {
    for text in ["<Media Session Configuration>", "", " { \"a\" : 1 }", "[1]", "{\"profile\":\"other/1\"}"] {
        let blob = MediaBlob::parse(text).unwrap();
        assert!(matches!(blob, MediaBlob::Opaque(_)), "{text}");
        assert_eq!(blob.to_string(), text);
    }
}

#[test]
fn debug_shows_no_key_and_no_address() {
    let shown = format!("{:?}", MediaBlob::Offhook(offer()));
    for secret in ["0123456789012345678901", "AA:BB", "127.0.0.1", "abcd"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// The examples of the page that others implement from.
#[test]
fn the_examples_of_the_profile_page_are_what_they_say() {
    let page = include_str!("../../../../docs/blob-profile.md");
    let examples: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    let blobs: Vec<MediaBlob> = examples.iter().map(|text| MediaBlob::parse(text).unwrap()).collect();
    let [MediaBlob::Offhook(offer), MediaBlob::Offhook(answer)] = &blobs[..] else { panic!("{blobs:?}") };
    assert_eq!((offer.description.kind, answer.description.kind), (SdpType::Offer, SdpType::Answer));
    answer.check_against(offer).unwrap();
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,300}") {
        let _ = MediaBlob::parse(&text);
    }

    #[test]
    fn no_change_to_a_good_blob_panics(at in 0_usize..1500, with in any::<char>()) {
        let mut text: Vec<char> = MediaBlob::Offhook(offer()).to_string().chars().collect();
        let at = at % text.len();
        text[at] = with;
        let _ = MediaBlob::parse(&text.into_iter().collect::<String>());
    }

    #[test]
    fn no_sdp_panics(lines in proptest::collection::vec("[a-z]?=?[ -~]{0,40}", 0..40)) {
        let mut json = offer_json();
        json["description"]["sdp"] = json!(format!("v=0\r\n{}", lines.join("\r\n")));
        let _ = MediaBlob::parse(&json.to_string());
    }
}
