//! What other WebRTC stacks write is read: `tests/fixtures/blob/README.md` says where each description comes from.

use super::*;

const LIBWEBRTC_OFFER: &str = include_str!("../../../tests/fixtures/blob/libwebrtc-offer.sdp");
const LIBWEBRTC_ANSWER: &str = include_str!("../../../tests/fixtures/blob/libwebrtc-answer.sdp");
const MEETING_OFFER: &str = include_str!("../../../tests/fixtures/blob/libwebrtc-meeting-offer.sdp");
const MEETING_ANSWER: &str = include_str!("../../../tests/fixtures/blob/libwebrtc-meeting-answer.sdp");
const AIORTC_OFFER: &str = include_str!("../../../tests/fixtures/blob/aiortc-offer.sdp");
const AIORTC_ANSWER: &str = include_str!("../../../tests/fixtures/blob/aiortc-answer.sdp");
const FIREFOX_OFFER: &str = include_str!("../../../tests/fixtures/blob/firefox-offer.sdp");

/// As on the wire.
fn crlf(sdp: &str) -> String {
    assert!(!sdp.contains('\r'));
    sdp.replace('\n', "\r\n")
}

fn video(direction: MediaDirection) -> SocketDescription {
    socket(1, Modality::Video, Some(direction))
}

#[test]
fn the_offers_of_other_stacks_are_read() {
    for (sdp, sockets) in [
        (LIBWEBRTC_OFFER, vec![audio(MediaDirection::SendReceive)]),
        (AIORTC_OFFER, vec![audio(MediaDirection::SendReceive)]),
        (FIREFOX_OFFER, vec![audio(MediaDirection::ReceiveOnly), video(MediaDirection::SendReceive)]),
    ] {
        let offer = ours(MediaBlob::offer(session(), sockets, &crlf(sdp)));
        let text = MediaBlob::Offhook(offer.clone()).to_string();
        assert_eq!(MediaBlob::parse(&text), Ok(MediaBlob::Offhook(offer)), "through JSON and back");
    }
}

#[test]
fn the_answers_of_other_stacks_to_the_offer_of_the_page_are_read() {
    let (offer, _) = examples();
    for sdp in [LIBWEBRTC_ANSWER, AIORTC_ANSWER] {
        let sockets = vec![audio(MediaDirection::SendReceive)];
        assert_eq!(ours(MediaBlob::answer(&offer, sockets, &crlf(sdp))).check_answers(&offer), Ok(()));
    }
}

#[test]
fn a_meeting_with_sound_picture_and_data_shares_one_transport() {
    let data = socket(2, Modality::Data, None);
    let sockets = vec![audio(MediaDirection::SendReceive), video(MediaDirection::SendReceive), data.clone()];
    let offer = ours(MediaBlob::offer(session(), sockets, &crlf(MEETING_OFFER)));
    let sockets = vec![audio(MediaDirection::ReceiveOnly), video(MediaDirection::Inactive), data];
    assert_eq!(ours(MediaBlob::answer(&offer, sockets, &crlf(MEETING_ANSWER))).check_answers(&offer), Ok(()));
}
