//! Whether an answer fits its offer (RFC 3264).

use super::*;

const ALL: [MediaDirection; 4] = [
    MediaDirection::SendReceive,
    MediaDirection::SendOnly,
    MediaDirection::ReceiveOnly,
    MediaDirection::Inactive,
];

fn line(direction: MediaDirection) -> &'static str {
    match direction {
        MediaDirection::SendReceive => "a=sendrecv",
        MediaDirection::SendOnly => "a=sendonly",
        MediaDirection::ReceiveOnly => "a=recvonly",
        MediaDirection::Inactive => "a=inactive",
    }
}

fn answer_sdp(offer: &str) -> String {
    offer.replace("actpass", "active")
}

fn video(id: u32) -> SocketDescription {
    socket(id, Modality::Video, Some(MediaDirection::SendReceive))
}

/// An offer of audio and video, and the SDP of an answer that takes all of it.
fn offer_with_video() -> (OffhookBlob, String) {
    let sockets = vec![audio(MediaDirection::SendReceive), video(1)];
    (ours(MediaBlob::offer(session(), sockets, &with_video())), answer_sdp(&with_video()))
}

fn mismatch(socket: u32, problem: &'static str) -> BlobError {
    BlobError::Mismatch { socket, problem }
}

/// RFC 3264 section 6.1, for all that can be offered and wished.
#[test]
fn an_answer_is_as_much_of_the_wish_as_the_offer_allows() {
    use MediaDirection::{Inactive, ReceiveOnly, SendOnly, SendReceive};
    for (offered, answers) in [
        (SendReceive, [SendReceive, SendOnly, ReceiveOnly, Inactive]),
        (SendOnly, [ReceiveOnly, Inactive, ReceiveOnly, Inactive]),
        (ReceiveOnly, [SendOnly, SendOnly, Inactive, Inactive]),
        (Inactive, [Inactive; 4]),
    ] {
        for (wish, answer) in ALL.into_iter().zip(answers) {
            assert_eq!(wish.answer_to(offered), answer, "{wish:?} to {offered:?}");
        }
    }
}

#[test]
fn an_answer_has_to_fit_its_offer() {
    for offered in ALL {
        let offer = MediaBlob::offer(session(), vec![audio(offered)], &with("a=sendrecv", line(offered)));
        let offer = ours(offer);
        for answered in ALL {
            let sdp = answer_sdp(&with("a=sendrecv", line(answered)));
            let answer = MediaBlob::answer(&offer, vec![audio(answered)], &sdp);
            if answered.answer_to(offered) == answered {
                let answer = ours(answer);
                assert_eq!(answer.media_session_id, offer.media_session_id);
                assert_eq!(answer.description.kind, SdpType::Answer);
                assert_eq!(answer.check_answers(&offer), Ok(()));
            } else {
                let expected = mismatch(0, "has a direction that the offer does not allow");
                assert_eq!(answer, Err(expected), "{answered:?} to {offered:?}");
            }
        }
    }
    let said = mismatch(0, "is missing").to_string();
    assert_eq!(said, "the answer's socket 0 is missing");
}

#[test]
fn only_an_answer_answers_and_only_an_offer_is_answered() {
    let answer =
        ours(MediaBlob::answer(&offer(), vec![audio(MediaDirection::SendReceive)], &answer_sdp(SDP)));
    assert_eq!(answer.check_answers(&offer()), Ok(()));
    assert_eq!(offer().check_answers(&offer()), Err(BlobError::NotAnAnswer));
    assert_eq!(answer.check_answers(&answer), Err(BlobError::NotAnAnswer));
    let again = MediaBlob::answer(&answer, vec![audio(MediaDirection::SendReceive)], &answer_sdp(SDP));
    assert_eq!(again, Err(BlobError::NotAnAnswer));
}

#[test]
fn an_answer_is_to_the_session_that_it_names() {
    let other = MediaSessionId::new(Uuid::from_u128(8));
    let mut answer =
        ours(MediaBlob::answer(&offer(), vec![audio(MediaDirection::SendReceive)], &answer_sdp(SDP)));
    answer.media_session_id = other;
    let refused = answer.check_answers(&offer()).unwrap_err();
    assert_eq!(refused, BlobError::OtherSession { answer: other, offer: session() });
    assert_eq!(
        refused.to_string(),
        "the answer is to session 00000000-0000-0000-0000-000000000008, \
         the offer is of 00000000-0000-0000-0000-000000000007"
    );
}

#[test]
fn an_answer_has_the_sockets_of_its_offer_no_more_and_no_fewer() {
    let (offer, sdp) = offer_with_video();
    let answer = |sockets: &[SocketDescription]| MediaBlob::answer(&offer, sockets.to_vec(), &sdp).err();
    let both = [audio(MediaDirection::SendReceive), video(1)];
    assert_eq!(answer(&both), None);
    assert_eq!(answer(&[both[1].clone(), both[0].clone()]), None, "their order says nothing");
    assert_eq!(answer(&both[..1]), Some(mismatch(1, "is missing")));
    let shared = socket(1, Modality::VideoBasedScreenSharing, Some(MediaDirection::SendReceive));
    let expected = mismatch(1, "has another modality than the offer's");
    assert_eq!(answer(&[both[0].clone(), shared]), Some(expected));

    let sound_only =
        ours(MediaBlob::offer(session(), vec![audio(MediaDirection::SendReceive)], &with_video()));
    let invented = MediaBlob::answer(&sound_only, both.to_vec(), &sdp);
    assert_eq!(invented, Err(mismatch(1, "was not offered")));
}

#[test]
fn an_answer_has_the_sections_of_its_offer_in_their_order() {
    let (offer, sdp) = offer_with_video();
    let both = vec![audio(MediaDirection::SendReceive), video(1)];
    let answer = |sdp: &str| MediaBlob::answer(&offer, both.clone(), sdp).err();
    assert_eq!(answer(&sdp), None);
    let (audio_part, video_part) = sdp.split_once("m=video").unwrap();
    let (session_part, audio_part) = audio_part.split_once("m=audio").unwrap();
    let swapped = format!("{session_part}m=video{video_part}m=audio{audio_part}");
    assert_eq!(answer(&swapped), Some(BlobError::OtherSections));
    assert_eq!(answer(&(sdp.clone() + "m=video 0 RTP/AVP 96\n")), Some(BlobError::OtherSections), "one more");
    assert_eq!(
        BlobError::OtherSections.to_string(),
        "the answer's description.sdp does not have the media sections of the offer, in their order"
    );

    // Of a section that has no socket.
    let sound = vec![audio(MediaDirection::SendReceive)];
    let offer = ours(MediaBlob::offer(session(), sound.clone(), &with_video()));
    let answer = |sdp: &str| MediaBlob::answer(&offer, sound.clone(), sdp).err();
    assert_eq!(answer(&sdp), None);
    assert_eq!(answer(&answer_sdp(SDP)), Some(BlobError::OtherSections), "one fewer");
    let renamed = sdp.replace("mid:1", "mid:2").replace("BUNDLE 0 1", "BUNDLE 0 2");
    assert_eq!(answer(&renamed), Some(BlobError::OtherSections));
    let rejected = sdp.replace("m=video 9", "m=video 0");
    assert_eq!(answer(&rejected), None);
    assert_eq!(answer(&rejected.replace("a=mid:1\n", "")), None, "what is rejected may lose its name");
    assert_eq!(answer(&rejected.replace("mid:1", "mid:2")), Some(BlobError::OtherSections), "not change it");
    assert_eq!(answer(&rejected.replace("m=video", "m=audio")), Some(BlobError::OtherSections));
}
