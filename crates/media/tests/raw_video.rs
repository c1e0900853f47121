//! Raw pictures between two platforms over real UDP: encoded, sent, received and decoded, with the time burnt into each.
#![cfg(all(feature = "openh264", feature = "libvpx"))]

use std::sync::Arc;
use std::time::Duration;

use offhook_media::film::{AudioVideoFramePlayer, FilmPart, FilmReader};
use offhook_media::raw_video::{RawVideoReceiver, RawVideoReceiverSettings, RawVideoSender, WhenFull};
use offhook_media::video::pattern::{draw_pattern, read_clock};
use offhook_media::video::{
    BitRate, EncodedVideoFrame, PixelFormat, VideoCodec, VideoDecoder, VideoEncoderSettings, VideoFrame,
    VideoSize,
};
use offhook_media::{
    MediaPlatform, MediaPlatformSettings, MediaSessionSettings, RtpTime, VideoSocketSettings,
};

const SIZE: VideoSize = VideoSize { width: 320, height: 180 };
const HALF: VideoSize = VideoSize { width: 160, height: 90 };

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_seen_with_their_time_and_in_the_size_asked_for_in_whatever_codec_was_agreed() {
    let platform = || MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap();
    let (bot, peer) = (Arc::new(platform()), platform());
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let offers = MediaSessionSettings::default().video(VideoSocketSettings::default().codecs([codec]));
        let answers = MediaSessionSettings::default().video(VideoSocketSettings::default());
        let mut offering = bot.create_session(&offers).unwrap();
        let mut answering = peer.answer_session(&answers, offering.blob()).unwrap();
        offering.accept_answer(answering.blob()).unwrap();
        offering.connected().await.unwrap();
        answering.connected().await.unwrap();

        let (_, showing) = offering.take_video_sockets().remove(0).split();
        let (seeing, _) = answering.take_video_sockets().remove(0).split();
        // The far end decides: this one begins with the other codec.
        let settings =
            VideoEncoderSettings::new(VideoCodec::H264).bit_rate(BitRate::from_kilobits_per_second(300));
        let mut sender = RawVideoSender::start(showing, &settings, WhenFull::DropOldest).unwrap();
        let wanted = RawVideoReceiverSettings::default().format(PixelFormat::I420).size(HALF);
        let mut receiver = RawVideoReceiver::start(seeing, &wanted).unwrap();

        let clock = Arc::clone(&bot);
        let shows = tokio::spawn(async move {
            let mut picture = VideoFrame::new(PixelFormat::Nv12, SIZE).unwrap();
            let mut pace = tokio::time::interval(Duration::from_millis(33));
            loop {
                pace.tick().await;
                let now = clock.now();
                draw_pattern(&mut picture, now.as_duration());
                picture.set_capture_time(now);
                if sender.send(&picture).await.is_err() {
                    return sender.stats();
                }
            }
        });
        let mut last = Duration::ZERO;
        for _ in 0..30 {
            let picture = receiver.receive().await.unwrap();
            assert_eq!(
                (picture.size(), picture.original_size(), picture.format()),
                (HALF, SIZE, PixelFormat::I420)
            );
            let shown = read_clock(picture).expect("its clock is read");
            assert!(shown > last, "{codec}: {shown:?} after {last:?}");
            last = shown;
        }
        assert!(receiver.stats().key_frames_decoded >= 1);
        offering.closer().close();
        answering.closer().close();
        let stats = shows.await.unwrap();
        assert!(stats.frames_encoded >= 30, "{stats:?}");
    }
}

/// The film is white, with a tone, for 80 ms at 0.5 s and 1.5 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_heard_and_seen() {
    let platform = || MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap();
    let (bot, peer) = (platform(), platform());
    let settings = MediaSessionSettings::default().video(VideoSocketSettings::default());
    let mut offering = bot.create_session(&settings).unwrap();
    let mut answering = peer.answer_session(&settings, offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    answering.connected().await.unwrap();

    let (_, showing) = offering.take_video_sockets().remove(0).split();
    let (seeing, _) = answering.take_video_sockets().remove(0).split();
    let (mut hearing, _) = answering.take_audio_socket().unwrap().split();
    let audio = offering.take_player().unwrap();
    let rate = audio.format().sample_rate();
    let encoder =
        VideoEncoderSettings::new(VideoCodec::H264).bit_rate(BitRate::from_kilobits_per_second(250));
    let sender = RawVideoSender::start(showing, &encoder, WhenFull::DropOldest).unwrap();
    let mut receiver = RawVideoReceiver::start(seeing, &RawVideoReceiverSettings::default()).unwrap();
    let player = AudioVideoFramePlayer::start(offering.clock(), Some(audio), Some(sender)).unwrap();

    let plays = tokio::spawn(async move {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/video/baseline.mp4");
        let mut film = FilmReader::open(std::fs::File::open(path).unwrap(), Some(rate)).unwrap();
        let mut decoder = VideoDecoder::new(PixelFormat::Nv12, None).unwrap();
        while let Some(part) = film.next_part().unwrap() {
            match part {
                FilmPart::Sound(sound) => player.enqueue_audio(sound.at, sound.samples).await.unwrap(),
                FilmPart::Picture(picture) => {
                    let frame =
                        EncodedVideoFrame::new(VideoCodec::H264, picture.is_key, RtpTime(0), picture.data);
                    let mut decoded = decoder.picture();
                    assert!(decoder.decode(&frame, &mut decoded).unwrap());
                    player.enqueue_picture(picture.at, decoded).await.unwrap();
                }
                _ => {}
            }
        }
        player.wait_for_playout().await.unwrap();
    });
    let sees = tokio::spawn(async move {
        // White, as no other picture of it is.
        let is_white = |picture: &VideoFrame| picture.luma().data.iter().all(|&luma| luma > 200);
        while !is_white(receiver.receive().await.unwrap()) {}
    });
    while hearing.receive().await.unwrap().samples().iter().all(|sample| sample.abs() < 5000) {}
    sees.await.unwrap();
    plays.await.unwrap();
}
