//! Blobs that are right, wrong and hostile. What is wrong is told by the whole error, so that the place is right too.

mod answer;
mod browsers;
mod description;
mod foreign;
mod json;
mod lines;
mod simulcast;
mod streams;
mod transport;
mod video;

use serde_json::json;
use uuid::Uuid;

use super::sdp::{MAX_CANDIDATES, MAX_LINES, MAX_SECTIONS};
use super::*;
use crate::frame::AudioFormat;

/// An offer of one audio section, the least that the profile asks for. Its `m=` is line 7.
const SDP: &str = "v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:0
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=sendrecv
a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host
";

/// A section that leaves its transport to that of mid 0.
const BUNDLED_VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=sendrecv\na=rtpmap:96 VP8/90000\n";

fn session() -> MediaSessionId {
    MediaSessionId::new(Uuid::from_u128(7))
}

fn audio(direction: MediaDirection) -> SocketDescription {
    SocketDescription::audio(SocketId(0), direction, AudioFormat::Pcm16K)
}

fn socket(id: u32, modality: Modality, direction: Option<MediaDirection>) -> SocketDescription {
    let audio = SocketDescription::audio(SocketId(id), MediaDirection::Inactive, AudioFormat::Pcm16K);
    SocketDescription { modality, direction, format: None, mixed: None, ..audio }
}

fn ours(blob: Result<MediaBlob, BlobError>) -> OffhookBlob {
    match blob {
        Ok(MediaBlob::Offhook(blob)) => blob,
        other => panic!("{other:?}"),
    }
}

fn offer() -> OffhookBlob {
    ours(MediaBlob::offer(session(), vec![audio(MediaDirection::SendReceive)], SDP))
}

fn offer_json() -> Value {
    serde_json::from_str(&MediaBlob::Offhook(offer()).to_string()).unwrap()
}

/// [`SDP`] with `from`, which is there once, replaced.
fn with(from: &str, to: &str) -> String {
    assert_eq!(SDP.matches(from).count(), 1, "{from:?}");
    SDP.replace(from, to)
}

/// [`SDP`] with [`BUNDLED_VIDEO`] behind it. The `m=` of the video is line 17.
fn with_video() -> String {
    with("BUNDLE 0", "BUNDLE 0 1") + BUNDLED_VIDEO
}

/// What is wrong with `sdp` as an offer of these sockets, if anything.
fn refusal(sdp: &str, sockets: &[SocketDescription]) -> Option<DescriptionError> {
    match MediaBlob::offer(session(), sockets.to_vec(), sdp) {
        Ok(_) => None,
        Err(BlobError::Description(error)) => Some(error),
        Err(other) => panic!("{other}"),
    }
}

/// What is wrong with `sdp` as an offer of one audio socket that sends and receives.
fn audio_refusal(sdp: &str) -> Option<DescriptionError> {
    refusal(sdp, &[audio(MediaDirection::SendReceive)])
}

#[test]
fn an_offer_reads_back_as_it_was_written() {
    let text = MediaBlob::Offhook(offer()).to_string();
    assert_eq!(MediaBlob::parse(&text), Ok(MediaBlob::Offhook(offer())));
    assert_eq!(
        offer_json(),
        json!({
            "profile": "offhook/1",
            "mediaSessionId": "00000000-0000-0000-0000-000000000007",
            "sockets": [{
                "id": 0, "modality": "audio", "direction": "sendReceive", "format": "Pcm16K", "mixed": true,
            }],
            "description": {"type": "offer", "sdp": SDP},
        })
    );
}

#[test]
fn debug_shows_no_key_and_no_address() {
    let shown = format!("{:?}", MediaBlob::Offhook(offer()));
    for secret in ["0123456789012345678901", "AA:BB", "127.0.0.1", "40000", "abcd"] {
        assert!(SDP.contains(secret) && !shown.contains(secret), "{shown}");
    }
    let what_is_no_secret = ["SendReceive".to_owned(), format!("description: Offer({} bytes)", SDP.len())];
    assert!(what_is_no_secret.iter().all(|part| shown.contains(part)), "{shown}");
}

/// The JSON of the page that others implement from.
fn examples() -> (OffhookBlob, OffhookBlob) {
    let page = include_str!("../../../../../docs/blob-profile.md");
    let texts: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    let [offer, answer] = texts[..] else { panic!("the page has {} examples", texts.len()) };
    (ours(MediaBlob::parse(offer)), ours(MediaBlob::parse(answer)))
}

#[test]
fn the_examples_of_the_profile_page_are_what_they_say() {
    let (offer, answer) = examples();
    assert_eq!((offer.description.kind, answer.description.kind), (SdpType::Offer, SdpType::Answer));
    assert_eq!(answer.check_answers(&offer), Ok(()));
}

#[test]
fn the_profile_page_names_the_limits_of_the_code() {
    let page = include_str!("../../../../../docs/blob-profile.md");
    for limit in [
        format!("at most {} bytes", thousands(MAX_BLOB_LEN)),
        format!("nested at most {MAX_BLOB_DEPTH} deep"),
        format!("most {} lines", thousands(MAX_LINES)),
        format!("at most {MAX_SECTIONS} media sections"),
        format!("at most {MAX_CANDIDATES} candidates"),
        format!("array of 1 to {}", profile::MAX_SOCKETS),
    ] {
        assert!(page.contains(&limit), "the page does not say {limit:?}");
    }
}

fn thousands(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}
