//! A bot's picture in a real browser, and a real camera and screen at a bot.

use std::time::Duration;

use offhook::media::raw_video::{RawVideoSender, WhenFull};
use offhook::media::video::pattern::draw_pattern;
use offhook::media::video::{
    EncodedVideoFrame, PixelFormat, VideoCodec, VideoDecoder, VideoEncoderSettings, VideoFrame, VideoSize,
};
use offhook::media::{MediaClock, VideoSocketReceiver, VideoSocketSender, VideoSocketSettings};
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;

use crate::driver::{Driver, Page, is_there};
use crate::scene;

const SIZE: VideoSize = VideoSize { width: 640, height: 360 };

/// Whether the codecs are built in; else says that the test is skipped.
pub(crate) fn has_codecs() -> bool {
    let has = VideoDecoder::new(PixelFormat::I420, None).is_ok()
        && offhook::media::video::VideoEncoder::new(&VideoEncoderSettings::new(VideoCodec::H264)).is_ok();
    if !has {
        eprintln!("SKIPPED: built without offhook/video-codecs");
    }
    has
}

/// A bot in the meeting of `page`, which has a camera.
async fn meet(driver: &mut Driver, page: Page, emulator: &Emulator, bot: &Bot) -> BotCall {
    driver.open(page, emulator.page_url(), 440.0).await;
    driver.fill(page, "#name", "Ada").await;
    driver.fill(page, "#meeting", "4242").await;
    driver.choose(page, "#camera", "").await;
    driver.click(page, "#process").await;
    driver.click(page, "#join").await;
    driver.see(page, "#incall-state", "connected").await;
    let media = MediaSessionSettings::default()
        .video(VideoSocketSettings::default())
        .screen_share(VideoSocketSettings::default());
    let meeting = JoinMeetingIdMeetingInfo::without_passcode("4242");
    let mut call = bot.call(NewCall::join_meeting(meeting, emulator.tenant_id()), &media).await.unwrap();
    call.established().await.unwrap();
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    tokio::spawn(async move { while listener.receive().await.is_ok() {} });
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bots_picture_is_seen_in_a_browser_and_its_clock_goes_on_through_loss() {
    if !is_there() || !has_codecs() {
        return;
    }
    let (emulator, bot) = scene().await;
    let mut driver = Driver::start("pictures");
    let page = Page("ada");
    let mut call = meet(&mut driver, page, &emulator, &bot).await;
    let (_, showing) = call.take_video_sockets().remove(0).split();
    let shows = tokio::spawn(show(showing, call.media().clock()));

    let tile = ".tile:not(.own) video";
    assert_eq!(driver.watch(page, tile, 10).await, (640, 360));
    let clocks = driver.read_clocks(page, tile, 20).await;
    assert!(clocks.is_sorted_by(|one, next| one < next), "{clocks:?}");
    driver.shot(page, "1-bot").await;

    driver.click(page, "#tab-faults").await;
    driver.click(page, "#fault-link-loss").await;
    driver.see(page, "#armed", "5 % loss").await;
    driver.click(page, "#tab-call").await;
    let before = driver.decoded(page).await;
    let later = driver.read_clocks(page, tile, 20).await;
    assert!(later.is_sorted_by(|one, next| one < next) && later[0] > clocks[19], "{clocks:?}, {later:?}");
    driver.watch(page, tile, 80).await;
    // What is lost is sent once more: hardly a picture has to begin anew.
    let now = driver.decoded(page).await;
    let [frames, keys, nacks] =
        [now.frames - before.frames, now.keys - before.keys, now.nacks - before.nacks];
    assert!(
        nacks > 0 && frames >= 100 && keys * 10 <= frames,
        "{frames} frames, {keys} key frames, {nacks} NACKs"
    );

    call.hang_up().await.unwrap();
    shows.await.unwrap();
    driver.click(page, "#hang-up").await;
    driver.assert_no_complaints().await;
    emulator.shut_down().await;
}

/// The pattern, until the session is over.
async fn show(socket: VideoSocketSender, clock: impl MediaClock) {
    let settings = VideoEncoderSettings::new(VideoCodec::H264);
    let mut sender = RawVideoSender::start(socket, &settings, WhenFull::DropOldest).unwrap();
    let mut picture = VideoFrame::new(PixelFormat::Nv12, SIZE).unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(40));
    loop {
        pace.tick().await;
        let now = clock.now();
        draw_pattern(&mut picture, now.as_duration());
        picture.set_capture_time(now);
        if sender.send(&picture).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_and_a_screen_arrive_at_a_bot_as_whole_frames_through_loss() {
    if !is_there() || !has_codecs() {
        return;
    }
    let (emulator, bot) = scene().await;
    let mut driver = Driver::start("camera");
    let page = Page("ada");
    let mut call = meet(&mut driver, page, &emulator, &bot).await;
    let (mut camera, _) = call.take_video_sockets().remove(0).split();
    let (mut screen, _) = call.take_screen_share_socket().unwrap().split();

    let mut decoder = VideoDecoder::new(PixelFormat::I420, None).unwrap();
    // A browser may begin with less, until it knows what the path carries.
    let mut size = see(&mut camera, &mut decoder, 30).await;
    while size != SIZE {
        size = see(&mut camera, &mut decoder, 1).await;
    }

    driver.click(page, "#share").await;
    driver.see(page, "#roster", "shares the screen").await;
    let mut shared = VideoDecoder::new(PixelFormat::I420, None).unwrap();
    let size = see(&mut screen, &mut shared, 3).await;
    assert!(size.width >= 320 && size.height >= 180, "{size}");

    driver.click(page, "#tab-faults").await;
    driver.click(page, "#fault-link-loss").await;
    driver.see(page, "#armed", "5 % loss").await;
    // All that is given is whole, with what it refers to: else the decoder would say so.
    see(&mut camera, &mut decoder, 30).await;
    while call.media_stats().counters.video_nack_count == 0 {
        see(&mut camera, &mut decoder, 1).await;
    }
    see(&mut camera, &mut decoder, 30).await;

    call.hang_up().await.unwrap();
    driver.click(page, "#tab-call").await;
    driver.click(page, "#hang-up").await;
    driver.assert_no_complaints().await;
    emulator.shut_down().await;
}

/// Decodes so many frames more; gives the size of the last.
async fn see(socket: &mut VideoSocketReceiver, decoder: &mut VideoDecoder, frames: usize) -> VideoSize {
    let mut picture = decoder.picture();
    let mut last = None;
    for _ in 0..frames {
        let frame: &EncodedVideoFrame = socket.receive().await.unwrap();
        assert!(last.is_none_or(|last| frame.sender_time().since(last) > 0), "in order");
        last = Some(frame.sender_time());
        assert!(decoder.decode(frame, &mut picture).unwrap(), "it shows something");
    }
    picture.size()
}
