//! Whole encoded pictures between two platforms over real UDP, ICE and DTLS-SRTP on loopback.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/clip.rs"]
mod clip;

use std::time::Duration;

use clip::clip;
use offhook_media::blob::{MediaBlob, MediaDirection, Modality, SocketId};
use offhook_media::video::{BandwidthLimits, BitRate, VideoCodec, VideoSize};
use offhook_media::{
    MediaEvent, MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings, MediaStatus,
    VideoSendError, VideoSocketSettings,
};

/// Frames between two key frames of the clip.
const KEY_EVERY: usize = 25;

fn platform() -> MediaPlatform {
    MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap()
}

/// Trusts the path with all that the clip needs however fast it is sent.
fn with(sockets: impl IntoIterator<Item = VideoSocketSettings>) -> MediaSessionSettings {
    let start = BitRate::from_kilobits_per_second(20_000);
    let limits = BandwidthLimits { start, max: start, ..BandwidthLimits::default() };
    let settings = MediaSessionSettings::default().video_bandwidth(limits);
    sockets.into_iter().fold(settings, MediaSessionSettings::video)
}

async fn connect(
    (bot, offers): (&MediaPlatform, &MediaSessionSettings),
    (peer, answers): (&MediaPlatform, &MediaSessionSettings),
) -> (MediaSession, MediaSession) {
    let mut offering = bot.create_session(offers).unwrap();
    let mut answering = peer.answer_session(answers, offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    answering.connected().await.unwrap();
    (offering, answering)
}

/// The next event that `wanted` makes something of.
async fn event<R>(events: &mut offhook_media::MediaEvents, wanted: impl Fn(MediaEvent) -> Option<R>) -> R {
    loop {
        if let Some(found) = wanted(events.next().await.unwrap()) {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_arrive_as_they_were_sent_both_ways_in_both_codecs() {
    let (bot, peer) = (platform(), platform());
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let (offers, answers) =
            (with([VideoSocketSettings::default().codecs([codec])]), with([VideoSocketSettings::default()]));
        let (mut offering, mut answering) = connect((&bot, &offers), (&peer, &answers)).await;
        let (mut one, mut other) =
            (offering.take_video_sockets().remove(0), answering.take_video_sockets().remove(0));
        let mut events = offering.take_events().unwrap();
        let frames = clip(codec);
        assert_eq!(frames.len(), 125);
        for (number, frame) in frames.iter().enumerate() {
            let captured = bot.now();
            one.send(frame, captured).await.unwrap();
            other.send(frame, captured).await.unwrap();
            for socket in [&mut one, &mut other] {
                let seen = socket.receive().await.unwrap();
                assert_eq!(seen.data(), frame, "frame {number}");
                assert_eq!((seen.codec(), seen.is_key()), (codec, number % KEY_EVERY == 0));
                assert_eq!(seen.size(), Some(VideoSize { width: 320, height: 180 }));
                assert_eq!(seen.source(), None, "peer to peer");
                assert!(seen.first_arrival() <= seen.last_arrival());
            }
        }
        let status = event(&mut events, |event| match event {
            MediaEvent::VideoSendStatusChanged { socket, status, codec, .. } => Some((socket, status, codec)),
            _ => None,
        });
        assert_eq!(status.await, (SocketId(1), MediaStatus::Active, Some(codec)));
        let size = event(&mut events, |event| match event {
            MediaEvent::VideoSizeChanged { socket, size } => Some((socket, size)),
            _ => None,
        });
        assert_eq!(size.await, (SocketId(1), VideoSize { width: 320, height: 180 }));
        for counters in [offering.stats().counters, answering.stats().counters] {
            assert_eq!((counters.video_frames_received, counters.video_key_frames_received), (125, 5));
            assert_eq!((counters.video_frames_sent, counters.video_frames_withheld), (125, 0));
            // A machine that stands still in the middle of a key frame asks for another; nothing is missing, though.
            assert_eq!(counters.video_nack_count, 0);
            // Datagrams may be rejected: a handshake that a busy machine held up repeats what the peer has had.
            assert_eq!(counters.send_errors, 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_frame_that_one_end_asks_for_is_needed_at_the_other() {
    let (bot, peer) = (platform(), platform());
    let settings = with([VideoSocketSettings::default()]);
    let (mut offering, mut answering) = connect((&bot, &settings), (&peer, &settings)).await;
    let (mut one, mut other) =
        (offering.take_video_sockets().remove(0), answering.take_video_sockets().remove(0));
    let mut events = offering.take_events().unwrap();
    let frames = clip(VideoCodec::H264);
    one.send(&frames[0], bot.now()).await.unwrap();
    other.receive().await.unwrap();
    // Until then the frame that has just come may be what answers.
    let asked = tokio::spawn(async move {
        loop {
            other.request_key_frame();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let needed = event(&mut events, |event| match event {
        MediaEvent::KeyFrameNeeded { socket, .. } => Some(socket),
        _ => None,
    });
    assert_eq!(needed.await, SocketId(1));
    asked.abort();
    assert!(answering.stats().counters.video_pli_count >= 1);
    assert!(offering.stats().counters.video_pli_received_count >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_was_late_goes_on_with_a_key_frame() {
    let (bot, peer) = (platform(), platform());
    let sees = VideoSocketSettings::default().direction(MediaDirection::ReceiveOnly).receive_queue(5);
    let (offers, answers) = (with([VideoSocketSettings::default()]), with([sees]));
    let (mut offering, mut answering) = connect((&bot, &offers), (&peer, &answers)).await;
    let (mut one, mut other) =
        (offering.take_video_sockets().remove(0), answering.take_video_sockets().remove(0));
    assert_eq!(other.try_send(&[1], bot.now()), Err(VideoSendError::ReceiveOnly));
    let mut events = offering.take_events().unwrap();
    let frames = clip(VideoCodec::H264);
    for frame in &frames[..20] {
        one.send(frame, bot.now()).await.unwrap();
    }
    while answering.stats().counters.video_frames_dropped < 15 {
        tokio::task::yield_now().await;
    }
    assert!(other.try_receive().is_none(), "what waited is old");
    let needed = event(&mut events, |event| matches!(event, MediaEvent::KeyFrameNeeded { .. }).then_some(()));
    needed.await;
    one.send(&frames[20], bot.now()).await.unwrap();
    one.send(&frames[25], bot.now()).await.unwrap();
    assert_eq!(other.receive().await.unwrap().data(), frames[25]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_as_many_pictures_as_both_ends_have_and_a_screen() {
    let (bot, peer) = (platform(), platform());
    let camera = VideoSocketSettings::default;
    let screen = camera().codecs([VideoCodec::Vp8]).direction(MediaDirection::SendOnly);
    let offers = with((0..3).map(|_| camera())).screen_share(screen);
    let answers = with((0..2).map(|_| camera())).screen_share(camera());
    let (mut offering, mut answering) = connect((&bot, &offers), (&peer, &answers)).await;
    let MediaBlob::Offhook(answer) = answering.blob() else { panic!("no blob of ours") };
    let told: Vec<_> =
        answer.sockets.iter().map(|socket| (socket.id.0, socket.modality, socket.direction)).collect();
    let both = Some(MediaDirection::SendReceive);
    assert_eq!(
        told,
        [
            (0, Modality::Audio, both),
            (1, Modality::Video, both),
            (2, Modality::Video, both),
            (3, Modality::Video, Some(MediaDirection::Inactive)),
            (4, Modality::VideoBasedScreenSharing, Some(MediaDirection::ReceiveOnly)),
            (5, Modality::Data, None),
        ]
    );
    assert_eq!((offering.take_video_sockets().len(), answering.take_video_sockets().len()), (3, 2));
    let (mut shows, mut sees) =
        (offering.take_screen_share_socket().unwrap(), answering.take_screen_share_socket().unwrap());
    assert!(offering.take_screen_share_socket().is_none(), "a socket has one owner");
    assert_eq!((shows.id(), sees.id()), (SocketId(4), SocketId(4)));
    for frame in clip(VideoCodec::Vp8) {
        shows.send(&frame, bot.now()).await.unwrap();
        assert_eq!(sees.receive().await.unwrap().data(), frame);
    }
    drop(offering);
    assert!(sees.receive().await.is_err(), "the session is over");
    assert!(shows.send(&[1], bot.now()).await.is_err());
}
