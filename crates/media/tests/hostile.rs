//! What a stranger or a broken peer sends to a session: refused or counted, and the session goes on.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic and opens a socket")]

use std::net::UdpSocket;

use offhook_media::blob::{BlobError, MediaBlob, MediaDirection, OffhookBlob};
use offhook_media::{
    AudioFormat, AudioFrame, MediaError, MediaPlatform, MediaPlatformSettings, MediaSessionSettings,
};

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

fn platform() -> MediaPlatform {
    MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap()
}

fn profile(blob: &MediaBlob) -> OffhookBlob {
    let MediaBlob::Offhook(blob) = blob else { panic!("a session's blob is of the profile") };
    blob.clone()
}

/// A STUN binding request for the session with this ICE user name, signed with nothing (RFC 8489 section 5).
fn forged_check(ufrag: &str) -> Vec<u8> {
    let username = format!("{ufrag}:forged");
    let mut datagram = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    datagram.extend([7; 12]);
    datagram.extend([0, 6, 0, u8::try_from(username.len()).unwrap()]);
    datagram.extend(username.bytes());
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram[3] = u8::try_from(datagram.len() - 20).unwrap();
    datagram
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forges_the_ice_user_name_is_counted_and_the_call_loses_nothing() {
    let (bot, peer) = (platform(), platform());
    let mut offering = bot.create_session(&MediaSessionSettings::default()).unwrap();
    let mut answering = peer.answer_session(&MediaSessionSettings::default(), offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    answering.connected().await.unwrap();

    let sdp = profile(offering.blob()).description.sdp;
    let ufrag = sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    let attacker = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = bot.media_addresses()[0];
    let flood = || {
        attacker.send_to(&forged_check(ufrag), port).unwrap();
        // From here on the port takes the attacker for one of the session's addresses: DTLS, RTP, RTCP and nothing.
        for first in [22_u8, 128, 200, 255] {
            for len in [1, 2, 12, 13, 40, 1200] {
                attacker.send_to(&vec![first; len], port).unwrap();
            }
        }
    };
    let (mut speaker, mut listener) =
        (answering.take_audio_socket().unwrap(), offering.take_audio_socket().unwrap());
    let frame = AudioFrame::new(FORMAT, bot.now(), &[2000; 320]).unwrap();
    let speaking = tokio::spawn(async move {
        for _ in 0..60 {
            speaker.send(&frame).await.unwrap();
        }
        speaker
    });
    let mut heard = 0;
    while heard < 55 {
        listener.receive().await.unwrap();
        heard += 1;
        if heard % 10 == 0 {
            flood();
        }
    }
    speaking.await.unwrap();
    let counters = offering.stats().counters;
    assert!(counters.datagrams_rejected > 0, "{counters:?}");
    assert_eq!((counters.packets_lost, counters.decode_errors), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_fit_is_refused_and_a_better_one_is_taken() {
    let (bot, peer) = (platform(), platform());
    let settings = MediaSessionSettings::default();
    let mut offering = bot.create_session(&settings).unwrap();
    let answering = peer.answer_session(&settings, offering.blob()).unwrap();
    let other = bot.create_session(&settings).unwrap();
    let others = peer.answer_session(&settings, other.blob()).unwrap();

    let refused = offering.accept_answer(others.blob()).unwrap_err();
    assert!(matches!(refused, MediaError::Blob(BlobError::OtherSession { .. })), "{refused}");
    let refused = offering.accept_answer(other.blob()).unwrap_err();
    assert!(matches!(refused, MediaError::MismatchedBlob { .. }), "an offer: {refused}");
    let opaque = MediaBlob::parse("<something else>").unwrap();
    let refused = offering.accept_answer(&opaque).unwrap_err();
    assert!(matches!(refused, MediaError::ForeignBlob { .. }), "{refused}");
    let mut twice = profile(answering.blob());
    twice.description.sdp = twice.description.sdp.replace("a=mid:0", "a=mid:1");
    let refused = offering.accept_answer(&MediaBlob::Offhook(twice)).unwrap_err();
    assert!(matches!(refused, MediaError::Blob(BlobError::OtherSections)), "{refused}");

    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    let again = offering.accept_answer(answering.blob()).unwrap_err();
    assert!(matches!(again, MediaError::Misuse(_)), "{again}");
}

#[tokio::test]
async fn an_offer_is_answered_as_far_as_it_goes_and_refused_where_it_goes_too_far() {
    let (bot, peer) = (platform(), platform());
    let settings = MediaSessionSettings::default();
    let offering = bot.create_session(&settings).unwrap();
    let offer = profile(offering.blob());
    for (offered, sdp, answered) in [
        (MediaDirection::SendOnly, "a=sendonly", MediaDirection::ReceiveOnly),
        (MediaDirection::ReceiveOnly, "a=recvonly", MediaDirection::SendOnly),
    ] {
        let mut narrow = offer.clone();
        narrow.sockets[0].direction = Some(offered);
        narrow.description.sdp = narrow.description.sdp.replace("a=sendrecv", sdp);
        let answering = peer.answer_session(&settings, &MediaBlob::Offhook(narrow)).unwrap();
        assert_eq!(profile(answering.blob()).sockets[0].direction, Some(answered), "to {offered:?}");
    }
    let mut wide = offer.clone();
    wide.sockets.push(offer.sockets[0].clone());
    let refused = peer.answer_session(&settings, &MediaBlob::Offhook(wide)).err().unwrap();
    assert!(refused.to_string().contains("offers 2 audio sockets"), "{refused}");
    assert_eq!(peer.stats().sessions, 0, "nothing is left of a session that was refused");
}
