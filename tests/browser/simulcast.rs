//! A camera that a browser sends in three sizes, and a bot that chooses among them.

use std::time::Duration;

use offhook::media::video::{BitRate, VideoSize};
use offhook::media::{MediaSourceId, VideoResolution, VideoSocketReceiver, VideoSocketSettings};
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;
use serde_json::json;

use crate::driver::{Driver, Page, is_there};
use crate::scene;

/// How long anything may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_shown_a_browsers_camera_in_the_size_it_asks_for_and_within_its_bandwidth() {
    if !is_there() {
        return;
    }
    let (emulator, bot) = scene().await;
    let mut driver = Driver::start("simulcast");
    let page = Page("ada");
    let url = format!("{}?simulcast", emulator.page_url());
    driver.open_with_camera(page, &url, (1_280, 720), 10).await;
    driver.fill(page, "#name", "Ada").await;
    driver.fill(page, "#meeting", "4242").await;
    driver.choose(page, "#camera", "").await;
    driver.click(page, "#join").await;
    driver.see(page, "#incall-state", "connected").await;
    let media = MediaSessionSettings::default().video(VideoSocketSettings::default());
    let meeting = JoinMeetingIdMeetingInfo::without_passcode("4242");
    let mut call = bot.call(NewCall::join_meeting(meeting, emulator.tenant_id()), &media).await.unwrap();
    call.established().await.unwrap();
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    tokio::spawn(async move { while listener.receive().await.is_ok() {} });
    let (mut camera, _) = call.take_video_sockets().remove(0).split();

    // Whoever asks for no size is shown the largest that comes.
    sees(&mut driver, &mut camera, (1_280, 720)).await;
    let rooms = emulator.rooms();
    let ada = rooms[0].members.iter().find(|member| member.name == "Ada").unwrap();
    let source = MediaSourceId(ada.source_ids.video.unwrap());
    for (resolution, size) in [
        (VideoResolution::Sd180p, (320, 180)),
        (VideoResolution::Hd720p, (1_280, 720)),
        (VideoResolution::Hd540p, (640, 360)),
        (VideoResolution::Hd1080p, (1_280, 720)),
    ] {
        camera.subscribe(resolution, source).unwrap();
        sees(&mut driver, &mut camera, size).await;
    }
    // Less than any layer has: the smallest is always shown.
    call.media().set_receive_bandwidth_limit(BitRate::from_kilobits_per_second(1)).unwrap();
    sees(&mut driver, &mut camera, (320, 180)).await;
    call.media().set_receive_bandwidth_limit(BitRate::default()).unwrap();
    sees(&mut driver, &mut camera, (1_280, 720)).await;

    call.hang_up().await.unwrap();
    driver.click(page, "#hang-up").await;
    driver.assert_no_complaints().await;
    emulator.shut_down().await;
}

/// Waits for a key frame of this size, and for some frames behind it, none of which is larger.
async fn sees(driver: &mut Driver, socket: &mut VideoSocketReceiver, (width, height): (u16, u16)) {
    let wanted = VideoSize { width, height };
    let mut sizes = Vec::new();
    let seeing = async {
        while sizes.last() != Some(&wanted) {
            sizes.extend(socket.receive().await.unwrap().size());
        }
        for _ in 0..5 {
            let size = socket.receive().await.unwrap().size();
            assert!(size.is_none_or(|size| size.width <= width), "{size:?} behind {wanted}");
        }
    };
    if tokio::time::timeout(LIMIT, seeing).await.is_err() {
        let sent = driver.ask("sent", json!({"page": "ada"})).await;
        sizes.dedup();
        panic!("no picture of {wanted} has come, but {sizes:?}; the browser sends {sent:#}");
    }
}
